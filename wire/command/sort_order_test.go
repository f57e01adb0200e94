package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A partial sort puts the elements of the range where a whole one puts them, as far as the order tells.
func TestSortPart(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	compare := func(a, b sortElem) int { return bytes.Compare(a.weight, b.weight) }
	for range 300 {
		n := rnd.IntN(200)
		v := make([]sortElem, n)
		for i := range v {
			v[i] = sortElem{elem: fmt.Append(nil, i), weight: fmt.Append(nil, rnd.IntN(1+rnd.IntN(n)))}
		}
		from := rnd.IntN(n + 1)
		to := from + rnd.IntN(n-from+1)
		want := slices.Clone(v)
		slices.SortFunc(want, compare)
		got := slices.Clone(v)
		sortPart(got, from, to, compare)
		for i := from; i < to; i++ {
			if !bytes.Equal(got[i].weight, want[i].weight) {
				t.Fatalf("n %d, [%d,%d): position %d has weight %s, want %s", n, from, to, i, got[i].weight, want[i].weight)
			}
		}
		byElem := func(a, b sortElem) int { return bytes.Compare(a.elem, b.elem) }
		slices.SortFunc(got, byElem)
		slices.SortFunc(v, byElem)
		if !slices.EqualFunc(got, v, func(a, b sortElem) bool { return byElem(a, b) == 0 }) {
			t.Fatalf("n %d, [%d,%d): elements got lost", n, from, to)
		}
	}
}

func TestParseWeight(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		ok   bool
	}{
		{"", 0, true}, {" 3", 3, true}, {"\v\t-2.5", -2.5, true}, {"3 ", 0, false}, {" ", 0, false}, {"\x00x", 0, true}, {"1\x00x", 1, true},
		{"0x10", 16, true}, {"0x.8", .5, true}, {"0x", 0, false}, {"nan", 0, false}, {"1e", 0, false}, {"-", 0, false},
		{"1e400", 0, false}, {"1e-400", 0, false}, {"0e-99999", 0, true}, {"1e-310", 0, false}, {"0x1p-1074", 0x1p-1074, true},
		{"2.2250738585072009e-308", 0, false}, {"2.2250738585072014e-308", 0x1p-1022, true},
		{"0x0.fffffffffffff8p-1022", 0, false}, {"0x0.fffffffffffffcp-1022", 0x1p-1022, true},
	} {
		got, ok := parseWeight([]byte(c.text))
		if ok != c.ok || (ok && got != c.want) {
			t.Errorf("%q: %v, %v; want %v, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}
