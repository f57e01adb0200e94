package wal

import "testing"

// A ring with much of the log is to be emptied when half of it is taken, one with little when three quarters are.
func TestRingTight(t *testing.T) {
	const half = 16 << 20
	for _, c := range []struct {
		used, behind int64
		want         bool
	}{
		{half / 2, 4 * ringMuch, false},
		{half/2 + ringBlock, ringMuch, true},
		{half/2 + ringBlock, ringMuch - 1, false},
		{half * 3 / 4, 200_000, false},
		{half*3/4 + ringBlock, 200_000, true},
	} {
		r := &ringer{l: &Log{}, file: &ringFile{half: half, head: c.used, placed: []ringSpan{{0, c.used, LSN(c.behind)}}}}
		r.l.tape.end = LSN(c.behind)
		if got := r.tight(0); got != c.want {
			t.Errorf("%d of %d bytes, %d of the log: %t", c.used, half, c.behind, got)
		}
		if r.tight(LSN(c.behind)) {
			t.Error("tight with nothing behind")
		}
	}
}
