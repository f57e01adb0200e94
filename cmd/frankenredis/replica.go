package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/repl"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/command"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// replica is what the server knows of its primary. Executor only.
//
// A replica's stream is its primary's, byte for byte: id and position are those of load.result.Position and the engine's stream, and
// whatever log there is holds it. Without a log the engine gets a bareStream, for positions must be counted.
type replica struct {
	host string // "": this server is a primary
	port int

	follower *follower // of the link under way; nil: none
	source   primaryStream
	// resumable says that position and stream database are those of the primary's stream, as far as it is known here.
	resumable bool
	// positionless says that the server was a primary without a stream, and nothing of its new primary's has come yet.
	positionless bool
	db           int       // the stream's database while no primary is connected
	downSince    time.Time // zero: it never was up, or is
	received     int64     // bytes from links that have ended
	forgotten    int64     // bytes received before the counters were set back
	failover     bool      // the next PSYNC asks to take over
}

// bareStream counts positions where nothing keeps the stream.
type bareStream struct{ end wal.LSN }

func (b *bareStream) Commit(p []byte, _ int) { b.end += wal.LSN(len(p)) }
func (b *bareStream) CommitIdle(p []byte, db int) (finish func()) {
	b.Commit(p, db)
	return nil
}
func (b *bareStream) End() wal.LSN      { return b.end }
func (b *bareStream) Released() wal.LSN { return b.end }
func (b *bareStream) Durable() wal.LSN  { return 0 }
func (b *bareStream) Full() bool        { return false }
func (b *bareStream) Err() error        { return nil }

var _ engine.Log = (*bareStream)(nil)

// primary is whom the parameter replicaof names; host "": nobody.
func (s *server) primary() (host string, port int) {
	if v := s.cfg.Strings("replicaof"); len(v) == 2 {
		fmt.Sscan(v[1], &port)
		return v[0], port
	}
	return "", 0
}

// startAsReplica makes the server what the parameters say before anything is loaded.
func (s *server) startAsReplica() {
	s.replica.source.s = s
	s.eng.AddTransport(&s.replica.source)
	host, port := s.primary()
	if host == "" || s.salvaging() {
		return
	}
	s.replica.host, s.replica.port = host, port
	s.eng.Follow(true)
	s.sink.role.Store('S')
}

// beginFollowing is called when the data set is loaded: a replica goes on where what it loaded stands.
func (s *server) beginFollowing() {
	r := &s.replica
	if r.host == "" {
		return
	}
	res := s.load.result
	at := res.Position.LSN
	if !res.ID2.IsZero() && res.End2 == at {
		// What was loaded is the history ID2 up to here, and nothing will be added to it but by its own primary. On a primary it would end here.
		res.Position.ID, res.ID2, res.End2 = res.ID2, wal.ReplID{}, 0
		r.resumable = true
	} else {
		r.resumable = s.log != nil && at > 0
	}
	r.db = res.DB
	s.countStream(at)
}

// countStream gives the engine something to count positions by, if there is nothing yet. A primary that had replicas but no log has,
// and its position counts on: to go back would be to ask for effects a second time (I6).
func (s *server) countStream(at wal.LSN) {
	if s.eng.Log() == nil && s.logHeld == nil {
		s.eng.SetLog(&bareStream{end: at})
	}
}

// request is the position to ask the primary for; a zero id asks for everything.
func (s *server) request() (wal.ReplID, wal.LSN) {
	if !s.replica.resumable {
		return wal.ReplID{}, 0
	}
	return s.load.result.Position.ID, s.eng.StreamEnd()
}

// replicaOf is REPLICAOF, and with host "" REPLICAOF NO ONE.
func (s *server) replicaOf(c *engine.Call, host string, port int) error {
	r := &s.replica
	by := s.eng.DescribeClient(c.S)
	switch {
	case s.salvaging():
		return engine.ReplyError("ERR REPLICAOF not allowed on a server that was started with --salvage.")
	case s.failover.phase != noFailover:
		return engine.ReplyError("ERR REPLICAOF not allowed while failing over.")
	case host == "" && r.host == "":
		c.W.OK()
		return nil
	case host == "":
		return s.promote(c, func(c *engine.Call) error {
			s.logger.Info(fmt.Sprintf("MASTER MODE enabled (user request from '%s')", by))
			c.W.OK()
			return nil
		})
	case r.port == port && strings.EqualFold(r.host, host):
		s.logger.Info("REPLICAOF would result into synchronization with the master we are already connected with. No operation performed.")
		c.W.Simple("OK Already connected to specified master")
		return nil
	}
	s.follow(host, port)
	s.logger.Info(fmt.Sprintf("REPLICAOF %s:%d enabled (user request from '%s')", host, port, by))
	c.W.OK()
	return nil
}

// follow makes the server a replica, or changes whose.
func (s *server) follow(host string, port int) {
	r := &s.replica
	was := r.host
	s.dropPrimary()
	r.host, r.port = host, port
	if s.cluster == nil { // there nodes.conf says it
		s.cfg.SetPrimary(host, port)
	}
	if was == "" {
		s.eng.Commit()
		r.resumable, r.positionless = false, s.eng.Log() == nil
		if s.eng.Log() != nil {
			s.logger.Info("Before turning into a replica, using my own master parameters to synthesize a cached master: " +
				"I may be able to synchronize with the new master with just a partial transfer.")
			r.resumable = true
			r.db = 0 // of no importance: a primary's stream begins with a SELECT for each new reader
		}
		r.downSince = time.Time{}
		s.eng.Follow(true)
		s.countStream(s.load.result.Position.LSN)
	} else {
		s.eng.Follow(true)
	}
	s.sink.role.Store('S')
	_ = s.followOOMScore() // it says in the log what is wrong
	s.logger.Info(fmt.Sprintf("Connecting to MASTER %s:%d", host, port))
	s.connectPrimary()
}

// promote makes a replica a primary: what follows is a new history, and the one so far its past. It ends
// with done. c is the client that wants it, which waits until that is durable; nil: everybody waits.
func (s *server) promote(c *engine.Call, done func(c *engine.Call) error) error {
	s.dropPrimary()
	if s.replica.resumable {
		s.logger.Info("Discarding previously cached master state.")
	}
	s.eng.Commit()
	id, old, end := wal.NewReplID(), s.load.result.Position.ID, s.eng.StreamEnd()
	var failed error
	finish := func(c *engine.Call) error {
		if failed != nil {
			s.logger.Warn("The append-only file cannot take up a new history: " + failed.Error())
			s.exit = 1
			s.eng.Stop() // its bytes would be taken for another history's
			return failed
		}
		s.becomePrimary(id, old, end)
		return done(c)
	}
	log := s.log
	if log == nil {
		return finish(c)
	}
	rename := func() { failed = log.Rename(id, old, end, nil) }
	if c == nil || !c.CanHold() {
		rename()
		return finish(c)
	}
	c.Hold(func(context.Context) { rename() }, finish)
	return nil
}

// becomePrimary is the rest of promote.
func (s *server) becomePrimary(id, old wal.ReplID, end wal.LSN) {
	r := &s.replica
	s.logger.Info(fmt.Sprintf("Setting secondary replication ID to %s, valid up to offset: %d. New replication ID is %s", old, end+1, id))
	res := s.load.result
	res.Position.ID, res.ID2, res.End2 = id, old, end
	r.host, r.port, r.resumable, r.positionless, r.downSince = "", 0, false, false, time.Time{}
	s.cfg.SetPrimary("", 0)
	s.dropReplicas(false)
	s.eng.Follow(false)
	s.sink.role.Store('M')
	_ = s.followOOMScore()
	s.record(ledger.Entry{Rule: ledger.NewHistory, Decision: ledger.New, Artifact: s.dir, Kind: "directory", From: uint64(end), Detail: fmt.Sprintf("%s goes on as %s", old, id)})
	s.restartLog()
}

// dropPrimary ends the link, if there is one.
func (s *server) dropPrimary() {
	f := s.replica.follower
	if f == nil {
		return
	}
	s.replica.follower = nil
	if f.reached == repl.PhaseConnected {
		s.replica.downSince = time.Now()
	}
	s.detachPrimary()
	f.stop()
}

// detachPrimary forgets the primary as a client.
func (s *server) detachPrimary() {
	r := &s.replica
	if r.source.feed == nil {
		return
	}
	r.db = s.eng.DetachPrimary()
	r.source.feed = nil
	s.eng.SetLinkUp(false)
}

// connectPrimary begins a link.
func (s *server) connectPrimary() {
	r := &s.replica
	f := newFollower(s)
	r.follower = f
	port := s.cfg.Int("replica-announce-port")
	overTLS := s.cfg.Bool("tls-replication")
	if port == 0 {
		port = s.cfg.Int("port")
		if overTLS && s.cfg.Int("tls-port") != 0 {
			port = s.cfg.Int("tls-port")
		}
	}
	id, at := s.request()
	f.asked = id
	s.logger.Info("MASTER <-> REPLICA sync started")
	f.link = repl.Start(repl.LinkOptions{
		Host: r.host, Port: r.port, User: s.cfg.String("masteruser"), Auth: s.cfg.String("masterauth"),
		ListenPort: int(port), AnnounceIP: s.cfg.String("replica-announce-ip"),
		ID: id, At: at, Failover: r.failover,
		Dial:     s.dialPrimary(overTLS),
		Timeout:  func() time.Duration { return time.Duration(s.replTimeout.Load()) },
		Follower: f, Logger: s.logger,
	})
}

// tendPrimary runs once a second: it connects where there is no link, and says how far this server is.
func (s *server) tendPrimary() {
	r := &s.replica
	if r.host == "" || s.load.result == nil || s.eng.Stopping() {
		return
	}
	if r.follower == nil {
		s.logger.Info(fmt.Sprintf("Connecting to MASTER %s:%d", r.host, r.port))
		s.connectPrimary()
		return
	}
	if r.source.feed != nil {
		s.acknowledge(s.eng.StreamEnd())
	}
}

// acknowledge tells the primary that its stream was applied up to at, as far as that may be shown already, and what of it is
// durable (I2, I8).
func (s *server) acknowledge(at wal.LSN) {
	f := s.replica.follower
	if f == nil {
		return
	}
	a := repl.Ack{Applied: min(at, s.eng.Released())}
	if s.log != nil {
		a.Durable, a.HasDurable = min(s.log.Durable(), a.Applied), true
	}
	f.link.Acknowledge(a)
}

// netInput is how many bytes primaries have sent.
func (s *server) netInput() int64 {
	n := s.replica.received
	if f := s.replica.follower; f != nil {
		got, _ := f.link.Traffic()
		n += got
	}
	return n
}

// linkEnded is told that a link has ended; why, the log says.
func (s *server) linkEnded(f *follower) {
	r := &s.replica
	got, _ := f.link.Traffic()
	r.received += got
	if r.follower != f || s.eng.Stopping() {
		return
	}
	was := f.reached
	r.follower = nil
	f.stop()
	s.detachPrimary()
	switch {
	case was == repl.PhaseConnected:
		r.downSince = time.Now()
		s.logger.Info("Connection with master lost.")
		s.logger.Info("Caching the disconnected master state.")
		s.logger.Info(fmt.Sprintf("Reconnecting to MASTER %s:%d", r.host, r.port))
		s.connectPrimary()
	case time.Since(f.began) > time.Second: // one that fails at once is not asked again at once
		s.logger.Info(fmt.Sprintf("Reconnecting to MASTER %s:%d after failure", r.host, r.port))
		s.connectPrimary()
	default: // tendPrimary tries again
	}
}

// attachPrimary makes the primary a client: its stream comes from now on, in database db.
func (s *server) attachPrimary(f *follower, db int) {
	r := &s.replica
	sess := &session.Session{Conn: primaryConn{f}, FD: -1}
	sess.Addr, sess.LocalAddr = f.link.Addresses()
	s.eng.AttachPrimary(sess, min(db, s.ks.Len()-1))
	f.feed.session = sess
	f.reached = repl.PhaseConnected
	r.source.feed = f.feed
	r.resumable, r.positionless = true, false
	r.downSince = time.Time{}
	s.eng.SetLinkUp(true)
}

// primaryConn is the connection of the primary's session. What is replied to it is never sent.
type primaryConn struct{ f *follower }

func (c primaryConn) Close(bool)         { c.f.link.Stop() }
func (primaryConn) Resumed()             {}
func (primaryConn) Room(int)             {}
func (primaryConn) Overflowing(int) bool { return false }
func (c primaryConn) Usage() session.Usage {
	return session.Usage{QueryBytes: c.f.feed.waiting()}
}

// restartLog begins the log anew where a sync has ended it.
func (s *server) restartLog() {
	if !s.cfg.Bool("appendonly") || s.log != nil || s.logHeld != nil {
		return
	}
	if s.busy(0) {
		s.rewrites.scheduled = true
		return
	}
	if err := s.beginLog(); err != nil {
		s.rewrites.scheduled = true // it is tried again
	}
}

// errLinkGone ends a link whose server does not want it any more.
var errLinkGone = errors.New("the link is not wanted any more")

// infoReplica shows the replica's side of INFO replication.
func (s *server) infoReplica(w *engine.InfoWriter) {
	r := &s.replica
	now := time.Now()
	f := r.follower
	phase, ago, read := repl.PhaseConnect, int64(-1), s.eng.StreamEnd()
	var t *repl.Transfer
	if f != nil {
		phase = f.link.Phase()
		if f.reached == repl.PhaseConnected {
			ago = int64(now.Sub(f.link.Heard()) / time.Second)
			read += wal.LSN(f.feed.waiting())
		} else {
			phase = min(phase, repl.PhaseTransfer)
		}
		t = f.link.Transfer()
	}
	up := f != nil && f.reached == repl.PhaseConnected
	w.Field("master_host", r.host)
	w.Field("master_port", r.port)
	w.Field("master_link_status", map[bool]string{true: "up", false: "down"}[up])
	w.Field("master_last_io_seconds_ago", ago)
	w.Field("master_sync_in_progress", bit(phase == repl.PhaseTransfer))
	w.Field("slave_read_repl_offset", uint64(s.shownOffset(read)))
	w.Field("slave_repl_offset", uint64(s.shownOffset(s.eng.StreamEnd())))
	if phase == repl.PhaseTransfer {
		got, size := int64(0), int64(0)
		if t != nil {
			got, size = t.Progress()
		}
		perc, left := 0.0, size-got
		switch {
		case t == nil: // as Redis before it is told how much comes
			size, left, perc = -1, -1, math.Copysign(0, -1)
		case size > 0:
			perc = float64(got) / float64(size) * 100
		default:
			size, left = 0, -got // as Redis, which does not know either
		}
		w.Field("master_sync_total_bytes", size)
		w.Field("master_sync_read_bytes", got)
		w.Field("master_sync_left_bytes", left)
		w.Fieldf("master_sync_perc", "%.2f", perc)
		w.Field("master_sync_last_io_seconds_ago", int64(now.Sub(f.link.Heard())/time.Second))
	}
	if !up {
		down := int64(-1)
		if !r.downSince.IsZero() {
			down = int64(now.Sub(r.downSince) / time.Second)
		}
		w.Field("master_link_down_since_seconds", down)
	}
	w.Field("slave_priority", s.cfg.Int("replica-priority"))
	w.Field("slave_read_only", bit(s.cfg.Live.ReplicaReadOnly))
	w.Field("replica_announced", bit(s.cfg.Bool("replica-announced")))
}

// replicated is the position a snapshot of the present data set stands at, from which a replica goes on after a restart; nil: there is none.
func (s *server) replicated() *snapshot.Replication {
	r := &s.replica
	if r.host == "" || !r.resumable {
		return nil
	}
	db := r.db
	if r.source.feed != nil {
		db = s.eng.StreamDB()
	}
	return &snapshot.Replication{ID: s.load.result.Position.ID.String(), Offset: int64(s.eng.StreamEnd()), DB: db}
}

// shownOffset is 1 as long as nothing is known, and 0 on what was a primary without a stream, as in Redis.
func (s *server) shownOffset(at wal.LSN) wal.LSN {
	if s.replica.positionless {
		return 0
	}
	if !s.replica.resumable && s.replica.source.feed == nil {
		return 1
	}
	return at
}

// role is ROLE.
func (s *server) role(w *resp.Writer) {
	if s.sentinel != nil {
		command.SentinelRole(s.sentinel.machine, w)
		return
	}
	if s.eng.Following() {
		word, at := s.rolePhase()
		w.Array(5)
		w.BulkString("slave")
		w.BulkString(s.replica.host)
		w.Int(int64(s.replica.port))
		w.BulkString(word)
		w.Int(at)
		return
	}
	_, at := s.position()
	s.forgetReplicas()
	w.Array(3)
	w.BulkString("master")
	w.Int(int64(at))
	w.Array(len(s.replicas.list))
	for _, c := range s.replicas.list {
		host, port := replicaAddress(c)
		w.Array(3)
		w.BulkString(host)
		w.BulkString(strconv.Itoa(port))
		w.BulkString(strconv.FormatUint(uint64(c.Replica.Acked), 10))
	}
}

// rolePhase is ROLE's word for the link.
func (s *server) rolePhase() (string, int64) {
	f := s.replica.follower
	switch {
	case f == nil:
		return repl.PhaseConnect.String(), -1
	case f.reached == repl.PhaseConnected:
		return repl.PhaseConnected.String(), int64(s.eng.StreamEnd())
	default:
		return min(f.link.Phase(), repl.PhaseTransfer).String(), -1
	}
}
