package kv

import (
	"fmt"
	"testing"
	"time"
)

// TestExpiryBoundary: a key lives to the end of its millisecond, as in Redis.
func TestExpiryBoundary(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	var gone []string
	ks.Hooks.Expired = func(_ *DB, key []byte) { gone = append(gone, string(key)) }
	set(db, "k", "v")
	if !db.SetExpire([]byte("k"), testNow) || db.SetExpire([]byte("absent"), testNow) {
		t.Fatal("SetExpire")
	}
	if _, ok := get(db, "k"); !ok || db.Volatile() != 1 {
		t.Fatal("expired when its time had just come")
	}
	ks.SetNow(testNow + 1)
	if _, ok := db.Lookup([]byte("k"), NoExpire); !ok || db.Len() != 1 {
		t.Fatal("NoExpire does not find it")
	}
	if _, ok := get(db, "k"); ok || db.Len() != 0 || db.Volatile() != 0 {
		t.Fatal("still there a millisecond later")
	}
	if len(gone) != 1 || gone[0] != "k" {
		t.Fatalf("Expired: %q", gone)
	}
}

func TestExpireModes(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	expired := 0
	ks.Hooks.Expired = func(*DB, []byte) { expired++ }
	fill := func(m ExpireMode) {
		ks.SetExpireMode(ExpireIgnore)
		db.Flush(false)
		expired = 0
		db.SetStringExpire([]byte("k"), []byte("v"), testNow-1)
		set(db, "alive", "v")
		ks.SetExpireMode(m)
	}

	fill(ExpireIgnore)
	if _, ok := get(db, "k"); !ok || ks.ExpireCycle(time.Second) != 0 || !db.Delete([]byte("k")) || expired != 0 {
		t.Error("ignore: expired nevertheless")
	}

	fill(ExpireHide)
	if _, ok := get(db, "k"); ok || db.Len() != 2 || expired != 0 {
		t.Error("hide: found or deleted")
	}
	for range 20 {
		if e, _ := db.Random(); string(e.Key()) != "alive" {
			t.Error("hide: Random found it")
		}
	}
	seen := 0
	db.Scan(0, func(Entry) { seen++ })
	db.Each(func(Entry) bool { seen++; return true })
	if seen != 3 || db.Len() != 2 || ks.ExpireCycle(time.Second) != 0 { // Each passes by what is expired, too
		t.Error("hide: scanned or deleted")
	}
	if _, ok := db.Lookup([]byte("k"), Write); ok || db.Len() != 1 || expired != 1 {
		t.Error("hide: not deleted for a writer")
	}
	fill(ExpireHide)
	if !db.Delete([]byte("k")) || expired != 0 {
		t.Error("hide: DEL does not see it")
	}
	db.Flush(false)
	ks.SetExpireMode(ExpireIgnore)
	db.SetStringExpire([]byte("k"), []byte("v"), testNow-1)
	ks.SetExpireMode(ExpireHide)
	if e, ok := db.Random(); !ok || string(e.Key()) != "k" {
		t.Error("hide: Random does not settle for an expired key when there is no other")
	}

	fill(ExpireDelete)
	if db.Delete([]byte("k")) || expired != 1 || db.Len() != 1 {
		t.Error("delete: DEL saw it")
	}
	for name, op := range map[string]func(){
		"SET":      func() { db.SetString([]byte("k"), []byte("w"), true) },
		"INCR":     func() { db.SetInt([]byte("k"), 1, true) },
		"APPEND":   func() { db.AppendString([]byte("k"), []byte("w")) },
		"SETRANGE": func() { db.SetRange([]byte("k"), 0, []byte("w")) },
	} {
		fill(ExpireDelete)
		op()
		if e, ok := db.Lookup([]byte("k"), 0); !ok || expired != 1 || e.StringLen() != 1 {
			t.Errorf("delete: %s over an expired key: %v, %d expired", name, ok, expired)
		} else if _, volatile := e.Expire(); volatile {
			t.Errorf("delete: %s kept an expiry that is past", name)
		}
	}
	fill(ExpireDelete)
	if e, ok := db.Random(); !ok || string(e.Key()) != "alive" {
		t.Error("delete: Random")
	}
	fill(ExpireDelete)
	seen = 0
	db.Scan(0, func(Entry) { seen++ })
	if seen != 1 || expired != 1 || db.Len() != 1 {
		t.Errorf("delete: Scan saw %d, %d expired", seen, expired)
	}
}

func TestExpireCycle(t *testing.T) {
	ks := newTest(t, 3)
	hooked := 0
	ks.Hooks.Expired = func(db *DB, key []byte) {
		if want := fmt.Sprintf("%d:", db.ID()); string(key[:2]) != want {
			t.Errorf("db %d: key %q", db.ID(), key)
		}
		hooked++
	}
	const n = 2000
	for i := range n {
		for d := range ks.Len() {
			key := fmt.Appendf(nil, "%d:%d", d, i)
			ks.DB(d).SetStringExpire(key, []byte("v"), testNow+Millis(i%2)*1000)
			if i%10 == 0 {
				ks.DB(d).Persist(key)
			}
		}
	}
	if ks.ExpireCycle(time.Second) != 0 {
		t.Fatal("expired before the time")
	}
	// A sample is what one decision sees; over many cycles all of them are met, and the survivors averaged.
	ks.SetNow(testNow + 500)
	total := 0
	for range 1000 {
		total += ks.ExpireCycle(time.Second)
	}
	if want := 3 * n * 4 / 10; total != want || hooked != want {
		t.Fatalf("expired %d (%d hooks), want %d", total, hooked, want)
	}
	for d := range ks.Len() {
		db := ks.DB(d)
		if db.Len() != n*6/10 || db.Volatile() != n/2 {
			t.Errorf("db %d: %d keys, %d volatile", d, db.Len(), db.Volatile())
		}
		// Redis's average stands still when integer division eats the steps: 500 becomes 490 + 10.
		if ttl := db.AvgTTL(); ttl < 450 || ttl > 550 {
			t.Errorf("db %d: average %d", d, ttl)
		}
	}
	ks.SetNow(testNow + 5000)
	for range 1000 {
		ks.ExpireCycle(time.Second)
	}
	if db := ks.DB(1); db.Len() != n/10 || db.Volatile() != 0 || db.AvgTTL() != 0 {
		t.Errorf("%d keys, %d volatile, average %d", db.Len(), db.Volatile(), db.AvgTTL())
	}
}

// TestExpireBudget: the cycle ends with its budget however much there is to expire, and goes on there next time.
func TestExpireBudget(t *testing.T) {
	ks := newTest(t, 2)
	for i := range 10000 {
		ks.DB(0).SetStringExpire(fmt.Append(nil, i), []byte("v"), testNow-1)
	}
	ks.SetExpireEffort(10)
	total := 0
	for range 10000 {
		n := ks.ExpireCycle(0)
		if n > 200 {
			t.Fatalf("%d keys in no time", n)
		}
		total += n
	}
	if total != 10000 {
		t.Fatalf("expired %d", total)
	}
	if _, cap := ks.ExpireStats(); cap == 0 {
		t.Error("the time cap was not counted")
	}
}
