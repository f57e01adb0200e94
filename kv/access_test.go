package kv

import "testing"

func TestIdle(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	idle := func() Millis {
		e, _ := db.Lookup([]byte("k"), NoTouch)
		return e.Idle()
	}
	set(db, "k", "v")
	ks.SetNow(testNow + 5000)
	if got := idle(); got != 5000 {
		t.Fatalf("idle %d", got)
	}
	db.Lookup([]byte("k"), 0)
	if got := idle(); got != 0 {
		t.Fatalf("idle %d after use", got)
	}
	db.SetIdle([]byte("k"), 3_600_000)
	if got := idle(); got != 3_600_000 {
		t.Fatalf("idle %d", got)
	}
	f := ks.Freeze()
	ks.SetNow(testNow + 15000)
	db.Lookup([]byte("k"), 0) // rests: the view needs the page
	if got := idle(); got != 3_610_000 {
		t.Fatalf("idle %d with a view open", got)
	}
	f.DB(0).Each(func(it Item) bool {
		if it.Idle() != 3_600_000 || f.LFU() || f.Now() != testNow+5000 {
			t.Errorf("frozen: idle %d, now %d", it.Idle(), f.Now())
		}
		return true
	})
	if n := f.CopiedBytes(); n != 0 {
		t.Errorf("a use copied %d bytes", n)
	}
	f.Close()
	db.Lookup([]byte("k"), 0)
	if got := idle(); got != 0 {
		t.Fatalf("idle %d after the view", got)
	}
	// The clock wraps after 2^24 seconds.
	ks.SetNow((1<<24 - 1) * 1000)
	db.Lookup([]byte("k"), 0)
	ks.SetNow((1<<24 + 1) * 1000)
	if got := idle(); got != 2000 {
		t.Fatalf("idle %d across the wrap", got)
	}
}

func TestFreq(t *testing.T) {
	ks := newTest(t, 1)
	ks.SetPolicy(true, 10, 1)
	db := ks.DB(0)
	freq := func() uint8 {
		e, _ := db.Lookup([]byte("k"), NoTouch)
		return e.Freq()
	}
	set(db, "k", "v")
	if got := freq(); got != lfuInitial {
		t.Fatalf("a new key has %d", got)
	}
	// Redis documents, for factor 10: 100 hits about 10, 1000 about 18.
	for range 100 {
		db.Lookup([]byte("k"), 0)
	}
	if got := freq(); got < 7 || got > 14 {
		t.Errorf("%d after 100 hits", got)
	}
	for range 900 {
		db.Lookup([]byte("k"), 0)
	}
	before := freq()
	if before < 14 || before > 24 {
		t.Errorf("%d after 1000 hits", before)
	}
	ks.SetNow(testNow + 3*60_000)
	if got := freq(); got != before-3 {
		t.Errorf("%d after three minutes, %d before", got, before)
	}
	db.AppendString([]byte("k"), []byte("x"))
	if got := freq(); got < before-3 || got > before-2 {
		t.Errorf("a write made it %d", got)
	}
	db.SetFreq([]byte("k"), 200)
	if got := freq(); got != 200 {
		t.Errorf("SetFreq made it %d", got)
	}
	ks.SetPolicy(true, 10, 0)
	ks.SetNow(testNow + 1000*60_000)
	if got := freq(); got != 200 {
		t.Errorf("decayed to %d without decay", got)
	}
}
