package wal

import (
	"bytes"
	"testing"
	"time"
)

// I16: what the lines behind a damage say was durable tells a changed byte from a sector that a power failure took.
func TestDurableBehind(t *testing.T) {
	var c increment
	var file []byte
	live := new(liveOptions)
	live.at.Store(&Position{ID: testID, Epoch: 1})
	s := newScribe(&Options{Annotate: true, Now: time.Now}, live, new(int64))
	add := func(p []byte, durable LSN) { // a group commit: its line carries the watermark of then
		s.buf = s.buf[:0]
		c.since.Write(p)
		c.lsn += LSN(len(p))
		s.buf = append(s.buf, p...)
		s.line(&c, c.lsn, durable)
		file = append(file, s.buf...)
	}
	ends := []LSN{0}
	for _, value := range []string{"one", "two", "three", "four"} {
		add(set("key", value), ends[max(len(ends)-2, 0)]) // the group before the last is durable
		ends = append(ends, c.lsn)
	}
	for i, value := range []string{"one", "two", "three", "four"} {
		at := bytes.Index(file, []byte(value))
		for _, c := range []struct {
			what    string
			change  func(p []byte)
			durable LSN // at least what the lines behind the damage say
		}{
			{"a digit", func(p []byte) { p[at-4] ^= 1 }, ends[2]},
			{"the value", func(p []byte) { p[at] ^= 1 }, ends[2]},
			{"a hole", func(p []byte) { clear(p[at-8 : at+40]) }, ends[2]},
		} {
			p := bytes.Clone(file)
			c.change(p)
			r := NewReader(bytes.NewReader(p), int64(len(p)), ReaderOptions{Verify: true})
			var err error
			for err == nil {
				_, err = r.Next()
			}
			got, derr := r.DurableBehind()
			want := c.durable
			if i == 3 {
				want = 0 // only the damaged line, or none, follows
				if c.what != "a hole" {
					want = ends[2]
				}
			}
			if derr != nil || got != want {
				t.Errorf("%s of %s (%v): %d, %v; want %d of %v", c.what, value, err, got, derr, want, ends)
			}
		}
	}
}
