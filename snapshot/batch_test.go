package snapshot

import "testing"

// A batch is made for what there is to read, and of the usual size where that is much or not known.
func TestBatchFor(t *testing.T) {
	for size, want := range map[int64]bool{-1: true, -1 << 40: true, 1 << 40: true, 0: false, 1000: false} {
		b := BatchFor(size)
		if usual := cap(b.Items) == batchItems && cap(b.buf) == batchBytes; usual != want {
			t.Errorf("for %d bytes: %d items and %d bytes", size, cap(b.Items), cap(b.buf))
		}
		if cap(b.Items) == 0 || cap(b.buf) == 0 {
			t.Errorf("for %d bytes there is no room", size)
		}
	}
}
