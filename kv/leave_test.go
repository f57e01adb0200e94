package kv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"frankenredis/kv/arena"
)

// A key that changes while a view is open takes another place: what is copied is the value and parts of the table of keys, never
// the pages of all that lies beside it.
func TestViewCopiesValues(t *testing.T) {
	const keys, writes, size = 20_000, 2000, 700
	value := func(n int) []byte { return []byte(fmt.Sprintf("%0*d", size, n)) }
	write := map[string]func(t *testing.T, db *DB, key []byte, n int){
		"set":    func(_ *testing.T, db *DB, key []byte, n int) { db.SetString(key, value(n), false) },
		"range":  func(_ *testing.T, db *DB, key []byte, n int) { db.SetRange(key, 5, []byte("another")) },
		"bits":   func(t *testing.T, db *DB, key []byte, n int) { setBit(t, db, key) },
		"expire": func(_ *testing.T, db *DB, key []byte, n int) { db.SetExpire(key, testNow+10_000) },
	}
	for name, do := range write {
		t.Run(name, func(t *testing.T) {
			ks := newTest(t, 1)
			db := ks.DB(0)
			key := func(n int) []byte { return []byte(fmt.Sprintf("key:%d", n)) }
			for n := range keys {
				db.SetString(key(n), value(n), false)
			}
			want := frozenDigest(ks)
			f := ks.Freeze()
			rng := rand.New(rand.NewPCG(1, 2))
			for n := range writes {
				k := rng.IntN(keys)
				do(t, db, key(k), n)
				do(t, db, key(k), n+1) // where it is now no view needs it
			}
			_, tables := db.Bytes()
			most := int64(writes*arena.BlockSize(size+64)) + 2*tables + 8*arena.PageSize
			if got := f.CopiedBytes(); got == 0 || got > most {
				t.Errorf("%d bytes were copied, want at most %d; the data has %d", got, most, ks.UsedBytes())
			}
			if got := digestOf(f); got != want {
				t.Error("the view has changed")
			}
			f.Close()
		})
	}
}

func setBit(t *testing.T, db *DB, key []byte) {
	t.Helper()
	b, _, err := db.OpenBits(key, 10)
	if err != nil {
		t.Fatal(err)
	}
	b.SetField(8, 8, 'x')
}

func frozenDigest(ks *Keyspace) uint64 {
	f := ks.Freeze()
	defer f.Close()
	return digestOf(f)
}

// digestOf sums keys and values up, in any order.
func digestOf(f *Frozen) (sum uint64) {
	f.DB(0).Each(func(it Item) bool {
		h := uint64(14695981039346656037)
		at, _ := it.Expire()
		for _, b := range append(it.AppendString(append([]byte{byte(at)}, it.Key()...)), 0) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		sum += h
		return true
	})
	return sum
}
