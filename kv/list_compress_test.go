package kv

import (
	"slices"
	"strings"
	"testing"
)

// Nodes are compressed by their place, and only if that saves something.
func TestListCompressDepth(t *testing.T) {
	ks := newTest(t, 1)
	limits := DefaultLimits()
	limits.ListSize, limits.ListCompressDepth = 1, 2
	ks.SetLimits(limits)
	db, key := ks.DB(0), []byte("list")
	change := func(f func(l *ListEdit)) {
		l, err := db.EditList(key)
		if err != nil {
			t.Fatal(err)
		}
		f(&l)
		l.Done()
	}
	compressed := func() (at []int) {
		e, _ := db.Lookup(key, 0)
		i := 0
		e.List().Nodes(func(n ListNode) bool {
			if n.LZF != nil {
				at = append(at, i)
			}
			i++
			return true
		})
		return at
	}
	for _, step := range []struct {
		name string
		do   func(l *ListEdit)
		want []int
	}{
		{"seven nodes", func(l *ListEdit) {
			l.Expect(7, 700)
			for range 7 {
				l.PushTail([]byte(strings.Repeat("x", 100)))
			}
		}, []int{2, 3, 4}},
		{"one more at the head", func(l *ListEdit) { l.PushHead([]byte(strings.Repeat("x", 100))) }, []int{2, 3, 4, 5}},
		{"one too small", func(l *ListEdit) { l.Set(3, []byte("small")) }, []int{2, 4, 5}},
		{"ends come in", func(l *ListEdit) { l.Delete(0, 1); l.Delete(l.Len()-1, 1) }, []int{3}},
		{"no room between the ends", func(l *ListEdit) { l.Delete(0, 2) }, nil},
	} {
		change(step.do)
		if got := compressed(); !slices.Equal(got, step.want) {
			t.Errorf("%s: nodes %v are compressed, want %v", step.name, got, step.want)
		}
	}
}
