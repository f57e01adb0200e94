package engine

import (
	"fmt"
	"time"

	"frankenredis/wire/session"
)

// Bounds of what the slow log keeps of one command, as in Redis.
const (
	slowArgs     = 32  // arguments, the last of which says how many more there were
	slowArgBytes = 128 // of each, behind which it is said how many more there were
)

// SlowEntry is one command that took long.
type SlowEntry struct {
	ID   int64 // counts up from 0 since start, also through SLOWLOG RESET
	At   time.Time
	Took time.Duration
	Argv []string // shortened, and without what is secret
	Addr string   // of the client
	Name string   // the client's, or ""
}

// SlowLog keeps the commands that took longer than slowlog-log-slower-than, of which the last slowlog-max-len. Executor only.
type SlowLog struct {
	entries []SlowEntry // oldest first
	nextID  int64
}

// Len is the number of entries.
func (l *SlowLog) Len() int { return len(l.entries) }

// Newest calls f for the last n entries, newest first.
func (l *SlowLog) Newest(n int, f func(*SlowEntry)) {
	for i := len(l.entries) - 1; i >= 0 && n > 0; i-- {
		f(&l.entries[i])
		n--
	}
}

// Reset forgets all entries.
func (l *SlowLog) Reset() { l.entries = nil }

// SlowLog returns the log of slow commands.
func (e *Engine) SlowLog() *SlowLog { return &e.slow }

// slower notes a command of a client if it took long enough. redacted are the places of secret arguments.
func (e *Engine) slower(s *session.Session, spec *Spec, argv [][]byte, redacted []int, nanos int64) {
	least, most := e.cfg.Live.SlowerThan, e.cfg.Live.SlowlogMaxLen
	if least < 0 || nanos/1000 < least || most == 0 || spec.Flags&SkipSlowlog != 0 {
		return
	}
	l := &e.slow
	l.entries = append(l.entries, SlowEntry{ID: l.nextID, At: e.clock(), Took: time.Duration(nanos), Argv: slowArgv(argv, redacted), Addr: s.Addr, Name: s.Name})
	l.nextID++
	if over := len(l.entries) - int(min(most, uint64(len(l.entries)))); over > 0 {
		clear(l.entries[:over])
		l.entries = l.entries[over:]
	}
}

func slowArgv(argv [][]byte, redacted []int) []string {
	out := make([]string, min(len(argv), slowArgs))
	for i := range out {
		switch arg := hidden(argv, redacted, i); {
		case i == slowArgs-1 && len(argv) > slowArgs:
			out[i] = fmt.Sprintf("... (%d more arguments)", len(argv)-slowArgs+1)
		case len(arg) > slowArgBytes:
			out[i] = fmt.Sprintf("%s... (%d more bytes)", arg[:slowArgBytes], len(arg)-slowArgBytes)
		default:
			out[i] = string(arg)
		}
	}
	return out
}
