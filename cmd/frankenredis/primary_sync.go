package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// An outgoing sync is a frozen view on its way to one replica, or what the replica has missed (primary_past.go). It is written into a second descriptor of the replica's connection by a
// goroutine of its own; the executor sends nothing there until that has ended, and keeps the stream for the replica meanwhile.
type outgoing struct {
	s      *server
	client *session.Session
	frozen *kv.Frozen // nil: only the functions are wanted
	meta   snapshot.Meta
	out    *syncSocket
	log    engine.Log
	id     wal.ReplID
	at     wal.LSN
	psync  bool // else the replica is told no position
	direct bool // no file in between
	file   string
	round  *syncRound
	began  time.Time
	delay  int64       // rdb-key-save-delay as it was at the beginning
	whole  atomic.Bool // of one by file: the file is written, and is being sent
	missed *missed     // not nil: it replaces all of the above but out, log, id and at
}

// A syncRound is the syncs by socket that began together: in Redis's log they are one transfer.
type syncRound struct{ going, up int }

// startSync freezes the data set for a replica that waits.
func (s *server) startSync(client *session.Session, round *syncRound) {
	p := client.Replica
	if client.Closed || p.State != session.WaitsForSync || s.eng.Stopping() {
		return
	}
	if s.eng.Loading() || s.replicas.backlog == nil {
		client.Conn.Close(false) // it comes again
		return
	}
	if u := client.Conn.Usage(); u.HeldBytes > 0 || len(client.W.Buf) > 0 {
		s.eng.After(10*time.Millisecond, func() { s.startSync(client, round) }) // a sign of life has still to leave
		return
	}
	socket, err := s.syncSocket(client)
	if err != nil {
		s.logger.Warn("Can't begin a sync: " + err.Error())
		client.Conn.Close(false)
		return
	}
	s.eng.Commit()
	s.eng.Reselect()
	o := &outgoing{s: s, client: client, log: s.coveringLog(), id: s.load.result.Position.ID, at: s.eng.StreamEnd(), psync: !p.Positionless,
		direct: s.cfg.Bool("repl-diskless-sync") && p.EOF, file: filepath.Join(s.dir, jobTemp()),
		round: round, began: time.Now()}
	o.out = socket
	o.meta = s.snapshotMeta()
	o.meta.Replication = &snapshot.Replication{ID: o.id.String(), Offset: int64(o.at), DB: s.eng.StreamDB()}
	if !p.FunctionOnly {
		o.frozen = s.ks.Freeze()
		s.load.freezeUsec = time.Since(o.began).Microseconds()
	}
	o.delay = s.cfg.Int("rdb-key-save-delay")
	p.State, p.At, p.Behind = session.ReceivesSnapshot, o.at, 0
	if o.direct {
		if round.going == 0 {
			s.logger.Info("Starting BGSAVE for SYNC with target: replicas sockets")
			s.logger.Info(fmt.Sprintf("Background RDB transfer started by pid %d", os.Getpid()))
		}
		round.going++
	} else {
		s.logger.Info("Starting BGSAVE for SYNC with target: disk")
		s.logger.Info(fmt.Sprintf("Background saving started by pid %d", os.Getpid()))
	}
	s.send(o)
}

// send runs a sync on a goroutine of its own.
func (s *server) send(o *outgoing) {
	s.replicas.sending = append(s.replicas.sending, o)
	engine.Background(func() {
		err := o.run()
		s.eng.Post(func() { s.finishOutgoing(o, err) })
	})
}

// run sends everything.
func (o *outgoing) run() error {
	if o.missed != nil {
		return o.sendMissed()
	}
	if o.psync {
		if _, err := fmt.Fprintf(o.out, "+FULLRESYNC %s %d\r\n", o.id, o.at); err != nil {
			return err
		}
	}
	o.meta.Progress, o.meta.Yield = func(int64) error { return o.alive() }, engine.Yielder()
	if o.direct {
		if err := o.awaitCover(); err != nil {
			return err
		}
		var random [20]byte
		_, _ = rand.Read(random[:])
		mark := hex.EncodeToString(random[:])
		w := bufio.NewWriterSize(o.out, 256<<10)
		fmt.Fprintf(w, "$EOF:%s\r\n", mark)
		o.pace(w)
		if _, err := snapshot.Write(w, o.frozen, o.meta); err != nil {
			return err
		}
		_, _ = w.WriteString(mark)
		return w.Flush()
	}
	opts := snapshot.SaveOptions{FS: o.s.fs, Dir: filepath.Dir(o.file), Temp: filepath.Base(o.file)}
	defer func() {
		if o.s.fs.Remove(o.file) == nil {
			_ = o.s.fs.SyncDir(opts.Dir) // only behind that a large one gives its room back piece by piece; who starts does not read it
		}
	}()
	o.out.beat = true
	o.pace(nil)
	if err := snapshot.WriteTemp(opts, o.frozen, o.meta, false); err != nil {
		return err
	}
	if err := o.awaitCover(); err != nil {
		return err
	}
	o.whole.Store(true)
	file, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.out, "$%d\r\n", info.Size()); err != nil {
		return err
	}
	_, err = io.CopyBuffer(o.out, struct{ io.Reader }{file}, make([]byte, 256<<10))
	return err
}

// pace makes the sync as slow as rdb-key-save-delay wants it; what is in w leaves meanwhile, so that the replica sees it begin.
func (o *outgoing) pace(w *bufio.Writer) {
	if o.delay == 0 {
		return
	}
	var flushed time.Time
	pause := pacer(o.delay, o.alive)
	o.meta.Pace = func() error {
		if w != nil && time.Since(flushed) > 10*time.Millisecond {
			flushed = time.Now()
			if err := w.Flush(); err != nil {
				return err
			}
		}
		return pause()
	}
}

// saving says whether a snapshot is being made for the sync, by what is a background save in Redis.
func (o *outgoing) saving() bool { return o.missed == nil && !o.whole.Load() }

// alive ends the work for a replica that has gone, and lets one that waits for a file hear of it each second.
func (o *outgoing) alive() error {
	if o.out.closed.Load() {
		return errLinkGone
	}
	if o.out.beat && time.Since(o.out.beaten) > time.Second {
		o.out.beaten = time.Now()
		_, err := o.out.Write([]byte("\n"))
		return err
	}
	return nil
}

// awaitCover waits until the log covers what the snapshot shows, as durably as its policy promises (I2): also while the log fails, for
// then the stream does not leave either.
func (o *outgoing) awaitCover() error {
	for o.log != nil && o.log.Released() < o.at {
		if err := o.alive(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// finishOutgoing is told how a full sync ended.
func (s *server) finishOutgoing(o *outgoing, err error) {
	if o.frozen != nil {
		o.frozen.Close()
	}
	o.out.close()
	s.replicas.sending = slices.DeleteFunc(s.replicas.sending, func(x *outgoing) bool { return x == o })
	name := replicaName(o.client)
	p := o.client.Replica
	if o.direct && o.missed == nil {
		s.finishRound(o, err)
	}
	switch {
	case o.missed != nil:
		s.finishMissed(o, err)
	case o.client.Closed || p.State != session.ReceivesSnapshot:
	case err != nil:
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.logger.Warn("Disconnecting timedout replica (full sync): " + name)
		case !errors.Is(err, errLinkGone):
			s.logger.Warn("SYNC failed. Sending the snapshot to replica " + name + ": " + err.Error())
		}
		o.client.Conn.Close(false)
	case p.RDBOnly:
		s.logger.Info("RDB transfer completed, rdb only replica (" + name + ") should be disconnected asap")
		o.client.Conn.Close(false)
	case o.direct:
		s.logger.Info("Streamed RDB transfer with replica " + name + " succeeded (socket). Waiting for REPLCONF ACK from replica to enable streaming")
		p.State, p.Heard = session.WaitsForAck, time.Now()
	default:
		s.logger.Info("Background saving terminated with success")
		s.putOnline(o.client)
	}
}

// finishRound counts a sync by socket that has ended; behind the last of its round the log says what became of the transfer.
func (s *server) finishRound(o *outgoing, err error) {
	r := o.round
	r.going--
	if err == nil && !o.client.Closed {
		r.up++
	}
	switch {
	case r.going > 0:
	case r.up == 0:
		s.logger.Warn("Diskless rdb transfer, last replica dropped, killing fork child.")
	default:
		s.logger.Info(fmt.Sprintf("Diskless rdb transfer, done reading from pipe, %d replicas still up.", r.up))
		s.logger.Info("Background RDB transfer terminated with success")
	}
}

// syncing says whether snapshots are being made for replicas, and since when the oldest is.
func (s *server) syncing() (since time.Time, ok bool) {
	for _, o := range s.replicas.sending {
		if o.saving() && !o.out.closed.Load() && (!ok || o.began.Before(since)) {
			since, ok = o.began, true
		}
	}
	return since, ok
}
