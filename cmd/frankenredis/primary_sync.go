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
	missed *missed // not nil: it replaces all of the above but out, log, id and at
}

// startSync freezes the data set for a replica that waits.
func (s *server) startSync(client *session.Session) {
	p := client.Replica
	if client.Closed || p.State != session.WaitsForSync || s.eng.Stopping() {
		return
	}
	if s.eng.Loading() || s.replicas.backlog == nil {
		client.Conn.Close(false) // it comes again
		return
	}
	if u := client.Conn.Usage(); u.HeldBytes > 0 || len(client.W.Buf) > 0 {
		s.eng.After(10*time.Millisecond, func() { s.startSync(client) }) // a sign of life has still to leave
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
		direct: s.cfg.Bool("repl-diskless-sync") && p.EOF, file: filepath.Join(s.dir, jobTemp())}
	o.out = socket
	o.meta = s.snapshotMeta()
	o.meta.Replication = &snapshot.Replication{ID: o.id.String(), Offset: int64(o.at), DB: s.eng.StreamDB()}
	if !p.FunctionOnly {
		began := time.Now()
		o.frozen = s.ks.Freeze()
		s.load.freezeUsec = time.Since(began).Microseconds()
	}
	p.State, p.Acked = session.ReceivesSnapshot, o.at
	if o.direct {
		s.logger.Info("Starting BGSAVE for SYNC with target: replicas sockets")
		s.logger.Info(fmt.Sprintf("Background RDB transfer started by pid %d", os.Getpid()))
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
	o.meta.Progress = func(int64) error { return o.alive() }
	if o.direct {
		if err := o.awaitCover(); err != nil {
			return err
		}
		var random [20]byte
		_, _ = rand.Read(random[:])
		mark := hex.EncodeToString(random[:])
		w := bufio.NewWriterSize(o.out, 256<<10)
		fmt.Fprintf(w, "$EOF:%s\r\n", mark)
		if _, err := snapshot.Write(w, o.frozen, o.meta); err != nil {
			return err
		}
		_, _ = w.WriteString(mark)
		return w.Flush()
	}
	defer os.Remove(o.file)
	opts := snapshot.SaveOptions{FS: o.s.fs, Dir: filepath.Dir(o.file), Temp: filepath.Base(o.file)}
	o.out.beat = true
	if err := snapshot.WriteTemp(opts, o.frozen, o.meta, false); err != nil {
		return err
	}
	if err := o.awaitCover(); err != nil {
		return err
	}
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
	switch {
	case o.missed != nil:
		s.finishMissed(o, err)
	case o.client.Closed || p.State != session.ReceivesSnapshot:
	case err != nil:
		if !errors.Is(err, errLinkGone) {
			s.logger.Warn("SYNC failed. Sending the snapshot to replica " + name + ": " + err.Error())
		}
		o.client.Conn.Close(false)
	case p.RDBOnly:
		s.logger.Info("RDB transfer completed, rdb only replica (" + name + ") should be disconnected asap")
		o.client.Conn.Close(false)
	case o.direct:
		s.logger.Info("Background RDB transfer terminated with success")
		s.logger.Info("Streamed RDB transfer with replica " + name + " succeeded (socket). Waiting for REPLCONF ACK from replica to enable streaming")
		p.State, p.Heard = session.WaitsForAck, time.Now()
	default:
		s.logger.Info("Background saving terminated with success")
		s.putOnline(o.client)
	}
}
