package wal

import (
	"testing"
)

// I6: the stream's new name is durable before the first byte that bears it, a crash keeps it apart from the one before, and lines carry it.
func TestRename(t *testing.T) {
	fs := newMemFS()
	o := quickOptions(fs, Always)
	l, err := Create(o, Position{ID: testID, Epoch: 3}, Base{})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit([]byte("*1\r\n$4\r\nPING\r\n"), 0)
	next := NewReplID()
	if err := l.Rename(next, testID, l.End()); err != nil {
		t.Fatal(err)
	}
	e, err := ReadEpoch(fs, o.Dir, defaultName)
	if err != nil || e.ID != next || e.ID2 != testID || e.End2 != l.End() || e.Epoch != 3 {
		t.Fatalf("epoch file %+v, %v", e, err)
	}
	if got := l.Position(); got.ID != next || got.LSN != l.End() {
		t.Errorf("position %v", got)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	wm, err := ReadWatermark(fs, o.Dir, defaultName)
	if err != nil || wm.ID != next || !wm.Clean {
		t.Errorf("watermark %+v, %v", wm, err)
	}
}
