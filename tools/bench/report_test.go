package main

import (
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want spread
	}{
		{nil, spread{}},
		{[]float64{2}, spread{2, 2, 2}},
		{[]float64{3, 1, 2}, spread{2, 1, 3}},
		{[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(c.in); got != c.want {
			t.Errorf("spreadOf(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

// A ratio is taken within a round, so that a machine that slows down between rounds does not show as a difference.
func TestRatiosAreWithinRounds(t *testing.T) {
	c := Case{Fsync: "off", Clients: 50, Pipeline: 1, Requests: 100}
	r := &Report{Versions: map[string]string{}}
	for round, speed := range []float64{1000, 500, 100} {
		for who, factor := range map[string]float64{Server: 2, Peer: 1, Again: 2.2} {
			r.Samples = append(r.Samples, Sample{Case: c, Round: round, Who: who, Test: "SET", PerSec: speed * factor, CPU: factor})
		}
	}
	if got := r.ratios(c, "SET", Server, Peer, perSec); got != (spread{2, 2, 2}) {
		t.Errorf("server to peer: %v", got)
	}
	if got := r.ratios(c, "SET", Again, Server, perSec).String(); got != "1.10 (1.10-1.10)" {
		t.Errorf("the noise floor: %v", got)
	}
	table := r.Tables()
	if want := "| off | 50 | 1 | SET | 1000 | 500 | **2.00 (2.00-2.00)** | 1.10 (1.10-1.10) | 2.00 us | 1.00 us | 2.00 (2.00-2.00) |"; !strings.Contains(table, want) {
		t.Errorf("the table lacks\n%s\n%s", want, table)
	}
}

func TestCases(t *testing.T) {
	got := cases(Settings{Requests: 1000, Clients: 50, Fsync: []string{"off", "always"}, Pipeline: []int{1, 16}})
	want := []Case{{"off", 50, 1, 1000}, {"off", 50, 16, 4000}, {"always", 50, 1, 1000}, {"always", 50, 16, 4000}, {"always", 1, 1, 100}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("case %d: %v, want %v", i, got[i], want[i])
		}
	}
}
