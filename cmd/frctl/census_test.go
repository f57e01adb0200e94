package main

import (
	"strings"
	"testing"
)

func TestCensus(t *testing.T) {
	path := rdbOf(t, "\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x03u:1\x01v\x02\x03u:2\x01\x02ab\x00\x01k\x01v\x00\x03o:1\x05hello")
	out, status := frctl("inspect", "--prefix-sep", ":", "--top", "2", path)
	for _, want := range []string{`prefix     "o:", 1 key, 0 expiring, 5 bytes of values, string 1`, `prefix     "u:", 2 keys, 1 expiring, 3 bytes of values, set 1, string 1`} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q in\n%s", status, want, out)
		}
	}
	if strings.Contains(out, `""`) {
		t.Errorf("more than --top:\n%s", out)
	}
	out, _ = frctl("inspect", "--prefix-sep", "q", makeLog(t))
	for _, want := range []string{`prefix     "", 3 commands of `, "usage      SET, 3 times, ", "usage      MULTI, 1 time, "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
