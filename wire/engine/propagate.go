package engine

import (
	"math"
	"strconv"
	"time"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// The frames the engine itself puts around effects.
var (
	multiFrame = []byte("*1\r\n$5\r\nMULTI\r\n")
	execFrame  = []byte("*1\r\n$4\r\nEXEC\r\n")
)

var (
	wordDel    = []byte("DEL")
	wordUnlink = []byte("UNLINK")
	wordExec   = []byte("EXEC") // as shown to monitoring clients
)

// streams says whether effects go anywhere now: without a consumer no stream is made and positions stand still.
func (e *Engine) streams() bool {
	return e.log != nil && !e.loading && !e.muted && !e.following.on
}

// appendEffect adds one effect to the unit being made, if there is a stream.
func (e *Engine) appendEffect(db int, argv [][]byte) {
	if !e.streams() {
		return
	}
	if e.unitCount == 0 {
		e.unitFrom = e.streamDB
	}
	if db != e.streamDB {
		e.streamDB = db
		e.unit = appendSelect(e.unit, db)
	}
	e.unit = resp.AppendCommand(e.unit, argv...)
	e.unitCount++
	e.unitOwn = true
}

// endUnit closes the unit: what was caused together becomes one frame, or MULTI .. EXEC, in the turn's stream (I5).
func (e *Engine) endUnit(s *session.Session) {
	if e.unitCount == 0 || e.hold != nil {
		return
	}
	switch {
	case e.unitCount > 1:
		e.stream = append(e.stream, multiFrame...)
		e.stream = append(e.stream, e.unit...)
		e.stream = append(e.stream, execFrame...)
	case len(e.stream) == 0 && len(e.unit) > maxIdleUnit:
		e.stream, e.unit = e.unit, e.stream // one huge command: not copied
	default:
		e.stream = append(e.stream, e.unit...)
	}
	e.unit, e.unitCount = e.unit[:0], 0
	if cap(e.unit) > maxIdleUnit {
		e.unit = nil
	}
	if s != nil {
		s.LastWrite = e.StreamEnd()
		s.Wrote = s.Wrote || e.unitOwn // a read that met an expired key acknowledges no write
	}
	e.unitOwn = false
}

// maxIdleUnit bounds the scratch kept between units, in bytes: one huge command must not hold its size for ever.
const maxIdleUnit = 1 << 20

// StreamEnd is the position behind everything executed so far in whole units.
func (e *Engine) StreamEnd() wal.LSN {
	if e.log == nil {
		return 0
	}
	return e.log.End() + wal.LSN(len(e.stream))
}

// Released is the position up to which replies may leave.
func (e *Engine) Released() wal.LSN {
	if e.log == nil {
		return math.MaxUint64
	}
	return e.log.Released()
}

// LogFailing says that the log takes no writes now but is not under `always`: then replies that acknowledge no write
// of their own client may leave uncovered, as reads go on.
func (e *Engine) LogFailing() bool {
	return e.log != nil && e.log.Err() != nil && e.cfg.Live.AppendFsync != "always"
}

// commit hands the turn's effects to the log in one piece.
func (e *Engine) commit() { e.commitTurn(false) }

// commitTurn is commit; idle says that the executor has nothing else to do before the effects are durable, and may be left with finish to call,
// behind everything else (see Log).
func (e *Engine) commitTurn(idle bool) (finish func()) {
	if e.wantAcks {
		e.askForAcks()
	}
	if len(e.stream) == 0 {
		return nil
	}
	if e.debug.FlushSleep > 0 {
		time.Sleep(e.debug.FlushSleep)
	}
	db := e.streamDB
	if e.unitCount > 0 { // in the middle of a command
		db = e.unitFrom
	}
	if idle {
		finish = e.log.CommitIdle(e.stream, db)
	} else {
		e.log.Commit(e.stream, db)
	}
	if e.tap != nil {
		e.tap(e.stream)
	}
	e.stream = e.stream[:0]
	if cap(e.stream) > maxIdleStream {
		e.stream = nil
	}
	return finish
}

// maxIdleStream bounds the turn buffer kept between turns, in bytes.
const maxIdleStream = 16 << 20

// keyExpired is kv's hook: expiry is an event in the stream (I20).
func (e *Engine) keyExpired(db *kv.DB, key []byte) {
	word := wordDel
	if e.cfg.Live.LazyfreeExpire {
		word = wordUnlink
	}
	own, muted := e.unitOwn, e.muted
	e.muted = false // that a key is gone is true whatever a script wants propagated
	e.appendEffect(db.ID(), [][]byte{word, key})
	e.unitOwn, e.muted = own, muted
	e.stats.ExpiredKeys++
	e.remindPrefixes(key, 0) // nobody's own change
	e.Notify('x', "expired", db.ID(), key)
	switch {
	case e.depth == 0:
		e.endUnit(nil)
	case e.depth == 1 && e.frames[0].Spec.Flags&Scattered != 0:
		e.endUnit(e.frames[0].S)
	}
}

func appendSelect(dst []byte, db int) []byte {
	var num [20]byte
	digits := strconv.AppendInt(num[:0], int64(db), 10)
	dst = append(dst, "*2\r\n$6\r\nSELECT\r\n$"...)
	dst = strconv.AppendInt(dst, int64(len(digits)), 10)
	dst = append(dst, '\r', '\n')
	dst = append(dst, digits...)
	return append(dst, '\r', '\n')
}
