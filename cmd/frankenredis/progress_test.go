package main

import (
	"testing"
	"time"

	"frankenredis/recovery"
)

func TestSecondsLeft(t *testing.T) {
	for _, c := range []struct {
		loaded, total int64
		passed        time.Duration
		want          int64
	}{
		{0, 100, time.Second, 1}, // nothing is known yet
		{50, 100, 10 * time.Second, 10},
		{25, 100, 10 * time.Second, 30},
		{100, 100, 10 * time.Second, 1}, // Redis's own least
	} {
		if got := secondsLeft(recovery.Progress{Loaded: c.loaded, Total: c.total}, c.passed); got != c.want {
			t.Errorf("%d of %d after %v: %d seconds left, want %d", c.loaded, c.total, c.passed, got, c.want)
		}
	}
}

func TestPace(t *testing.T) {
	if _, ok := (recovery.Read{Bytes: 1000, Took: time.Second}).Seconds(1000); ok {
		t.Error("a thousand bytes tell the pace")
	}
	if got, ok := (recovery.Read{Bytes: 10 << 20, Took: 2 * time.Second}).Seconds(30 << 20); !ok || got != 6 {
		t.Errorf("%v seconds, %t", got, ok)
	}
}

// The flag stands for its directive wherever it comes; what is its value stays one.
func TestSalvageArgument(t *testing.T) {
	for _, c := range []struct {
		in, want []string
	}{
		{[]string{"fr", "a.conf", "--salvage", "--port", "1"}, []string{"fr", "a.conf", "--fr-salvage", "yes", "--port", "1"}},
		{[]string{"fr", "--port", "1"}, []string{"fr", "--port", "1"}},
	} {
		got := salvageArgument(c.in)
		if len(got) != len(c.want) {
			t.Fatalf("%q", got)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	}
}
