package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/repl"
	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// replicas is what the server knows of those that follow it. Executor only.
type replicas struct {
	s       *server
	list    []*session.Session
	backlog *repl.Backlog // nil: the stream is kept for no replica
	idle    time.Time     // since when there is none
	sending []*outgoing   // syncs under way
	// unread is up to where a replica could not be served from the log's files: it is not to ask in vain again.
	unread wal.LSN
	ahead  string // the last replica that was found to be ahead, as it was told

	full, partial, refused int64
	synced                 atomic.Int64 // bytes of snapshots and what goes with them, sent beside the reactor
	pinged                 time.Time
}

var _ engine.Replication = (*replicas)(nil)

// Acked implements engine.Replication.
func (r *replicas) Acked(lsn wal.LSN, fsynced bool) (n int) {
	for _, c := range r.list {
		p := c.Replica
		if isOnline(c) && (!fsynced && p.Acked >= lsn || fsynced && p.Durable >= lsn && p.Acked >= lsn) {
			n++
		}
	}
	return n
}

// Good implements engine.Replication.
func (r *replicas) Good(lag int64) (n int) {
	for _, c := range r.list {
		if isConnected(c) && time.Since(c.Replica.Heard) <= time.Duration(lag)*time.Second {
			n++
		}
	}
	return n
}

// Online implements engine.Replication.
func (r *replicas) Online() bool {
	return slices.ContainsFunc(r.list, isOnline)
}

// isOnline says whether a replica of the list is there and follows the stream: one that has gone stays on the list for up to a second.
func isOnline(c *session.Session) bool { return !c.Closed && c.Replica.State == session.Online }

// isConnected is isOnline of one, too, that has its snapshot and has yet to say so: INFO calls it online, but it confirms nothing.
func isConnected(c *session.Session) bool {
	return isOnline(c) || !c.Closed && c.Replica.State == session.WaitsForAck
}

// Bare marks a stream that no append-only file keeps.
func (b *bareStream) Bare() {}

// replicaName is how a replica is called in the log: where it says it can be reached.
func replicaName(c *session.Session) string {
	host, port := replicaAddress(c)
	if port == 0 {
		return host + ":<unknown-replica-port>"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func replicaAddress(c *session.Session) (string, int) {
	p := c.Replica
	host := p.IP
	if host == "" {
		host, _, _ = net.SplitHostPort(c.Addr)
	}
	return host, p.Port
}

// beginStream makes the stream where nobody wanted it so far: a history of its own, for positions of the last one do not tell what
// happened since it ended (I6).
func (s *server) beginStream() {
	r := &s.replicas
	if r.backlog != nil {
		return
	}
	if s.eng.Log() == nil {
		p := s.load.result
		p.Position.ID, p.ID2, p.End2 = wal.NewReplID(), wal.ReplID{}, 0
		s.eng.SetLog(&bareStream{end: p.Position.LSN})
	}
	s.eng.Commit()
	r.backlog = repl.NewBacklog(s.cfg.Bytes("repl-backlog-size"), s.eng.StreamEnd())
	r.s, r.pinged, r.idle = s, time.Now(), time.Now()
	s.eng.SetReplication(r)
	s.eng.SetTap(s.feedReplicas)
	id, _ := s.position()
	id2, _ := s.secondPosition()
	s.logger.Info(fmt.Sprintf("Replication backlog created, my new replication IDs are '%s' and '%s'", id, id2))
}

// feedReplicas hands what was committed to the replicas. It leaves with the turn's replies, so not before the log covers it (I2).
func (s *server) feedReplicas(p []byte) {
	r := &s.replicas
	r.backlog.Append(p, r.needed())
	for _, c := range r.list {
		if c.Closed || !c.IsReplica() || c.Replica.State == session.WaitsForSync {
			continue
		}
		s.giveStream(c)
		if c.Replica.Behind > session.StreamAhead {
			c.Conn.Resumed() // its output limit is looked at
		}
	}
}

// giveStream gives a replica's connection what follows, as much as it is to hold, and notes what is left.
func (s *server) giveStream(c *session.Session) {
	p, b := c.Replica, s.replicas.backlog
	for p.More != nil && p.At < b.End() && !c.Closed && !c.CloseAfterReply {
		if u := c.Conn.Usage(); u.HeldBytes+len(c.W.Buf)+len(c.Pushes) >= session.StreamAhead {
			break
		}
		piece := b.Next(p.At)
		p.At += wal.LSN(len(piece))
		c.Wrote = true // it must not be sent while the log fails
		c.Push(piece)
	}
	p.Behind = int64(b.End() - p.At)
}

// beginGiving puts a replica online, which has the stream up to a position.
func (s *server) beginGiving(c *session.Session) {
	p := c.Replica
	p.State, p.Heard = session.Online, time.Now()
	p.More = func() {
		if s.replicas.backlog != nil {
			s.giveStream(c)
		}
	}
	s.giveStream(c)
}

// resizeBacklog gives the backlog its size, in bytes, if there is one.
func (r *replicas) resizeBacklog(size int64) {
	if r.backlog != nil {
		r.backlog.Resize(size, r.needed())
	}
}

// needed is from where on some replica needs the stream.
func (r *replicas) needed() wal.LSN {
	at := r.backlog.End()
	for _, c := range r.list {
		if !c.Closed && c.IsReplica() && c.Replica.State != session.WaitsForSync {
			at = min(at, c.Replica.At)
		}
	}
	return at
}

// syncRequest is PSYNC and SYNC.
func (s *server) syncRequest(c *engine.Call, q engine.SyncRequest) error {
	r, client, id, offset := &s.replicas, c.S, q.ID, q.Offset
	switch {
	case client.IsReplica():
		return nil
	case s.salvaging():
		return engine.ReplyError("ERR this server was started with --salvage: what it lacks would be lost on its replicas too")
	case q.TakeOver:
		return s.takeOver(c, id, offset)
	case s.failover.phase != noFailover:
		return engine.ReplyError("NOMASTERLINK Can't SYNC while failing over")
	}
	if s.eng.Following() && s.replica.source.feed == nil {
		return engine.ReplyError("NOMASTERLINK Can't SYNC while not connected with my master")
	}
	if u := client.Conn.Usage(); u.HeldBytes > 0 || len(client.W.Buf) > 0 {
		return engine.ReplyError("ERR SYNC and PSYNC are invalid with pending output")
	}
	if client.Replica == nil {
		client.Replica = &session.Replica{}
	}
	name := replicaName(client)
	s.logger.Info("Replica " + name + " asks for synchronization")
	if id != "" && s.resume(client, id, offset) {
		r.partial++
		return nil
	}
	if id != "" && id != "?" {
		r.refused++
		if err := s.replicaAhead(name, id, offset); err != nil {
			return err
		}
	}
	r.full++
	s.beginStream()
	client.Replica.State = session.WaitsForSync
	client.Replica.Heard = time.Now()
	r.list = append(r.list, client)
	client.Replica.Positionless = id == ""
	if s.cfg.Bool("repl-disable-tcp-nodelay") {
		_ = unix.SetsockoptInt(client.FD, unix.IPPROTO_TCP, unix.TCP_NODELAY, 0)
	}
	if s.cfg.Bool("repl-diskless-sync") && client.Replica.EOF && s.cfg.Int("repl-diskless-sync-delay") > 0 {
		s.logger.Info("Delay next BGSAVE for diskless SYNC")
		return nil // startDelayed finds it
	}
	s.eng.After(0, func() { s.startSync(client, &syncRound{}) })
	return nil
}

// startDelayed starts the syncs by socket that wait for company: all of them when the first has waited for long enough, or when enough
// have come. The parameters are read anew each time, and by file nobody waits.
func (s *server) startDelayed() {
	var waiting []*session.Session
	var longest time.Duration
	for _, c := range s.replicas.list {
		if c.Replica.State == session.WaitsForSync && !c.Closed {
			waiting = append(waiting, c)
			longest = max(longest, time.Since(c.Replica.Heard))
		}
	}
	enough := s.cfg.Int("repl-diskless-sync-max-replicas")
	if s.cfg.Bool("repl-diskless-sync") && longest < time.Duration(s.cfg.Int("repl-diskless-sync-delay"))*time.Second &&
		(enough <= 0 || int64(len(waiting)) < int64(enough)) {
		return
	}
	round := &syncRound{}
	for _, c := range waiting {
		s.startSync(c, round)
	}
}

// resume tries a partial resynchronisation.
func (s *server) resume(client *session.Session, id string, offset int64) bool {
	s.eng.Commit()
	r, res := &s.replicas, s.load.result
	name := replicaName(client)
	mine, past := res.Position.ID.String(), res.ID2.String()
	known := strings.EqualFold(id, mine) || (past != "" && strings.EqualFold(id, past) && offset <= int64(res.End2)+1)
	switch {
	case !known && id == "?":
		s.logger.Info("Full resync requested by replica " + name)
		return false
	case !known && !strings.EqualFold(id, past):
		s.logger.Info(fmt.Sprintf("Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '%s', my replication IDs are '%s' and '%s')",
			id, mine, orZeros(past)))
		return false
	case !known:
		s.logger.Info(fmt.Sprintf("Partial resynchronization not accepted: Requested offset for second ID was %d, but I can reply up to %d", offset, int64(res.End2)+1))
		return false
	case offset >= 1 && s.resumeFromFiles(client, wal.LSN(offset-1)):
		return true
	case r.backlog == nil || offset < 1 || !r.backlog.Has(wal.LSN(offset-1)):
		s.logger.Info(fmt.Sprintf("Unable to partial resync with replica %s for lack of backlog (Replica request was: %d).", name, offset))
		if r.backlog != nil && offset-1 > int64(r.backlog.End()) {
			s.logger.Warn(fmt.Sprintf("Warning: replica %s tried to PSYNC with an offset that is greater than the master replication offset.", name))
		}
		return false
	}
	client.W.Raw([]byte(continueReply(client, mine)))
	client.Replica.Acked, client.Replica.At = wal.LSN(offset-1), wal.LSN(offset-1)
	r.list = append(r.list, client)
	s.logger.Info(fmt.Sprintf("Partial resynchronization request from %s accepted. Sending %d bytes of backlog starting from offset %d.", name,
		r.backlog.End()-client.Replica.At, offset))
	s.beginGiving(client)
	return true
}

// continueReply lets a replica go on. One that knows of second ids is told which history it follows now.
func continueReply(client *session.Session, id string) string {
	if client.Replica.PSYNC2 {
		return "+CONTINUE " + id + "\r\n"
	}
	return "+CONTINUE\r\n"
}

func orZeros(id string) string {
	if id == "" {
		return strings.Repeat("0", 40)
	}
	return id
}

// replicaAck is REPLCONF ACK.
func (s *server) replicaAck(client *session.Session, applied, durable wal.LSN) {
	p := client.Replica
	if !client.IsReplica() {
		return
	}
	if p.State != session.WaitsForSync { // there it is since when it waits
		p.Heard = time.Now()
	}
	p.Acked, p.Durable = max(p.Acked, applied), max(p.Durable, durable)
	if p.State == session.WaitsForAck {
		s.putOnline(client)
	}
}

// putOnline lets a replica that has its snapshot have the stream behind it.
func (s *server) putOnline(client *session.Session) {
	s.beginGiving(client)
	s.logger.Info("Synchronization with replica " + replicaName(client) + " succeeded")
}

// tendReplicas runs once a second.
func (s *server) tendReplicas() {
	r := &s.replicas
	if r.backlog == nil || s.eng.Loading() {
		return
	}
	s.forgetReplicas()
	r.resizeBacklog(s.cfg.Bytes("repl-backlog-size")) // what a replica that is gone needed may go
	s.startDelayed()
	now := time.Now()
	if r.Online() && s.failover.phase == noFailover && now.Sub(r.pinged) >= time.Duration(s.cfg.Int("repl-ping-replica-period"))*time.Second {
		r.pinged = now
		s.eng.PingReplicas()
	}
	for _, c := range r.list {
		switch p := c.Replica; {
		case p.State == session.WaitsForSync:
			c.Push([]byte("\n"))
		case p.State == session.Online && now.Sub(p.Heard) > time.Duration(s.replTimeout.Load()):
			s.logger.Warn("Disconnecting timedout replica (streaming sync): " + replicaName(c))
			c.Conn.Close(false)
		case p.State == session.WaitsForAck && now.Sub(p.Heard) > time.Duration(s.replTimeout.Load()):
			s.logger.Warn("Disconnecting timedout replica (full sync): " + replicaName(c))
			c.Conn.Close(false)
		}
	}
	if len(r.list) > 0 {
		r.idle = now
	} else if ttl := s.cfg.Int("repl-backlog-ttl"); ttl > 0 && !s.eng.Following() && now.Sub(r.idle) > time.Duration(ttl)*time.Second {
		s.logger.Info(fmt.Sprintf("Replication backlog freed after %d seconds without connected replicas.", ttl))
		s.endStream()
	}
}

// forgetReplicas drops those whose connections have ended.
func (s *server) forgetReplicas() {
	r := &s.replicas
	for _, o := range r.sending {
		if o.client.Closed || o.client.Replica.State == session.NoReplica {
			o.out.end()
		}
	}
	r.list = slices.DeleteFunc(r.list, func(c *session.Session) bool {
		if !c.Closed && c.Replica.State != session.NoReplica {
			return false
		}
		s.logger.Info("Connection with replica " + replicaName(c) + " lost.")
		return true
	})
}

// endStream ends the stream if only replicas wanted it. The next one begins a new history.
func (s *server) endStream() {
	r := &s.replicas
	s.eng.SetTap(nil)
	s.eng.SetReplication(nil)
	if _, bare := s.eng.Log().(*bareStream); bare && !s.eng.Following() {
		p := s.load.result
		p.Position.LSN = s.eng.StreamEnd()
		p.Position.ID, p.ID2, p.End2 = wal.NewReplID(), wal.ReplID{}, 0
		s.eng.SetLog(nil)
	}
	r.backlog = nil
}

// dropReplicas ends all connections of replicas: the history they follow is not this server's any more. With the position gone the
// backlog begins anew.
func (s *server) dropReplicas(restart bool) {
	r := &s.replicas
	for _, c := range r.list {
		c.Conn.Close(false)
	}
	if restart && r.backlog != nil {
		r.backlog = repl.NewBacklog(s.cfg.Bytes("repl-backlog-size"), s.eng.StreamEnd())
	}
}

// infoReplicas shows the primary's side of INFO replication.
func (s *server) infoReplicas(w *engine.InfoWriter) {
	r := &s.replicas
	s.forgetReplicas()
	w.Field("connected_slaves", len(r.list))
	if least := s.cfg.Live.MinReplicas; least > 0 && s.cfg.Live.MinReplicasLag > 0 {
		w.Field("min_slaves_good_slaves", r.Good(s.cfg.Live.MinReplicasLag))
	}
	for i, c := range r.list {
		p := c.Replica
		host, port := replicaAddress(c)
		state, lag := s.replicaState(c), int64(0)
		if state == "online" {
			lag = int64(time.Since(p.Heard) / time.Second)
		}
		w.Fieldf("slave"+strconv.Itoa(i), "ip=%s,port=%d,state=%s,offset=%d,lag=%d", host, port, state, p.Acked, lag)
	}
}

// replicaState is INFO's word. A replica whose snapshot is being made waits for it, also where it gets what there is of it already; one
// that has it all is online for INFO, though it gets the stream only when it says so.
func (s *server) replicaState(c *session.Session) string {
	switch c.Replica.State {
	case session.WaitsForSync:
		return "wait_bgsave"
	case session.ReceivesSnapshot:
		for _, o := range s.replicas.sending {
			if o.client == c && o.saving() {
				return "wait_bgsave"
			}
		}
		return "send_bulk"
	case session.CatchesUp:
		return "send_bulk"
	}
	return "online"
}

// replicationMemory is what replication holds, in bytes: the stream, up to the backlog's size, and what is held for replicas only: the
// rest of the stream, and their connections.
func (s *server) replicationMemory() (backlog, replicas int64) {
	r := &s.replicas
	if r.backlog != nil {
		all := r.backlog.Memory()
		backlog = min(all, s.cfg.Bytes("repl-backlog-size"))
		replicas = all - backlog
	}
	for _, c := range r.list {
		if !c.Closed {
			replicas += int64(c.Memory())
		}
	}
	return backlog, replicas
}

// streamMemory is what the stream takes that is held for replicas, in bytes: once for all of them.
func (r *replicas) streamMemory() int64 {
	if r.backlog == nil {
		return 0
	}
	return r.backlog.Memory()
}

// infoBacklog shows the backlog.
func (s *server) infoBacklog(w *engine.InfoWriter) {
	active, first, held := 0, wal.LSN(0), 0
	if b := s.replicas.backlog; b != nil {
		active, held = 1, b.Len()
		first = b.End() - wal.LSN(held) + 1
	}
	w.Field("repl_backlog_active", active)
	w.Field("repl_backlog_size", s.cfg.Bytes("repl-backlog-size"))
	w.Field("repl_backlog_first_byte_offset", uint64(first))
	w.Field("repl_backlog_histlen", held)
}
