package config

import (
	"strings"
	"testing"
)

// A directive at its default stays where it was said, and is not added where it was not.
func TestSentinelUsual(t *testing.T) {
	const conf = "port 5\nsentinel resolve-hostnames YES\n# note\nsentinel announce-hostnames yes\n"
	s, err := LoadText(conf, LoadOptions{Sentinel: true})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := s.Rewrite(conf, "", RewriteOptions{Sentinel: []string{"announce-hostnames yes"},
		SentinelUsual: []string{"deny-scripts-reconfig yes", "resolve-hostnames no"}})
	if !strings.HasPrefix(got, "port 5\nsentinel resolve-hostnames no\n# note\nsentinel announce-hostnames yes\n") || strings.Contains(got, "deny") {
		t.Errorf("rewritten:\n%s", got)
	}
}

// Sentinel directives are kept with their lines, and a rewrite puts the new ones in the places of their options.
func TestSentinelDirectives(t *testing.T) {
	const conf = "port 5\nsentinel monitor m 127.0.0.1 1 2\nsentinel known-slave m 127.0.0.1 9\n# note\nsentinel KNOWN-replica m a 1\n"
	s, err := LoadText(conf, LoadOptions{Sentinel: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := s.Sentinel()
	if len(lines) != 3 || lines[2].Number != 5 || strings.Join(lines[2].Words, " ") != "KNOWN-replica m a 1" {
		t.Errorf("kept %+v", lines)
	}
	if got := lines[0].Refuse("why").Text; !strings.Contains(got, "at line 2\n>>> 'sentinel monitor m 127.0.0.1 1 2'\nwhy") {
		t.Errorf("refused with %q", got)
	}
	got, _ := s.Rewrite(conf, "", RewriteOptions{Sentinel: []string{"myid x", "monitor m 127.0.0.1 7 2", "known-replica m b 2", "known-replica m c 3"}})
	want := "port 5\nsentinel monitor m 127.0.0.1 7 2\n\n# note\nsentinel known-replica m b 2\n"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "sentinel myid x\nsentinel known-replica m c 3\n") || strings.Contains(got, "save") {
		t.Errorf("rewritten:\n%s", got)
	}
	if _, err := LoadText(conf, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "while not in sentinel mode") {
		t.Errorf("a server took them: %v", err)
	}
}
