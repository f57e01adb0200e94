package kv

import (
	"strconv"
	"strings"
	"testing"
)

// A packed value that stays about as long is changed in its entry's block; while a view is open it is not, nor when it no longer fits.
func TestPackedChangesWhereItLies(t *testing.T) {
	ks := newTest(t, 1)
	db, key := ks.DB(0), []byte("hash")
	inPlace := false // the last change was
	set := func(field, value string) {
		h, err := db.EditHash(key)
		if err != nil {
			t.Fatal(err)
		}
		h.Set([]byte(field), []byte(value))
		inPlace = h.block != nil && h.inPlace()
		h.Done()
	}
	entry := func() Entry {
		e, found := db.Lookup(key, NoTouch)
		if !found {
			t.Fatal("not found")
		}
		return e
	}
	set("field", "value")
	set("other", "one")
	at := entry().ref
	set("field", "eulav")
	set("other", "two")
	set("other", "7") // shorter, but not by much
	if entry().ref != at || !inPlace {
		t.Error("the value moved though it is no longer")
	}
	want := "hash field=eulav other=7"
	if got := render(entry().Value()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	view := ks.Freeze()
	if set("field", "after"); inPlace {
		t.Error("changed where it lay with a view open")
	}
	view.DB(0).Each(func(it Item) bool {
		if got := render(it.Value()); got != want {
			t.Errorf("in the view %s, want %s", got, want)
		}
		return true
	})
	view.Close()
	if got, want := render(entry().Value()), "hash field=after other=7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	set("field", strings.Repeat("x", 40))
	if got, want := render(entry().Value()), "hash field="+strings.Repeat("x", 40)+" other=7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	set("field", "")
	h, _ := db.EditHash(key)
	h.Delete([]byte("other"))
	h.Done()
	if room, size := ks.a.Usable(entry().ref), entry().h.size(); !fits(room, size) {
		t.Errorf("%d bytes in a block of %d", size, room)
	}
	field, long := []byte("field"), []byte("longer than there is room for in that block")
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range [...][]byte{long, nil} {
			h, _ := db.EditHash(key)
			h.Set(field, v)
			h.Done()
		}
	}); n > 0 {
		t.Errorf("%v allocations for a value that grows and shrinks", n)
	}
}

// Random choices have as many elements as were asked for, each once, and leave the others: in every encoding.
func TestSamples(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	for _, first := range []string{"1", "m"} {
		for _, n := range []int{1, 5, 100, 3000} {
			for _, wanted := range []int{0, 1, n / 10, n / 2, n} {
				fill := func(typ Type) Entry {
					key := []byte(typ.String())
					db.Delete(key)
					s, _ := db.EditSet(key, []byte(first), 0)
					if typ != Set {
						s.Done()
					}
					h, z := HashEdit{}, ZSetEdit{}
					switch typ {
					case Hash:
						h, _ = db.EditHash(key)
					case ZSet:
						z, _ = db.EditZSet(key, 0, 0)
					}
					for i := range n {
						m := []byte(first + strconv.Itoa(i))
						switch typ {
						case Set:
							s.Add(m)
						case Hash:
							h.Set(m, m)
						default:
							z.Add(m, float64(i))
						}
					}
					switch typ {
					case Set:
						s.Done()
					case Hash:
						h.Done()
					default:
						z.Done()
					}
					e, found := db.Lookup(key, NoTouch)
					if !found {
						t.Fatal("not found")
					}
					return e
				}
				got := map[string]bool{}
				note := func(m Elem) { got[string(m.Append(nil))] = true }
				check := func(what string, e Entry) {
					if len(got) != wanted {
						t.Fatalf("%s, %v: %d of %d members came, %d were wanted", what, e.Encoding(), len(got), n, wanted)
					}
					clear(got)
				}
				e := fill(Set)
				e.SampleSet(wanted, note)
				check("SampleSet", e)
				e = fill(Hash)
				e.SampleHash(wanted, func(f, v Elem) {
					if !f.equal(v) {
						t.Fatalf("field %q has value %q", f.Append(nil), v.Append(nil))
					}
					note(f)
				})
				check("SampleHash", e)
				e = fill(ZSet)
				e.SampleZSet(wanted, func(m Elem, _ float64) { note(m) })
				check("SampleZSet", e)

				e = fill(Set)
				s, _ := db.EditSet([]byte(Set.String()), nil, 0)
				s.TakeRandom(wanted, note)
				for m := range got {
					if s.Has([]byte(m)) {
						t.Fatalf("TakeRandom, %v: %q is still there", s.Encoding(), m)
					}
				}
				left := s.Len()
				if s.Done() != (wanted == n) || left != n-wanted {
					t.Fatalf("TakeRandom: of %d members %d are left, %d were taken", n, left, wanted)
				}
				check("TakeRandom", e)
			}
		}
	}
	if err := ks.Arena().Check(); err != nil {
		t.Error(err)
	}
}
