package engine

import (
	"fmt"
	"slices"
	"strconv"

	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// ErrMonitorKeyspace is what a monitoring client hears when it wants to work on data: to Redis it is a kind of replica.
const ErrMonitorKeyspace = ReplyError("ERR Replica can't interact with the keyspace")

// Monitor makes the client see every command from now on. It returns false when it does already.
func (e *Engine) Monitor(s *session.Session) bool {
	if s.Monitor {
		return false
	}
	s.Monitor = true
	e.monitors = append(e.monitors, s)
	return true
}

// Unmonitor ends it.
func (e *Engine) Unmonitor(s *session.Session) {
	if !s.Monitor {
		return
	}
	s.Monitor = false
	e.monitors = slices.DeleteFunc(slices.Clone(e.monitors), func(o *session.Session) bool { return o == s })
}

// Announce shows the command to all monitoring clients before it does anything: one that runs scripts stands above what they call,
// and is seen although it fails. Its row has SkipMonitor.
func (c *Call) Announce() {
	if e := c.E; len(e.monitors) > 0 && !e.loading {
		e.feedMonitors(c.S, c.Args, nil)
	}
}

// feedMonitors shows a command to all monitoring clients: when it was run, the database selected behind it, who sent it, and
// its arguments. It leaves them as every reply does, when what the command did is durable.
func (e *Engine) feedMonitors(s *session.Session, argv [][]byte, redacted []int) {
	now := e.clock()
	b := append(e.monitorLine[:0], '+')
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = fmt.Appendf(b, ".%06d [", now.Nanosecond()/1000)
	b = strconv.AppendInt(b, int64(s.DB), 10)
	b = append(b, ' ')
	if s.Script {
		b = append(b, "lua"...)
	} else if s.Unix {
		b = append(append(b, "unix:"...), e.cfg.String("unixsocket")...)
	} else {
		b = append(b, s.Addr...)
	}
	b = append(b, ']')
	for i := range argv {
		b = resp.AppendQuoted(append(b, ' '), hidden(argv, redacted, i))
	}
	b = append(b, "\r\n"...)
	for _, m := range e.monitors {
		// In Redis this is no push: CLIENT REPLY mutes it, SKIP from its own line on.
		if m.Reply == session.ReplyOn || m == s && m.Reply == session.SkipNext {
			m.Push(b)
		}
	}
	e.monitorLine = b
	if cap(b) > maxIdleUnit {
		e.monitorLine = nil
	}
}
