package main

import (
	"strings"
	"testing"
	"time"

	"frankenredis/recovery/ledger"
)

// A flood at a door fills the ledger the more slowly the longer it lasts, counts everything, and is forgiven when it is over.
func TestDoor(t *testing.T) {
	n := uint64(0)
	d := &door{rule: ledger.Protocol, count: func() uint64 { return n }, what: func() string { return "junk" }}
	at := time.Unix(1000, 0)
	records, counted := 0, int64(0)
	look := func() {
		if e, ok := d.look(at); ok {
			if records++; e.Rule != ledger.Protocol || e.Decision != ledger.Bound || !strings.HasSuffix(e.Detail, "; the last: junk") {
				t.Fatalf("%+v", e)
			}
			counted += e.Bytes
		}
	}
	look()
	if records != 0 {
		t.Fatal("a record of nothing")
	}
	for range 10 * 86400 { // a day of ten looks a second
		n++
		at = at.Add(100 * time.Millisecond)
		look()
	}
	if records < 20 || records > 40 {
		t.Errorf("%d records of a day", records)
	}
	at = at.Add(2 * doorPauseMost)
	look()
	if counted != int64(n) {
		t.Errorf("counted %d of %d", counted, n)
	}
	for range 4 * 3600 {
		at = at.Add(time.Second)
		look()
	}
	n, records = 1, 0 // CONFIG RESETSTAT, and one more
	at = at.Add(2 * doorPause)
	look()
	at = at.Add(2 * doorPause)
	n++
	look()
	if records != 2 {
		t.Errorf("after a quiet time %d of two cases have a record", records)
	}
}
