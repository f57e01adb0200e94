package kv

import (
	"fmt"
	"slices"
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

// Members of one set are asked for in another without allocating: SINTER and its like do so once a member.
func TestProbeAllocates(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	for _, c := range []struct {
		prefix string
		n      int
		enc    Encoding
	}{{"m", 300, Hashtable}, {"m", 100, Listpack}, {"", 300, Intset}} {
		key := []byte("set" + c.enc.String())
		e, err := db.EditSet(key, []byte(c.prefix+"0"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.n {
			e.Add([]byte(c.prefix + strconv.Itoa(i)))
		}
		e.Done()
		entry, found := db.Lookup(key, NoTouch)
		if !found || entry.Encoding() != c.enc {
			t.Fatalf("%v: found %t, %v", c.enc, found, entry.Encoding())
		}
		s, n := entry.Set(), 0
		allocs := testing.AllocsPerRun(100, func() {
			n = 0
			x := db.ProbeSet(s)
			x.Expect(s.Len())
			s.Each(func(m Elem) bool {
				if x.Has(m) {
					n++
				}
				return true
			})
			x.Close()
			if s.Joins(s) {
				db.JoinSets(s, s, true, func(m Elem) bool { n++; return true })
				n /= 2
			}
		})
		if n != c.n {
			t.Fatalf("%v: %d of %d members were found", c.enc, n, c.n)
		}
		if allocs > 0 {
			t.Errorf("%v: %v allocations for %d members", c.enc, allocs, c.n)
		}
	}
}

// The join of two sets is what asking the other for each member says, in Each's order, and ends when told to.
func TestJoinSets(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	set := func(name, prefix string, n, step int) SetView {
		e, err := db.EditSet([]byte(name), []byte(prefix+"0"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			e.Add([]byte(prefix + strconv.Itoa((i-n/3)*step)))
		}
		e.Done()
		entry, _ := db.Lookup([]byte(name), NoTouch)
		return entry.Set()
	}
	sets := []SetView{set("one", "", 1, 1), set("twos", "", 100, 2), set("threes", "", 400, 3), set("wide", "", 50, 3<<40), set("table", "", 600, 6),
		set("words", "m", 300, 1), set("fewer", "m", 150, 4)}
	joined := 0
	for i, s := range sets {
		for j, other := range sets {
			if !s.Joins(other) {
				continue
			}
			joined++
			for _, in := range []bool{true, false} {
				var want, got []string
				s.Each(func(m Elem) bool {
					if b := m.Bytes(nil); other.Has(b) == in {
						want = append(want, string(b))
					}
					return true
				})
				db.JoinSets(s, other, in, func(m Elem) bool {
					got = append(got, string(m.Bytes(nil)))
					return true
				})
				if !slices.Equal(got, want) {
					t.Fatalf("sets %d and %d, %t: %q, want %q", i, j, in, got, want)
				}
				n := 0
				db.JoinSets(s, other, in, func(Elem) bool { n++; return n < 3 })
				if n != min(3, len(want)) {
					t.Errorf("sets %d and %d, %t: %d visits of three", i, j, in, n)
				}
			}
		}
	}
	if joined != 4*4+3*3 {
		t.Errorf("%d pairs were joined", joined)
	}
}

// Members asked for in the order in which a listpack has them are found one behind the other: no index is made for them, and where
// there is one, from the member on that was found by it the next ones are found without it.
func TestSetProbeGuesses(t *testing.T) {
	ks := New(Options{Databases: 1})
	db := ks.DB(0)
	const n = 100
	e, err := db.EditSet([]byte("s"), []byte("m0"), n)
	if err != nil {
		t.Fatal(err)
	}
	member := func(i int) Elem { return BytesElem([]byte("m" + strconv.Itoa(i))) }
	for i := range n {
		e.Add(member(i).Bytes(nil))
	}
	e.Done()
	entry, _ := db.Lookup([]byte("s"), NoTouch)
	if entry.Encoding() != Listpack {
		t.Fatal(entry.Encoding())
	}
	x := db.ProbeSet(entry.Set())
	defer x.Close()
	x.Expect(n)
	for i := range n {
		if !x.Has(member(i)) {
			t.Fatalf("member %d was not found", i)
		}
	}
	if x.slots != nil {
		t.Error("an index was made for members asked for in order")
	}
	const from = n / 2
	if !x.Has(member(from)) || x.slots == nil {
		t.Fatalf("index made: %t", x.slots != nil)
	}
	clear(x.slots) // who looks there from now on finds nothing
	for i := from + 1; i < n; i++ {
		if !x.Has(member(i)) {
			t.Errorf("member %d was looked for in the index", i)
		}
	}
	if x.Has(member(0)) {
		t.Error("the first member was found in an empty index")
	}
}
