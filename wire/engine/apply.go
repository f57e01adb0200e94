package engine

import "frankenredis/wire/session"

// Apply runs one command of the log while it is loaded: no checks that concern clients, no effects, no reply kept, and as in Redis no
// counters and no clock of its own: that of the turn holds. An error means that the log holds what this server cannot have written: the
// load must not go on. s carries the selected database from one command to the next.
func (e *Engine) Apply(s *session.Session, argv [][]byte) error {
	spec, err := e.resolve(argv)
	if err != nil {
		return err
	}
	if !e.loading {
		panic("engine: a command of the log while none is loaded")
	}
	failed := e.stats.ErrorReplies
	c := &e.frames[e.depth]
	*c = Call{E: e, S: s, Spec: spec, DB: e.ks.DB(s.DB), Args: argv, W: &s.W, Now: e.now}
	e.depth++
	err = spec.Handler(c)
	e.depth--
	if err != nil {
		s.W.Buf = s.W.Buf[:0]
		e.replyError(s, err)
	}
	reply := s.W.Buf
	s.W.Buf = reply[:0]
	if e.stats.ErrorReplies != failed {
		e.stats.ErrorReplies = failed
		return ReplyError(reply)
	}
	return nil
}
