package kv

import (
	"slices"
	"strings"
	"testing"
)

// New keys are announced, once each and whatever makes them, while somebody wants to know; what takes a key's place is not.
func TestNewKeysAreAnnounced(t *testing.T) {
	ks := newTest(t, 2)
	db, other := ks.DB(0), ks.DB(1)
	var got []string
	ks.Hooks.Added = func(db *DB, key []byte) { got = append(got, string('0'+rune(db.ID()))+string(key)) }
	set(db, "silent", "v")
	ks.Announce = true
	long := strings.Repeat("k", 5000)
	a, b, c := []byte("a"), []byte("b"), []byte("c")
	set(db, "a", "v")
	set(db, "a", "another")
	db.AppendString(a, []byte(strings.Repeat("x", 10000)))
	set(db, long, "v")
	db.Rename(a, b)
	db.CopyTo(b, other, b)
	db.Move([]byte("silent"), other)
	db.Clear(b)
	set(db, "b", "in its place")
	db.Delete(b)
	set(db, "b", "anew")
	db.Clear(c) // is not there
	set(db, "c", "v")
	if want := []string{"0a", "0" + long, "0b", "1b", "1silent", "0b", "0c"}; !slices.Equal(got, want) {
		t.Errorf("announced %.20q\nwant %.20q", got, want)
	}
}
