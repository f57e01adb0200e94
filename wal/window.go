package wal

import (
	"io"
	"math/bits"
	"slices"
)

// window is a part of a file in memory.
type window struct {
	f    io.ReaderAt
	size int64 // of the file
	buf  []byte
	off  int64 // position of buf[0]
}

// windowSize is the usual size of a window in bytes: large enough that a read costs little per byte, small enough to
// stay in the processor's cache.
const windowSize = 256 << 10

// has says whether n bytes at pos are loaded.
func (w *window) has(pos int64, n int) bool {
	return pos >= w.off && pos+int64(n) <= w.off+int64(len(w.buf))
}

// from returns what is loaded from pos on.
func (w *window) from(pos int64) []byte { return w.buf[pos-w.off:] }

// load makes n bytes at pos present, or as many as the file has; what lies before pos is dropped. Whoever asks for many
// knows that the file has them, so the window never grows on a mere claim.
func (w *window) load(pos int64, n int) error {
	left := w.size - pos
	n = int(min(int64(n), left))
	if w.has(pos, n) {
		return nil
	}
	kept := 0
	if pos >= w.off && pos < w.off+int64(len(w.buf)) {
		kept = len(w.buf) - int(pos-w.off)
	}
	room := windowSize
	if n > room {
		room = max(n, int(min(2*int64(cap(w.buf)), left)))
	}
	most := 4 * max(room, kept)
	if left < windowSize {
		room = 1 << bits.Len64(uint64(left)) // a small file needs no more; one that grows while it is read doubles it
	}
	if cap(w.buf) < room || cap(w.buf) > most {
		w.buf = append(make([]byte, 0, max(room, kept)), w.buf[len(w.buf)-kept:]...)
	} else {
		w.buf = w.buf[:copy(w.buf[:cap(w.buf)], w.buf[len(w.buf)-kept:])]
	}
	w.off = pos
	end := int(min(int64(cap(w.buf)), left))
	w.buf = slices.Grow(w.buf, end-kept)[:end]
	got, err := w.f.ReadAt(w.buf[kept:], pos+int64(kept))
	w.buf = w.buf[:kept+got]
	if len(w.buf) >= n {
		return nil // a read that failed behind what is needed may be repeated when it matters
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the file shrank
	}
	return err
}
