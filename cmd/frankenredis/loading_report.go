package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/recovery"
)

// terminalPause is how often a terminal is shown how far loading is.
const terminalPause = 200 * time.Millisecond

// loadReport shows on a terminal how far loading is. It belongs to the loading goroutine.
type loadReport struct {
	s        *server
	began    time.Time
	terminal bool // lines go to one, and a line at its end can be written over
	shown    time.Time
}

func (s *server) newLoadReport() *loadReport {
	now := time.Now()
	return &loadReport{s: s, began: now, terminal: s.sink.onTerminal(), shown: now}
}

// tell is called after each batch.
func (r *loadReport) tell(p recovery.Progress) {
	if now := time.Now(); r.terminal && now.Sub(r.shown) >= terminalPause {
		r.shown = now
		r.s.sink.setStatus(loadLine(p, now.Sub(r.began)))
	}
}

// tellLoading is tellProgress while the data set is loaded.
func (s *server) tellLoading() {
	passed := time.Since(s.load.began)
	if p := s.load.progress.Load(); p != nil && passed >= time.Second {
		s.tellPeople(loadLine(*p, passed), passed)
	}
}

// loadLine says how far loading is, in a line.
func loadLine(p recovery.Progress, passed time.Duration) string {
	perc := 0.0
	if p.Total > 0 {
		perc = 100 * float64(p.Loaded) / float64(p.Total)
	}
	text := fmt.Sprintf("Loading %s: %.1f%% of %d bytes, %d keys", p.File, perc, p.Total, p.Keys)
	if p.Commands > 0 {
		text += fmt.Sprintf(", %d commands", p.Commands)
	}
	return text + fmt.Sprintf(", %d seconds left", secondsLeft(p, passed))
}

// end takes the line off the terminal.
func (r *loadReport) end() {
	if r.terminal {
		r.s.sink.setStatus("")
	}
}

// secondsLeft supposes that the rest goes on as what is loaded went.
func secondsLeft(p recovery.Progress, passed time.Duration) int64 {
	if p.Loaded <= 0 || p.Total <= p.Loaded {
		return 1
	}
	return int64(passed.Seconds() / float64(p.Loaded) * float64(p.Total-p.Loaded))
}

// onTerminal says whether lines go to a terminal that somebody may look at.
func (s *logSink) onTerminal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path != "" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
	return err == nil
}
