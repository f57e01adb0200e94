package kv

import (
	"bytes"
	"testing"
)

// What SetMade stores is what the pieces held; holes stay holes; the old value and its expiry are gone.
func TestSetMade(t *testing.T) {
	for _, size := range []int{1, 44, 5000, chunkSize, chunkSize + 1, 40*chunkSize + 77} {
		ks := New(Options{})
		db := ks.DB(0)
		key := []byte("k")
		for range 2 {
			db.SetStringExpire(key, bytes.Repeat([]byte("old"), 30000), 1<<40)
			want := make([]byte, size)
			for i := range want {
				if i/chunkSize%3 != 1 {
					want[i] = byte(i * 7)
				}
			}
			db.SetMade(key, size, func(off int, p []byte) { copy(p, want[off:]) })
			e, found := db.Lookup(key, 0)
			if !found || e.Encoding() != Raw || !bytes.Equal(e.AppendString(nil), want) {
				t.Errorf("%d bytes: not what was made", size)
			}
			if _, volatile := e.Expire(); volatile {
				t.Errorf("%d bytes: the expiry is still there", size)
			}
			if holes := int64(size/chunkSize/3) * chunkSize; e.Bytes() > int64(size)-holes+4*chunkSize {
				t.Errorf("%d bytes take %d", size, e.Bytes())
			}
		}
		ks.Close()
	}
}

func TestDeleteAny(t *testing.T) {
	ks := New(Options{})
	defer ks.Close()
	db := ks.DB(0)
	key := []byte("k")
	expired := 0
	ks.Hooks.Expired = func(*DB, []byte) { expired++ }
	db.SetStringExpire(key, []byte("v"), 1000)
	ks.SetNow(2000)
	if !db.DeleteAny(key) || db.DeleteAny(key) || expired != 0 || db.Len() != 0 || db.Volatile() != 0 {
		t.Errorf("%d keys are left, %d volatile; %d expired", db.Len(), db.Volatile(), expired)
	}
}
