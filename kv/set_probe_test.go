package kv

import (
	"fmt"
	"strconv"
	"testing"
)

// The probe says of every member, and of what is none, what the set itself says, in each encoding, with an index and without.
func TestSetProbe(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	encodings := map[Encoding]int{}
	for _, n := range []int{1, 2, 7, 8, 100, 128, 300, -5, -400} {
		letters := n > 0
		n = max(n, -n)
		key := []byte(fmt.Sprint("set", n))
		first := "a"
		if !letters {
			first = "1"
		}
		e, err := db.EditSet(key, []byte(first), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			member := strconv.Itoa(i * 3)
			if i%2 == 0 && letters {
				member = "m" + member
			}
			e.Add([]byte(member))
		}
		e.Done()
		entry, found := db.Lookup(key, NoTouch)
		if !found {
			t.Fatalf("%d members: not found", n)
		}
		s := entry.Set()
		encodings[s.Encoding()]++
		for _, asked := range []int{0, 1000} {
			x := db.ProbeSet(s)
			x.Expect(asked)
			for i := range 3 * n {
				for _, m := range []Elem{IntElem(int64(i)), BytesElem([]byte(strconv.Itoa(i))), BytesElem([]byte("m" + strconv.Itoa(i))), BytesElem(nil)} {
					if got, want := x.Has(m), s.Has(m.Bytes(nil)); got != want {
						t.Fatalf("%d members, %q: the probe says %t, the set %t", n, m.Append(nil), got, want)
					}
				}
			}
		}
	}
	if encodings[Intset] == 0 || encodings[Listpack] == 0 || encodings[Hashtable] == 0 {
		t.Errorf("encodings %v", encodings)
	}
}

// Members of one table are asked for in another without allocating: SINTER and its like do so once a member.
func TestProbeAllocates(t *testing.T) {
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
	x := db.ProbeSet(s)
	allocs := testing.AllocsPerRun(10, func() {
		n = 0
		s.Each(func(m Elem) bool {
			if x.Has(m) {
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
