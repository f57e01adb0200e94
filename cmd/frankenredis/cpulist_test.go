package main

import (
	"slices"
	"testing"
)

func TestCPUSet(t *testing.T) {
	for list, want := range map[string][]int{
		"0": {0}, "0-3": {0, 1, 2, 3}, "1,3": {1, 3}, "0-6:2,9": {0, 2, 4, 6, 9}, "2 - 3": {2, 3},
		"": nil, "a": nil, "3-1": nil, "0-3:0": nil, "-1": nil, "0-100000": nil, "1,,2": nil,
	} {
		set, ok := cpuSet(list)
		var got []int
		for cpu := range 64 {
			if set.IsSet(cpu) {
				got = append(got, cpu)
			}
		}
		if !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%q: %v, %v; want %v", list, got, ok, want)
		}
	}
}
