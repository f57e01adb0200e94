package engine

import (
	"fmt"
	"strings"
	"time"

	"frankenredis/wire/pubsub"
	"frankenredis/wire/session"
)

// DescribeClient is one line of CLIENT LIST, without its end.
func (e *Engine) DescribeClient(s *session.Session) string {
	u := s.Conn.Usage()
	// Redis keeps at most so much of a reply in the buffer that rbs and rbp are about.
	const mostBuffer = 16 << 10
	query, argvBytes := u.QueryBytes, u.ArgvBytes
	switch {
	case s.Executing:
		query += u.DoneBytes
	case s.Wait != nil:
		argvBytes += s.Wait.ArgvBytes
	case s.Postponed != nil:
		argvBytes += argvLen(s.Postponed)
	}
	flags := ""
	if s.IsReplica() {
		flags += "S"
	}
	if s.Primary {
		flags += "M"
	}
	if s.Monitor {
		flags += "O"
	}
	if s.Subs.Any() {
		flags += "P"
	}
	if s.Multi {
		flags += "x"
	}
	if s.Wait != nil || s.Postponed != nil {
		flags += "b"
	}
	redirect := int64(-1)
	if s.Tracking.On {
		redirect = s.Tracking.Redirect
		flags += "t"
		if s.Tracking.Broken {
			flags += "R"
		}
		if s.Tracking.Bcast {
			flags += "B"
		}
	}
	if s.DirtyCAS {
		flags += "d"
	}
	if s.CloseAfterReply {
		flags += "c"
	}
	if s.Unix {
		flags += "U"
	}
	if s.ReadOnly {
		flags += "r"
	}
	if s.NoEvict {
		flags += "e"
	}
	if s.NoTouch {
		flags += "T"
	}
	if flags == "" {
		flags = "N"
	}
	multi := -1
	if s.Multi {
		multi = len(s.Queue)
	}
	user := "(superuser)"
	if s.User != nil {
		user = s.User.Name
	}
	events := "r"
	if u.HeldChunks > 0 || s.Unsent() > 0 {
		events += "w"
	}
	now := e.Wall()
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d "+
		"qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=%d oll=%d omem=%d tot-mem=%d events=%s cmd=%s "+
		"user=%s redir=%d resp=%d lib-name=%s lib-ver=%s",
		s.ID, s.Addr, s.LocalAddr, s.FD, cText(s.Name), int64(now.Sub(s.Created)/time.Second), int64(now.Sub(s.LastCommand)/time.Second),
		flags, s.DB, s.Subs.Count(pubsub.Channels), s.Subs.Count(pubsub.Patterns), s.Subs.Count(pubsub.Shards), multi, query, u.QueryFree+u.QueryPromised, argvBytes, s.QueueBytes, min(u.ReplyCap, mostBuffer), min(u.ReplyPeak, mostBuffer), u.ReplyLen,
		u.HeldChunks, int64(u.HeldBytes)+s.Unsent(), int64(s.Memory())+s.Unsent(), events, s.CommandName, user, redirect, s.W.Proto, cText(s.LibName), cText(s.LibVersion))
}

// argvLen is the length of all arguments together.
func argvLen(argv [][]byte) int {
	n := 0
	for _, a := range argv {
		n += len(a)
	}
	return n
}

// cText is a text as C prints it: nothing behind a NUL.
func cText(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
