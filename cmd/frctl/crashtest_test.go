package main

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// buildServer builds our server once.
var buildServer = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "frankenredis-crashtest")
	cmd := exec.Command("go", "build", "-o", path, "frankenredis/cmd/frankenredis")
	if out, err := cmd.CombinedOutput(); err != nil {
		return string(out), err
	}
	return path, nil
})

func crashReportOf(t *testing.T, out string) crashReport {
	t.Helper()
	var r crashReport
	at := strings.LastIndex(out, `{"server":`)
	if at < 0 {
		t.Fatal(out)
	}
	if err := json.NewDecoder(strings.NewReader(out[at:])).Decode(&r); err != nil {
		t.Fatal(err, out)
	}
	return r
}

// A server that keeps what it acknowledged passes, and finds damage.
func TestCrashtest(t *testing.T) {
	server, err := buildServer()
	if err != nil {
		t.Fatal(server, err)
	}
	out, status := frctl("crashtest", "--json", "--rounds", "3", "--damage", "1", "--seed", "7", server)
	r := crashReportOf(t, out)
	if status != exitClean || r.Kills != 3 || r.Acked == 0 || r.Lost+r.Wrong+r.Failed > 0 || len(r.Damage) != len(damageKinds) || r.Seed != 7 {
		t.Fatalf("status %d\n%s", status, out)
	}
	for _, d := range r.Damage {
		if d.Copies != 1 || d.Whole+d.Refused != 1 {
			t.Errorf("%+v", d)
		}
	}
}

// A server that keeps nothing is found out; so is one that does not start.
func TestCrashtestFindsLoss(t *testing.T) {
	server, err := buildServer()
	if err != nil {
		t.Fatal(server, err)
	}
	out, status := frctl("crashtest", "--json", "--rounds", "1", "--seed", "7", "--damage", "0", server, "--", "--appendonly", "no")
	if r := crashReportOf(t, out); status != exitCorrupt || r.Lost == 0 || r.Lost < r.Acked {
		t.Fatalf("status %d\n%s", status, out)
	}
	if out, status := frctl("crashtest", "--rounds", "1", server, "--", "--no-such-directive", "1"); status != exitUsage || !strings.Contains(out, "it ended") {
		t.Fatalf("status %d\n%s", status, out)
	}
}

// Each kind of damage changes something, wherever it falls.
func TestCrashtestDamageKinds(t *testing.T) {
	text := strings.Repeat("*3\r\n$5\r\nRPUSH\r\n$1\r\nk\r\n$4\r\n1234\r\n", 500)
	for _, kind := range damageKinds {
		for seed := range uint64(20) {
			p := kind.do([]byte(text), rand.New(rand.NewPCG(seed, 1)))
			if string(p) == text || len(p) > len(text) {
				t.Errorf("%s with seed %d: %d bytes of %d", kind.name, seed, len(p), len(text))
			}
		}
	}
}
