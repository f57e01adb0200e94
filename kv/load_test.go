package kv

import (
	"bytes"
	"strings"
	"testing"

	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// What is loaded is what commands would have stored: the value, its encoding, its expiry and its part of the account; short and long keys and
// values, each alone in the database and gone without a trace afterwards.
func TestLoad(t *testing.T) {
	pack := func(elems ...string) []byte {
		p := listpack.New(nil)
		for _, e := range elems {
			p = listpack.Append(p, []byte(e))
		}
		return p
	}
	long := strings.Repeat("v", 100_000)
	for _, key := range []string{"k", strings.Repeat("k", 3000), strings.Repeat("k", 5000), strings.Repeat("k", 20_000)} {
		for _, at := range []Millis{0, 1_000_000} {
			for name, c := range map[string]struct {
				load func(db *DB, k *NewKey)
				make func(db *DB, key []byte)
			}{
				"short":  {func(db *DB, k *NewKey) { db.LoadString(k, []byte("v")) }, func(db *DB, key []byte) { db.SetString(key, []byte("v"), false) }},
				"raw":    {func(db *DB, k *NewKey) { db.LoadString(k, []byte(long[:200])) }, func(db *DB, key []byte) { db.SetString(key, []byte(long[:200]), false) }},
				"long":   {func(db *DB, k *NewKey) { db.LoadString(k, []byte(long)) }, func(db *DB, key []byte) { db.SetString(key, []byte(long), false) }},
				"digits": {func(db *DB, k *NewKey) { db.LoadString(k, []byte("-12")) }, func(db *DB, key []byte) { db.SetString(key, []byte("-12"), false) }},
				"number": {func(db *DB, k *NewKey) { db.LoadInt(k, 77) }, func(db *DB, key []byte) { db.SetInt(key, 77, false) }},
				"hash": {func(db *DB, k *NewKey) { db.LoadPacked(k, Hash, Listpack, pack("f", "v")) }, func(db *DB, key []byte) {
					e, _ := db.EditHash(key)
					e.Set([]byte("f"), []byte("v"))
					e.Done()
				}},
				"list": {func(db *DB, k *NewKey) { db.LoadPacked(k, List, Listpack, pack("a", "b")) }, func(db *DB, key []byte) {
					e, _ := db.EditList(key)
					e.PushTail([]byte("a"))
					e.PushTail([]byte("b"))
					e.Done()
				}},
			} {
				loaded, made := New(Options{Protect: true}), New(Options{Protect: true})
				a, b := loaded.DB(0), made.DB(0)
				empty := loaded.UsedBytes()
				k := &NewKey{Name: []byte(key), Hash: a.Hash([]byte(key)), Expire: at, Volatile: at != 0}
				if !a.Absent(k.Hash, k.Name) {
					t.Fatal("a key in an empty database")
				}
				c.load(a, k)
				c.make(b, []byte(key))
				if at != 0 {
					b.SetExpire([]byte(key), at)
				}
				if a.Absent(k.Hash, k.Name) {
					t.Fatalf("%s under a key of %d bytes: not there", name, len(key))
				}
				x, _ := a.Lookup([]byte(key), NoTouch)
				y, _ := b.Lookup([]byte(key), NoTouch)
				xe, xt := x.Expire()
				ye, yt := y.Expire()
				if x.Type() != y.Type() || x.Encoding() != y.Encoding() || xe != ye || xt != yt || a.Volatile() != b.Volatile() ||
					!bytes.Equal(x.Value().AppendBytes(nil), y.Value().AppendBytes(nil)) || string(x.Key()) != key {
					t.Errorf("%s under a key of %d bytes, expiry %d: %v, %v, %d", name, len(key), at, x.Type(), x.Encoding(), xe)
				}
				if x.Bytes() != y.Bytes() {
					t.Errorf("%s under a key of %d bytes, expiry %d: %d bytes, and made by commands %d", name, len(key), at, x.Bytes(), y.Bytes())
				}
				a.Delete([]byte(key))
				if n := loaded.UsedBytes(); n != empty {
					t.Errorf("%s under a key of %d bytes: %d bytes are left", name, len(key), n-empty)
				}
				loaded.Close()
				made.Close()
			}
		}
	}
}

// Packs draws the line where commands do.
func TestPacks(t *testing.T) {
	ks := New(Options{})
	defer ks.Close()
	ks.SetLimits(Limits{HashEntries: 3, SetIntsetEntries: 4, SetListpackEntries: 5, ZSetEntries: 2, ListSize: 6})
	db := ks.DB(0)
	list := func(n int) []byte {
		p := listpack.New(nil)
		for range n {
			p = listpack.Append(p, []byte("e"))
		}
		return p
	}
	ints := func(n int) []byte {
		p := intset.New(nil)
		for i := range n {
			p, _ = intset.Add(p, int64(i))
		}
		return p
	}
	for _, c := range []struct {
		typ  Type
		enc  Encoding
		of   func(int) []byte
		most int
	}{{Hash, Listpack, list, 6}, {ZSet, Listpack, list, 4}, {Set, Listpack, list, 5}, {Set, Intset, ints, 4}, {List, Listpack, list, 6}} {
		if !db.Packs(c.typ, c.enc, c.of(c.most)) || db.Packs(c.typ, c.enc, c.of(c.most+2)) {
			t.Errorf("%v, %v: %d elements %t, two more %t", c.typ, c.enc, c.most, db.Packs(c.typ, c.enc, c.of(c.most)), db.Packs(c.typ, c.enc, c.of(c.most+2)))
		}
	}
	ks.SetLimits(Limits{ListSize: -1})
	if p := list(1000); !db.Packs(List, Listpack, p) || db.Packs(List, Listpack, list(4096)) {
		t.Errorf("a list of %d bytes: %t", len(p), db.Packs(List, Listpack, p))
	}
}
