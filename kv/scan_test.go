package kv

import (
	"fmt"
	"testing"
)

// TestScanWhileChanging: keys that are there all the time are seen, however the table grows and shrinks meanwhile.
func TestScanWhileChanging(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	for i := range 1000 {
		set(db, fmt.Sprint("stay:", i), "v")
	}
	seen := map[string]bool{}
	for cursor, step := uint64(0), 0; ; step++ {
		cursor = db.Scan(cursor, func(e Entry) { seen[string(e.Key())] = true })
		if cursor == 0 {
			break
		}
		for i := range 50 {
			key := fmt.Sprint("come:", step/40*50+i)
			if step%40 < 20 {
				set(db, key, "v")
			} else {
				db.Delete([]byte(key))
			}
		}
		db.AppendString(fmt.Append(nil, "stay:", step%1000), []byte("grow and move to another place"))
	}
	for i := range 1000 {
		if !seen[fmt.Sprint("stay:", i)] {
			t.Errorf("missed stay:%d", i)
		}
	}
}

// TestRandomFair: RANDOMKEY passes the chi-square test that clients put it to.
func TestRandomFair(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	if _, ok := db.Random(); ok {
		t.Fatal("found a key in an empty database")
	}
	const n, draws = 200, 40000
	for i := range n {
		set(db, fmt.Sprint(i), "v")
	}
	count := map[string]int{}
	for range draws {
		e, _ := db.Random()
		count[string(e.Key())]++
	}
	chi := 0.0
	for _, c := range count {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	// 199 degrees of freedom: beyond 280 once in ten thousand.
	if len(count) != n || chi > 280 {
		t.Errorf("%d keys, chi-square %.0f", len(count), chi)
	}
}

func TestSwap(t *testing.T) {
	ks := newTest(t, 2)
	set(ks.DB(0), "a", "0")
	set(ks.DB(1), "b", "1")
	var flushed []int
	ks.Hooks.Flushed = func(db *DB) { flushed = append(flushed, db.ID()) }
	ks.Swap(0, 1)
	if len(flushed) != 0 {
		t.Error("told nobody's watchers")
	}
	ks.Watching = 1
	ks.Swap(0, 1)
	ks.Swap(1, 1)
	ks.DB(1).Flush(true)
	if fmt.Sprint(flushed) != "[0 1 1]" {
		t.Errorf("flushed %v", flushed)
	}
	if v, _ := get(ks.DB(0), "a"); v != "0" || ks.DB(0).ID() != 0 || ks.DB(1).Len() != 0 {
		t.Error("swapped wrongly")
	}
}
