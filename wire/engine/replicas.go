package engine

import (
	"strings"

	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// Stream frames that are no effects: a sign of life for replicas, and the question how far they are. Like all of the stream they are
// counted and logged.
var (
	pingFrame   = []byte("*1\r\n$4\r\nPING\r\n")
	getackFrame = []byte("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n")
)

// SetTap has what is committed shown to f, in order and in whole units; nil: to nobody. f must not keep the bytes.
func (e *Engine) SetTap(f func(p []byte)) {
	e.commit()
	e.tap = f
}

// Reselect makes the stream name its database again before the next effect: a new reader knows none.
func (e *Engine) Reselect() {
	if !e.following.on {
		e.streamDB = -1
	}
}

// PingReplicas puts a sign of life into the stream. Between units only; a replica's stream is its primary's.
func (e *Engine) PingReplicas() {
	if e.log != nil && !e.following.on && !e.loading {
		e.stream = append(e.stream, pingFrame...)
	}
}

// RequestAcks asks the replicas, with the next commit, how far they are.
func (e *Engine) RequestAcks() { e.wantAcks = true }

func (e *Engine) askForAcks() {
	e.wantAcks = false
	if e.log != nil && !e.following.on && !e.loading && e.repl != nil && e.repl.Online() {
		e.stream = append(e.stream, getackFrame...)
	}
}

// FeedReplicas appends a command to the stream that nothing here has executed, so that replicas come to differ: DEBUG REPLICATE. It is
// refused while the stream goes to an append-only file, which is not to differ.
func (e *Engine) FeedReplicas(argv [][]byte) error {
	if e.Logged() {
		return ReplyError("ERR DEBUG REPLICATE would put a command that was not executed into the append-only file")
	}
	if e.streams() {
		e.stream = resp.AppendCommand(e.stream, argv...)
	}
	return nil
}

// EndReplica drops a replica whose command made the reply that begins at mark: in what it is sent, all but the stream would
// be taken for effects.
func (e *Engine) EndReplica(s *session.Session, mark int) {
	name := s.CommandName
	if name == "NULL" {
		name = "<unknown>"
	}
	reply := string(s.W.Buf[mark:])
	s.W.Buf = s.W.Buf[:mark]
	e.logger.Warn("Replica generated a reply to command '" + name + "', disconnecting it: " + e.DescribeClient(s))
	if strings.HasPrefix(reply, "-") {
		text, _, _ := strings.Cut(reply, "\r")
		// Redis shows texts that it keeps ready as they go out, and others without what it puts before them.
		if text != "-"+string(ErrSyntax) {
			text = strings.TrimPrefix(text, "-ERR ")
		}
		e.logger.Warn("== CRITICAL == This master is sending an error to its replica: '" + text + "' after processing the command '" + name + "'")
		e.streamErrors++
	}
	e.tracking.dropPending()
	s.Conn.Close(false)
}

// ErrNoReplicas refuses writes while too few replicas keep up (min-replicas-to-write).
const ErrNoReplicas = ReplyError("NOREPLICAS Not enough good replicas to write.")

// tooFewReplicas says that writes are refused for want of replicas.
func (e *Engine) tooFewReplicas() bool {
	least, lag := e.cfg.Live.MinReplicas, e.cfg.Live.MinReplicasLag
	if least <= 0 || lag <= 0 || e.following.on {
		return false
	}
	return e.repl == nil || e.repl.Good(lag) < int(least)
}

// Logged says that what is written goes into an append-only file; a stream may be made for replicas alone.
func (e *Engine) Logged() bool {
	_, bare := e.log.(interface{ Bare() })
	return e.log != nil && !bare
}
