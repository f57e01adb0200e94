package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckSystem(t *testing.T) {
	for source, want := range map[string]int{"tsc": 0, "kvm-clock": 0, "xen": 1, "hpet": 1, "": 0} {
		root := t.TempDir()
		dir := filepath.Join(root, "sys/devices/system/clocksource/clocksource0")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if source != "" {
			if err := os.WriteFile(filepath.Join(dir, "current_clocksource"), []byte(source+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var out strings.Builder
		if got := checkSystem(&out, root); got != want || strings.Count(out.String(), "WARNING") != want || !strings.Contains(out.String(), "[THP]...") {
			t.Errorf("%q: %d\n%s", source, got, out.String())
		}
	}
}

// Memory that keeps what is written passes; a word that changes behind the test's back is found with every pattern.
func TestTestMemory(t *testing.T) {
	var out strings.Builder
	if status := testMemory(&out, 1); status != 0 || !strings.Contains(out.String(), "Your memory passed this test.") {
		t.Errorf("%d: %s", status, out.String())
	}
	words, calls := make([]uint64, 100), 0
	err := testPattern(words, func(at int) uint64 {
		if calls++; calls == 150 { // while it is read back
			words[99] ^= 1 << 7
		}
		return uint64(at)
	})
	if err == nil {
		t.Error("a changed bit was not found")
	}
}
