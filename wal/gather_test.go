package wal

import (
	"testing"
	"time"
)

// Behind a sync the writer waits for those whom it answered, as long as half of it took, and for nobody if nobody else had
// anything under way.
func TestGather(t *testing.T) {
	l := newLog(Options{Policy: Always, Now: time.Now, PendingLimit: leastPendingLimit, Cover: noCover{}}, Position{})
	l.cur = &increment{}
	decide := func(what string, want task, waits bool) {
		t.Helper()
		now := l.gathering.until.Add(-time.Microsecond)
		if got, wait := l.decide(now); got != want || waits != (got == rest && wait == time.Microsecond) {
			t.Errorf("%s: task %d, or rest for %v", what, got, wait)
		}
	}
	l.tape.append(make([]byte, 100))
	decide("the first group", writeBatch, false)
	l.wrote = mark{lsn: 100}
	l.tape.append(make([]byte, 60)) // others, while it is synced
	l.syncDone(l.wrote, time.Second)
	if left := time.Until(l.gathering.until); left > mostGather {
		t.Errorf("waits for %v", left)
	}
	decide("those who were answered are not back", rest, true)
	if got, _ := l.decide(l.gathering.until); got != writeBatch {
		t.Errorf("they do not come back: task %d", got)
	}
	l.closing = true
	decide("the end", writeBatch, false)
	l.closing = false
	l.tape.append(make([]byte, 100))
	decide("they are back", writeBatch, false)

	l.wrote = mark{lsn: l.tape.end}
	l.syncDone(l.wrote, time.Second)
	decide("nothing to write", rest, false)
	l.tape.append(make([]byte, 160))
	decide("a client alone is back", writeBatch, false)
}
