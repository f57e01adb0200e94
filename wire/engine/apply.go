package engine

import "frankenredis/wire/session"

// Apply runs one command of the log while it is loaded: no checks that concern clients, no effects, no reply kept. An
// error means that the log holds what this server cannot have written: the load must not go on. s carries the
// selected database and a transaction under way from one command to the next.
func (e *Engine) Apply(s *session.Session, argv [][]byte) error {
	spec, err := e.resolve(argv)
	if err != nil {
		return err
	}
	failed := e.stats.ErrorReplies
	mark := len(s.W.Buf)
	e.call(s, spec, argv)
	text := string(s.W.Buf[mark:])
	s.W.Buf = s.W.Buf[:0]
	if e.stats.ErrorReplies != failed {
		e.stats.ErrorReplies = failed
		return ReplyError(text)
	}
	return nil
}
