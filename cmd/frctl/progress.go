package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows on a terminal how far a file has been read; elsewhere it says nothing.
type progress struct {
	w     io.Writer // nil: no terminal
	size  int64
	unit  string // what is counted: "key", "command"
	began time.Time
	last  time.Time // shown
	now   func() time.Time
}

// progressEvery is the time between two showings; what takes less shows nothing.
const progressEvery = 200 * time.Millisecond

func newProgress(w io.Writer, size int64) *progress {
	p := &progress{size: size, unit: "key", now: time.Now}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	p.began = p.now()
	p.last = p.began
	return p
}

// show tells the position in the file, and how many keys (or what the unit says) came before it.
func (p *progress) show(pos, n int64) {
	if p.w == nil {
		return
	}
	now := p.now()
	if now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	elapsed := now.Sub(p.began)
	left := "?"
	if pos > 0 {
		left = (time.Duration(float64(elapsed) * float64(p.size-pos) / float64(pos))).Round(time.Second).String()
	}
	// An error of the terminal is nobody's concern.
	fmt.Fprintf(p.w, "\r\x1b[K%3d%% of %d MiB, %s, %.0f MiB/s, %s left", 100*pos/max(p.size, 1), p.size>>20, count(n, p.unit),
		float64(pos)/(1<<20)/elapsed.Seconds(), left)
}

// clear removes the line.
func (p *progress) clear() {
	if p.w != nil && p.last != p.began {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
