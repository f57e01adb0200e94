package kv

import (
	"fmt"
	"strconv"
	"testing"
)

// The index says of every member, and of what is none, what the set itself says.
func TestSetIndex(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	for _, n := range []int{1, 2, 7, 8, 100, 128} {
		key := []byte(fmt.Sprint("set", n))
		e, err := db.EditSet(key, []byte("a"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			member := strconv.Itoa(i * 3)
			if i%2 == 0 {
				member = "m" + member
			}
			e.Add([]byte(member))
		}
		e.Done()
		entry, found := db.Lookup(key, NoTouch)
		if !found || entry.Set().Encoding() != Listpack {
			t.Fatalf("%d members: found %t, %v", n, found, entry.Set().Encoding())
		}
		s := entry.Set()
		x := db.IndexSet(s)
		for i := range 3 * n {
			for _, m := range []Elem{IntElem(int64(i)), BytesElem([]byte(strconv.Itoa(i))), BytesElem([]byte("m" + strconv.Itoa(i))), BytesElem(nil)} {
				if got, want := x.Has(m), s.HasElem(m); got != want {
					t.Fatalf("%d members, %q: the index says %t, the set %t", n, m.Append(nil), got, want)
				}
			}
		}
	}
}

// Members of one table are asked for in another without allocating: SINTER and its like do so once a member.
func TestHasElemAllocates(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	e, err := db.EditSet([]byte("set"), []byte("m0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		e.Add([]byte("m" + strconv.Itoa(i)))
	}
	e.Done()
	entry, found := db.Lookup([]byte("set"), NoTouch)
	if !found || entry.Encoding() != Hashtable {
		t.Fatalf("found %t, %v", found, entry.Encoding())
	}
	s, n := entry.Set(), 0
	allocs := testing.AllocsPerRun(10, func() {
		n = 0
		s.Each(func(m Elem) bool {
			if s.HasElem(m) {
				n++
			}
			return true
		})
	})
	if n != 300 {
		t.Fatalf("%d of 300 members were found", n)
	}
	if allocs > 10 { // what Each itself takes
		t.Errorf("%v allocations for 300 members", allocs)
	}
}
