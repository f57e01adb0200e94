package kv

import "testing"

// Unpacking a sorted set and building a list unpacked change the encoding and neither the content nor, of the set, what its
// watchers hear; the account closes.
func TestUnpack(t *testing.T) {
	ks := newTest(t, 1)
	db, key := ks.DB(0), []byte("k")
	empty := ks.UsedBytes()
	told := 0
	ks.Watching, ks.Hooks.Changed = 1, func(*DB, []byte) { told++ }

	z, _ := db.EditZSet(key, 2, 1)
	z.Add([]byte("b"), 1)
	z.Add([]byte("a"), 2)
	z.Done()
	e, _ := db.Lookup(key, 0)
	before := render(e.Value())
	told = 0
	for range 2 {
		db.UnpackZSet(key)
	}
	db.UnpackZSet([]byte("none"))
	e, _ = db.Lookup(key, 0)
	if e.Encoding() != Skiplist || render(e.Value()) != before || told != 0 {
		t.Errorf("%v %s, %d changes told; want skiplist %s and none", e.Encoding(), render(e.Value()), told, before)
	}
	db.Delete(key)

	for _, c := range []struct {
		elems int
		want  Encoding
	}{{1, Listpack}, {1000, Quicklist}} {
		l, _ := db.EditList(key)
		l.Unpack()
		for range c.elems {
			l.PushTail([]byte("a string of some length"))
		}
		l.Pack()
		l.Done()
		e, _ = db.Lookup(key, 0)
		if got, err := elements(e.Value()); e.Encoding() != c.want || len(got) != c.elems || err != nil {
			t.Errorf("%d elements: %v, %d, %v; want %v", c.elems, e.Encoding(), len(got), err, c.want)
		}
		db.Delete(key)
	}
	for ks.LazyFree(1 << 30) {
	}
	if got := ks.UsedBytes(); got != empty {
		t.Errorf("%d bytes are left of %d", got, empty)
	}
}
