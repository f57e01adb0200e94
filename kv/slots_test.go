package kv

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// Every key is found in its slot and nowhere else, whatever becomes of it, and nothing is left when the database is empty.
func TestSlots(t *testing.T) {
	const slots = 16
	slotOf := func(key []byte) uint16 { return uint16(key[0]) % slots }
	ks := New(Options{Databases: 2, RandomSeed: 1, SlotOf: slotOf, Protect: true})
	defer ks.Close()
	ks.SetNow(1000)
	ks.SetExpireMode(ExpireDelete)
	empty, db := ks.UsedBytes(), ks.DB(0)
	rng := rand.New(rand.NewPCG(3, 4))
	check := func() {
		t.Helper()
		want := map[string]bool{}
		db.Each(func(e Entry) bool {
			want[string(e.Key())] = true
			return true
		})
		total := 0
		for slot := range uint16(slots) {
			n := 0
			db.EachInSlot(slot, func(e Entry) bool {
				if k := e.Key(); slotOf(k) != slot || !want[string(k)] {
					t.Fatalf("key %.20q in slot %d", k, slot)
				}
				n++
				return true
			})
			if n != db.SlotLen(slot) {
				t.Fatalf("slot %d: %d keys visited, SlotLen says %d", slot, n, db.SlotLen(slot))
			}
			total += n
		}
		if total != len(want) {
			t.Fatalf("%d keys in slots, %d in all", total, len(want))
		}
	}
	name := func() []byte {
		k := strconv.AppendInt([]byte{byte('a' + rng.IntN(20))}, int64(rng.IntN(30)), 10)
		if rng.IntN(20) == 0 {
			k = append(k, bytes.Repeat([]byte{'k'}, 6000)...)
		}
		return k
	}
	for i := range 4000 {
		stir(ks)
		key := name()
		switch rng.IntN(8) {
		case 0, 1, 2:
			db.SetString(key, bytes.Repeat([]byte{'v'}, rng.IntN(300)), false)
		case 3:
			db.AppendString(key, bytes.Repeat([]byte{'w'}, rng.IntN(100)))
		case 4:
			db.SetExpire(key, ks.Now()+Millis(rng.IntN(200)))
		case 5:
			db.Delete(key)
		case 6:
			db.Rename(key, name())
		case 7:
			db.Persist(key)
		}
		ks.SetNow(ks.Now() + 1)
		if i%500 == 0 {
			check()
		}
	}
	check()
	db.Flush(false)
	check()
	for ks.LazyFree(time.Second) {
	}
	if got := ks.UsedBytes(); got != empty {
		t.Fatalf("%d bytes in use after the flush, %d before anything", got, empty)
	}
}
