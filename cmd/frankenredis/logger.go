package main

import (
	"bytes"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// logSink prints log lines in Redis's format: pid:role date level message. Any goroutine.
//
//	1234:M 23 Nov 2026 22:18:00.123 * Ready to accept connections tcp
//
// The roles are M (primary), S (replica), C (child of Redis; here a background task) and X (sentinel); the levels
// '.' debug, '-' verbose, '*' notice and '#' warning. A log file is opened for each line, so that rotation needs no
// signal; standard output is written unbuffered.
type logSink struct {
	pid   int
	role  atomic.Int32 // the role's letter
	level atomic.Int32 // hclog level from which lines are printed

	mu   sync.Mutex
	path string // protected by mu; empty: standard output
	// status is the line at the end of the terminal that the next line takes the place of; protected by mu.
	status bool
	// system takes a copy of each line, without stamp; nil unless syslog-enabled. Set before the first line only.
	system *syslog.Writer
}

// newLogger returns a logger whose lines go to the sink.
func newLogger(sink *logSink) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Trace})
	l.RegisterSink(sink)
	return l
}

// setLevel takes one of the words of the loglevel directive.
func (s *logSink) setLevel(word string) {
	level := hclog.Info
	switch word {
	case "debug":
		level = hclog.Trace
	case "verbose":
		level = hclog.Debug
	case "warning":
		level = hclog.Warn
	case "nothing":
		level = hclog.Off
	}
	s.level.Store(int32(level))
}

func (s *logSink) setPath(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = path
}

// Accept implements hclog.SinkAdapter.
func (s *logSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	if int32(level) < s.level.Load() {
		return
	}
	mark := byte('#')
	switch level {
	case hclog.Trace:
		mark = '.'
	case hclog.Debug:
		mark = '-'
	case hclog.Info:
		mark = '*'
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d:%c %s %c ", s.pid, rune(s.role.Load()), time.Now().Format("02 Jan 2006 15:04:05.000"), mark)
	stamp := b.Len()
	b.WriteString(msg)
	for i := 0; i+1 < len(args); i += 2 {
		fmt.Fprintf(&b, " %v=%v", args[i], args[i+1])
	}
	b.WriteByte('\n')
	if s.system != nil {
		s.toSystem(level, string(b.Bytes()[stamp:b.Len()-1]))
	}
	s.write(b.Bytes())
}

// signalled prints what is said on a signal. Redis says it within the handler, where it can neither format a date nor reach syslog:
//
//	1234:signal-handler (1795798862) Received SIGTERM scheduling shutdown...
func (s *logSink) signalled(msg string) {
	if int32(hclog.Warn) >= s.level.Load() {
		s.write(fmt.Appendf(nil, "%d:signal-handler (%d) %s\n", s.pid, time.Now().Unix(), msg))
	}
}

// facilities are the words of syslog-facility.
var facilities = map[string]syslog.Priority{
	"user": syslog.LOG_USER, "local0": syslog.LOG_LOCAL0, "local1": syslog.LOG_LOCAL1, "local2": syslog.LOG_LOCAL2,
	"local3": syslog.LOG_LOCAL3, "local4": syslog.LOG_LOCAL4, "local5": syslog.LOG_LOCAL5, "local6": syslog.LOG_LOCAL6,
	"local7": syslog.LOG_LOCAL7,
}

// openSystem sends a copy of each line to syslog. network and address are those of syslog.Dial: empty ones mean the machine's
// own daemon. Called before the first line.
func (s *logSink) openSystem(network, address, ident, facility string) error {
	w, err := syslog.Dial(network, address, facilities[facility]|syslog.LOG_NOTICE, ident)
	if err == nil {
		s.system = w
	}
	return err
}

// toSystem sends a line to syslog, which must not stop the server.
func (s *logSink) toSystem(level hclog.Level, text string) {
	send := s.system.Warning
	switch level {
	case hclog.Trace:
		send = s.system.Debug
	case hclog.Debug:
		send = s.system.Info
	case hclog.Info:
		send = s.system.Notice
	}
	_ = send(text)
}

// setStatus shows a line at the end of the terminal until another, or the next line of the log, takes its place; "": none.
func (s *logSink) setStatus(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearStatus()
	if text != "" {
		_, _ = os.Stdout.WriteString(text)
		s.status = true
	}
}

// clearStatus is called under mu.
func (s *logSink) clearStatus() {
	if s.status {
		s.status = false
		_, _ = os.Stdout.WriteString("\r\x1b[K")
	}
}

// write appends to the log as it is. A log that cannot be written must not stop the server.
func (s *logSink) write(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "" {
		s.clearStatus()
		_, _ = os.Stdout.Write(line)
		return
	}
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return
	}
	_, _ = f.Write(line)
	f.Close()
}
