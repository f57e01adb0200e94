package kv

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func evictKey(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }

// TestEvictOrder promises: of a thousand keys of which some are worth keeping, eviction of half takes hardly any of these.
func TestEvictOrder(t *testing.T) {
	const keys, worthy = 1000, 200
	for _, c := range []struct {
		name   string
		policy EvictPolicy
		lfu    bool
		use    func(ks *Keyspace, i int) // makes key i worth keeping
		most   int                       // of the worthy that may go
	}{
		{"lru", EvictPolicy{Order: EvictLRU}, false, func(ks *Keyspace, i int) { ks.DB(0).Lookup(evictKey(i), 0) }, 2},
		{"lfu", EvictPolicy{Order: EvictLFU}, true, func(ks *Keyspace, i int) {
			for range 30 {
				ks.DB(0).Lookup(evictKey(i), 0)
			}
		}, 8},
		{"volatile lru", EvictPolicy{Order: EvictLRU, Volatile: true}, false, func(ks *Keyspace, i int) { ks.DB(0).Persist(evictKey(i)) }, 0},
		{"volatile random", EvictPolicy{Order: EvictRandom, Volatile: true}, false, func(ks *Keyspace, i int) { ks.DB(0).Persist(evictKey(i)) }, 0},
		{"ttl", EvictPolicy{Order: EvictTTL}, false, func(ks *Keyspace, i int) { ks.DB(0).SetExpire(evictKey(i), testNow+1_000_000) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			ks := newTest(t, 1)
			ks.SetPolicy(c.lfu, 10, 1)
			db := ks.DB(0)
			for i := range keys {
				set(db, string(evictKey(i)), "v")
				db.SetExpire(evictKey(i), testNow+500_000+Millis(i))
			}
			ks.SetNow(testNow + 10_000)
			for i := range worthy {
				c.use(ks, i*keys/worthy)
			}
			c.policy.Samples = 5
			for range keys / 2 {
				_, key, ok := ks.Evict(c.policy)
				if !ok {
					t.Fatal("nothing to evict")
				}
				if _, there := db.Lookup(key, NoTouch|NoExpire); there {
					t.Fatalf("%s is still there", key)
				}
			}
			lost := 0
			for i := range worthy {
				if _, there := db.Lookup(evictKey(i*keys/worthy), NoTouch); !there {
					lost++
				}
			}
			if lost > c.most || db.Len() != keys/2 {
				t.Errorf("%d of %d worthy keys evicted, %d keys left", lost, worthy, db.Len())
			}
		})
	}
}

// TestEvictEnds promises: eviction takes every key it may from every database, one at a time, and then says that there are
// no more; bytes go to zero with them.
func TestEvictEnds(t *testing.T) {
	for _, p := range []EvictPolicy{{Order: EvictLRU}, {Order: EvictLFU, Lazy: true}, {Order: EvictRandom}, {Order: EvictRandom, Volatile: true},
		{Order: EvictTTL}, {Order: EvictNone}} {
		ks := newTest(t, 3)
		p.Samples = 5
		for i := range 30 {
			db := ks.DB(i % 3)
			set(db, string(evictKey(i)), string(make([]byte, 1<<(i/2))))
			if i%2 == 0 {
				db.SetExpire(evictKey(i), testNow-1+Millis(i)) // expired ones are evicted like others
			}
		}
		n, seen := 0, map[string]bool{}
		for {
			db, key, ok := ks.Evict(p)
			if !ok {
				break
			}
			seen[fmt.Sprint(db.ID(), string(key))] = true
			n++
		}
		want := 30
		switch {
		case p.Order == EvictNone:
			want = 0
		case p.Volatile || p.Order == EvictTTL:
			want = 15
		}
		left := ks.DB(0).Len() + ks.DB(1).Len() + ks.DB(2).Len()
		if n != want || len(seen) != want || left != 30-want {
			t.Errorf("%+v: %d evicted, %d different, %d left", p, n, len(seen), left)
		}
		for ks.LazyFree(time.Second) {
		}
		if owed, hidden := ks.LazyBytes(); owed != 0 || hidden != 0 {
			t.Errorf("%+v: %d owed, %d hidden", p, owed, hidden)
		}
	}
}

// TestEvictPool promises: a candidate that is used, replaced, renamed or flushed away before its turn is not evicted for what
// it was.
func TestEvictPool(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	p := EvictPolicy{Order: EvictLRU, Samples: 64}
	for i := range 17 {
		set(db, string(evictKey(i)), "v")
	}
	ks.SetNow(testNow + 60_000)
	if _, _, ok := ks.Evict(p); !ok || ks.pool.n < 15 {
		t.Fatalf("%d candidates", ks.pool.n)
	}
	var kept []byte
	for i := range 17 {
		if _, there := db.Lookup(evictKey(i), 0); there && kept == nil {
			kept = evictKey(i)
			continue
		}
		db.SetIdle(evictKey(i), 30_000)
	}
	for range 15 {
		if _, key, _ := ks.Evict(p); string(key) == string(kept) {
			t.Fatal("the key used last was evicted before others")
		}
	}
	db.Flush(false)
	set(db, "other", "v")
	if _, key, ok := ks.Evict(p); !ok || string(key) != "other" {
		t.Errorf("%q evicted after a flush", key)
	}
	if _, _, ok := ks.Evict(p); ok {
		t.Error("evicted from an empty database")
	}
}

// TestLazyServerDel promises: with lazyfree-lazy-server-del big values that are overwritten or renamed over become pending
// objects, with lazyfree-lazy-expire those that expire do.
func TestLazyServerDel(t *testing.T) {
	big := strings.Repeat("v", 2<<20+1)
	for _, lazy := range []bool{false, true} {
		ks := newTest(t, 1)
		ks.SetLazy(lazy, lazy)
		db := ks.DB(0)
		for i, drop := range []func(){
			func() { set(db, "k", "v") },
			func() { set(db, "r", "v"); db.Rename([]byte("r"), []byte("k")) },
			func() { db.SetExpire([]byte("k"), testNow-1); db.Lookup([]byte("k"), 0) },
			func() { db.DeleteAny([]byte("k")) },
		} {
			set(db, "k", big)
			before := ks.UsedBytes()
			drop()
			owed, hidden := ks.LazyBytes()
			if (owed > 2<<20) != lazy || (hidden > 2<<20) == lazy || (ks.LazyPending() == 1) != lazy || (before-ks.UsedBytes() > 1<<20) == lazy {
				t.Errorf("lazy %v, case %d: %d owed, %d hidden, %d pending", lazy, i, owed, hidden, ks.LazyPending())
			}
			for ks.LazyFree(time.Second) {
			}
		}
	}
}

func BenchmarkEvict(b *testing.B) {
	for _, p := range []EvictPolicy{{Order: EvictLRU, Samples: 5}, {Order: EvictLRU, Samples: 10}, {Order: EvictRandom}} {
		b.Run(fmt.Sprint(p.Order, p.Samples), func(b *testing.B) {
			ks := New(Options{Databases: 1})
			defer ks.Close()
			db := ks.DB(0)
			val := make([]byte, 100)
			i := 0
			for ; i < 1_000_000; i++ {
				db.SetString(evictKey(i), val, false)
			}
			b.ResetTimer()
			for range b.N {
				ks.Evict(p)
				b.StopTimer()
				i++
				db.SetString(evictKey(i), val, false)
				b.StartTimer()
			}
		})
	}
}
