package ldb

import (
	"fmt"
	"strings"
	"time"

	"frankenredis/wire/script/lua"
)

// Peer is the client. Its methods wait; an error means that it is gone.
type Peer interface {
	Send(p []byte) error
	// Receive returns at least one byte unless it fails.
	Receive(p []byte) (int, error)
}

// Options are what a session needs.
type Options struct {
	Peer Peer
	// Source is the script as the client sent it.
	Source []byte
	// Limit is how long the script may run without a stop, before it is stopped: it may be in a loop without end.
	Limit func() time.Duration
	// Ended says that nobody is waited for any more, because the server is to end; nil: never.
	Ended func() bool
	// Now is a clock.
	Now func() time.Time
	// Raise raises an error with this text, without a code, in the script.
	Raise func(l *lua.State, text string)
}

// Session is the debugging of one run of a script. It belongs to the goroutine that runs it.
type Session struct {
	o     Options
	lines []string // of the source
	line  int      // where the script is
	since time.Time

	step      bool // stop at the next line, and until then show the commands the script calls
	broke     bool // the script called redis.breakpoint: stop at the next line
	breaks    []int
	gone      bool // nobody is there any more: the script runs to its end
	deaf      bool // nothing can be sent any more
	maxLen    int  // of values and replies in bytes, 0: as they are
	explained bool // it is known that maxlen exists

	said  []byte // lines to be sent
	count int
	input []byte
}

// Limits of Redis.
const (
	maxBreaks  = 64
	startLen   = 256
	shortest   = 60 // the least maxlen
	maxInput   = 1 << 20
	maxArgs    = 1024
	maxArgSize = 1024
)

// New begins a session: the script will stop at its first line.
func New(o Options) *Session {
	text := strings.TrimRight(string(o.Source), "\r\n")
	s := &Session{o: o, step: true, maxLen: startLen, since: o.Now()}
	if text != "" {
		s.lines = strings.Split(text, "\n")
	}
	return s
}

// End says that the session is over.
func (s *Session) End() {
	s.say("<endsession>")
	s.send()
}

// Trace is the lua.Tracer of the script.
func (s *Session) Trace(l *lua.State, line int, counted bool) {
	s.line = line
	broke := s.broke || s.isBreak(line)
	late := false
	if counted && !s.step && !broke {
		if s.o.Now().Sub(s.since) < s.o.Limit() {
			return
		}
		late = true
	}
	if !s.step && !broke && !late {
		return
	}
	reason := "step over"
	switch {
	case s.broke:
		reason = "redis.breakpoint() called"
	case broke:
		reason = "break point"
	case late:
		reason = "timeout reached, infinite loop?"
	}
	s.step, s.broke = false, false
	s.say(fmt.Sprintf("* Stopped at %d, stop reason = %s", line, reason))
	s.showLine(line)
	s.send()
	if s.converse(l); s.gone && late {
		s.o.Raise(l, "timeout during Lua debugging with client closing connection")
	}
	s.since = s.o.Now()
}

// Overdue says that nobody is there any more, or waited for, and that the script, or what the client had evaluated, has run for longer than it may.
func (s *Session) Overdue() bool {
	return (s.gone || s.o.Ended != nil && s.o.Ended()) && s.o.Now().Sub(s.since) >= s.o.Limit()
}

// Stepping says that the commands the script calls are shown.
func (s *Session) Stepping() bool { return s.step }

// Break makes the script stop at the next line (redis.breakpoint).
func (s *Session) Break() { s.broke = true }

// Debug shows values (redis.debug).
func (s *Session) Debug(values []lua.Value) {
	text := fmt.Appendf(nil, "<debug> line %d: ", s.line)
	for i, v := range values {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = appendValue(text, v)
	}
	s.say(string(text))
}

// shownArgs is how many arguments of a command are shown.
const shownArgs = 10

// Command shows a command that the script calls.
func (s *Session) Command(argv [][]byte) {
	text := []byte("<redis>")
	for i, arg := range argv {
		if i == shownArgs {
			text = fmt.Appendf(text, " ... (%d more)", len(argv)-i-1)
			break
		}
		text = append(append(text, ' '), arg...)
	}
	s.say(string(text))
}

// Reply shows the reply to it.
func (s *Session) Reply(reply []byte) { s.sayCut(string(appendReply([]byte("<reply> "), reply))) }

// Failed shows an error that redis.call or another function of the table redis makes.
func (s *Session) Failed(text string) { s.say("<error> " + text) }

// lineEnds are what a simple string cannot hold.
var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// say adds a line to what is sent next.
func (s *Session) say(text string) {
	s.said = append(s.said, '+')
	s.said = append(s.said, lineEnds.Replace(text)...)
	s.said = append(s.said, '\r', '\n')
	s.count++
}

// sayCut is say for values and replies.
func (s *Session) sayCut(text string) {
	if s.maxLen == 0 || len(text) <= s.maxLen {
		s.say(text)
		return
	}
	s.say(text[:s.maxLen] + " ...")
	if !s.explained {
		s.explained = true
		s.say("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")
	}
}

// send sends what was said.
func (s *Session) send() {
	if !s.deaf {
		head := fmt.Appendf(nil, "*%d\r\n", s.count)
		if s.o.Peer.Send(append(head, s.said...)) != nil {
			s.deaf = true
			s.leave()
		}
	}
	s.said, s.count = s.said[:0], 0
}

// leave notes that the client is gone.
func (s *Session) leave() { s.gone, s.step, s.breaks = true, false, nil }

// showLine shows a line of the source, with a mark where the script is and where it would stop.
func (s *Session) showLine(n int) {
	text := "<out of range source code line>"
	if n >= 1 && n <= len(s.lines) {
		text = s.lines[n-1]
	}
	mark := []byte("   ")
	if n == s.line {
		mark[0], mark[1] = '-', '>'
	}
	if s.isBreak(n) {
		mark[2] = '#'
	}
	s.say(fmt.Sprintf("%s%-3d %s", mark, n, text))
}
