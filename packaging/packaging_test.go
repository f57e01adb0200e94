// Package packaging holds what an installation needs beside the programs; this test keeps it true.
package packaging

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"frankenredis/wire/config"
)

// The commented configuration names every parameter of Redis's once, with its default, and means what it says.
func TestConfiguration(t *testing.T) {
	text, err := os.ReadFile("frankenredis.conf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadText(string(text), config.LoadOptions{}); err != nil {
		t.Errorf("as it is: %v", err)
	}
	defaults, err := config.LoadText("", config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for line := range strings.Lines(string(text)) {
		directive := strings.TrimPrefix(strings.TrimSpace(line), "#")
		if directive == "" || directive[0] == ' ' {
			continue
		}
		name, _, _ := strings.Cut(directive, " ")
		row, ok := config.Lookup(name)
		if !ok || row.Name != name {
			t.Errorf("%q is no parameter's name", name)
			continue
		}
		if seen[name] += directive + "\n"; line[0] != '#' {
			continue // differs from the default, or says why not
		}
		set, err := config.LoadText(seen[name], config.LoadOptions{})
		if err != nil {
			t.Errorf("%s: %v", directive, err)
			continue
		}
		if name == "dir" || name == "save" || name == "client-output-buffer-limit" {
			continue // relative to where one stands; added to, and shown otherwise
		}
		if got, want := value(set, name), value(defaults, name); got != want {
			t.Errorf("%s: the default is %q", directive, want)
		}
	}
	for _, r := range config.Rows() {
		if seen[r.Name] == "" && !r.Ours() && !r.Is(config.Hidden) {
			t.Errorf("%s is missing", r.Name)
		}
	}
}

func value(s *config.Store, name string) string {
	for _, p := range s.Get([]string{name}) {
		return p.Value
	}
	return ""
}

// systemd finds nothing wrong with the unit file.
func TestUnitFile(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	text, err := os.ReadFile("frankenredis.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := t.TempDir() + "/frankenredis.service"
	self, err := os.Executable() // some program that is there
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/bin/frankenredis", self)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
