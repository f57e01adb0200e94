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
