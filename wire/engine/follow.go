package engine

import (
	"fmt"
	"strings"

	"frankenredis/kv"
	"frankenredis/wal"
	"frankenredis/wire/session"
)

// following is what the executor knows of being a replica.
type following struct {
	on bool // there is a primary
	up bool // and its stream comes

	source   *session.Session // the primary, as a client; nil: none
	applying bool             // a command of its stream is being run
	raw      []byte           // the stream's bytes of the unit being applied
	// async: a snapshot is loaded beside the data set, which is served meanwhile.
	async bool
	// readOnly: clients may not write, primary or not.
	readOnly bool
	local    localExpiries
}

// Follow makes the server a replica, or with false a primary. What a replica does by itself is no part of the stream: that is its
// primary's, byte for byte (ApplyStream). Clients that wait are sent away, because what they wait for may not come any more.
func (e *Engine) Follow(on bool) {
	if on {
		e.endBlockedForRole()
	}
	e.following.on = on
	e.following.up = false
	e.following.local = localExpiries{}
	e.streamDB = -1
	e.followExpireMode()
}

// Following says whether the server is a replica.
func (e *Engine) Following() bool { return e.following.on }

// SetLinkUp says whether the primary's stream comes (replica-serve-stale-data).
func (e *Engine) SetLinkUp(up bool) { e.following.up = up }

// stale says that this is a replica cut off from its primary that must not answer from what it has.
func (e *Engine) stale() bool {
	return e.following.on && !e.following.up && !e.cfg.Live.ServeStaleData
}

// readOnlyReplica says that clients may not write here.
func (e *Engine) readOnlyReplica() bool {
	return e.following.on && e.cfg.Live.ReplicaReadOnly || e.following.readOnly
}

// SetReadOnly has clients' writes refused as on a replica, though there is no primary: the data set is all that could be saved of one.
func (e *Engine) SetReadOnly(on bool) { e.following.readOnly = on }

// SetAsyncLoading says whether a snapshot is being loaded beside the data set (repl-diskless-load swapdb).
func (e *Engine) SetAsyncLoading(on bool) { e.following.async = on }

// AsyncLoading is what SetAsyncLoading said.
func (e *Engine) AsyncLoading() bool { return e.following.async }

// AttachPrimary registers the primary as a client that may do everything; its stream goes on in database db.
func (e *Engine) AttachPrimary(s *session.Session, db int) {
	e.Attach(s)
	e.stats.ConnectionsReceived--
	s.Primary, s.User, s.Authenticated = true, nil, true
	s.DB = db
	e.following.source = s
	e.streamDB = db
}

// DetachPrimary forgets the primary's client and returns the database its stream stands in. A transaction that was not complete
// is forgotten: its bytes are no part of the stream yet (I5).
func (e *Engine) DetachPrimary() (db int) {
	s := e.following.source
	if s == nil {
		return 0
	}
	e.following.source = nil
	e.Detach(s)
	e.following.raw = nil
	return s.DB
}

// CanApply says whether commands of the primary's stream may run now: not while something else is half done, and not while the data
// set must stand still; nor what could not be logged, unless replica-ignore-disk-write-errors says so.
func (e *Engine) CanApply() bool {
	if e.loading || e.Busy() || e.hold != nil || !e.pauseUntil.IsZero() || e.Stopping() {
		return false
	}
	return e.log == nil || (!e.log.Full() && (e.log.Err() == nil || e.cfg.Bool("replica-ignore-disk-write-errors")))
}

// ApplyStream runs one command of the primary's stream. raw is what it came as. Nothing of it is checked that concerns clients, no key
// expires by the clock, and nobody hears the reply; it joins this server's stream as it came (I7), a transaction with its EXEC.
// It returns the position behind everything that was applied in whole units.
func (e *Engine) ApplyStream(s *session.Session, argv [][]byte, raw []byte) wal.LSN {
	f := &e.following
	f.applying = true
	e.ks.SetExpireMode(kv.ExpireIgnore)
	e.expireMode = kv.ExpireIgnore
	f.raw = append(f.raw, raw...)
	failed, mark := e.stats.ErrorReplies, len(s.W.Buf)
	s.LastCommand = e.wall
	s.Executing = true
	e.dispatch(s, argv)
	if e.stats.ErrorReplies > failed {
		e.streamError(s, string(s.W.Buf[min(mark, len(s.W.Buf)):]))
	}
	s.Executing, s.Pushes, s.W.Buf = false, nil, s.W.Buf[:0]
	f.applying = false
	e.followExpireMode()
	if !s.Multi {
		e.stream = append(e.stream, f.raw...)
		e.streamDB = s.DB
		if f.raw = f.raw[:0]; cap(f.raw) > maxIdleUnit {
			f.raw = nil
		}
	}
	return e.StreamEnd()
}

// Obeyed says that the command comes from a log or from this replica's primary: what was done once is done again, whatever limits
// have changed since.
func (c *Call) Obeyed() bool { return c.E.loading || c.E.following.applying }

// streamError says that a command of the stream failed: this server's data may differ from its primary's.
func (e *Engine) streamError(s *session.Session, reply string) {
	text, _, _ := strings.Cut(strings.TrimPrefix(reply, "-"), "\r")
	e.logger.Warn(fmt.Sprintf("== CRITICAL == This replica is sending an error to its master: '%s' after processing the command '%s'", text, s.CommandName))
	e.streamErrors++
	if b := e.cfg.Enum("propagation-error-behavior"); b == "panic" || b == "panic-on-replicas" {
		e.hooks.Crash(CrashPanic)
	}
}

// UnexpectedErrors counts commands of the stream that failed here.
func (e *Engine) UnexpectedErrors() int64 { return e.streamErrors }

// errRoleChanged is what clients hear that waited when the server became a replica.
const errRoleChanged = ReplyError("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")

// endBlockedForRole ends all waits of clients with an error, and their connections behind it.
func (e *Engine) endBlockedForRole() {
	e.Sessions(func(s *session.Session) {
		if s.Wait == nil || !s.Wait.Unblockable {
			return
		}
		e.finishWait(s, func(*session.Wait) { e.replyError(s, errRoleChanged) })
		s.CloseAfterReply = true
		s.Conn.Close(true)
	})
}

// Adopt puts databases that were loaded aside in the place of those that are served, which take theirs.
func (e *Engine) Adopt(dbs []*kv.DB) {
	e.Flushed()
	for i, db := range dbs {
		e.touchWatched(e.ks.DB(i), db)
		e.signalDB(i)
	}
	watching := e.ks.Watching
	e.ks.Watching = 0 // as for SwapDatabases
	e.ks.Adopt(dbs)
	e.ks.Watching = watching
}

// LoadAside runs f, which fills databases of Keyspace.Beside: nobody hears of their keys, and none of them expires.
func (e *Engine) LoadAside(f func() error) error {
	watching, announce := e.ks.Watching, e.ks.Announce
	e.ks.Watching, e.ks.Announce = 0, false
	e.ks.SetExpireMode(kv.ExpireIgnore)
	err := f()
	e.ks.SetExpireMode(e.expireMode)
	e.ks.Watching, e.ks.Announce = watching, announce
	return err
}

// StreamDB is the database in which the primary's stream stands; 0 without one.
func (e *Engine) StreamDB() int {
	if s := e.following.source; s != nil {
		return s.DB
	}
	return 0
}
