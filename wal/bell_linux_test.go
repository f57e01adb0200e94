package wal

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Whoever rings a log's bell when the log has closed writes nothing into the file that has its descriptor by now.
func TestBellClosed(t *testing.T) {
	b, err := newBell()
	if err != nil {
		t.Fatal(err)
	}
	b.close()
	var next *bell
	for next == nil || next.fd != b.fd { // the lowest that is free is given out first
		if next != nil && next.fd > b.fd+64 {
			t.Fatal("the descriptor is not given out again")
		}
		if next, err = newBell(); err != nil {
			t.Fatal(err)
		}
		defer next.close()
	}
	b.ring()
	var count [8]byte
	if n, err := unix.Read(next.fd, count[:]); err != unix.EAGAIN {
		t.Errorf("%d bytes, %v", n, err)
	}
	next.ring()
	if _, err := unix.Read(next.fd, count[:]); err != nil {
		t.Error(err)
	}
}
