package main

import (
	"errors"
	"fmt"
	"time"

	"frankenredis/wal"
	"frankenredis/wire/session"
)

// missed is what a replica that was away for longer than the backlog reaches back gets in place of a full sync: the log's increments are
// the stream.
type missed struct {
	log      *wal.Log
	from, to wal.LSN
	reply    string
	known    func(wal.ReplID, wal.LSN) bool
}

// resumeFromFiles lets a replica go on from a position that the backlog does not reach back to, if the log does (I9). Its history was
// found to be this server's.
func (s *server) resumeFromFiles(client *session.Session, from wal.LSN) bool {
	r, res := &s.replicas, s.load.result
	if s.log == nil || from >= s.eng.StreamEnd() || from < r.unread || r.backlog != nil && r.backlog.Has(from) {
		return false
	}
	past := s.log.Past()
	if past == nil || from < past.First() {
		return false
	}
	socket, err := s.syncSocket(client)
	if err != nil {
		return false
	}
	s.beginStream()
	id, id2, end2 := res.Position.ID, res.ID2, res.End2
	o := &outgoing{s: s, client: client, log: s.log, id: id, at: s.eng.StreamEnd(), out: socket}
	o.missed = &missed{
		log: s.log, from: from, to: o.at, reply: continueReply(client, id.String()),
		known: func(line wal.ReplID, at wal.LSN) bool { return line == id || line == id2 && at <= end2 },
	}
	client.Replica.Heard, client.Replica.Acked, client.Replica.State = time.Now(), from, session.CatchesUp
	client.Replica.At = o.at
	r.list = append(r.list, client)
	s.logger.Info(fmt.Sprintf("Partial resynchronization request from %s accepted. Sending %d bytes of the append-only file starting from offset %d.",
		replicaName(client), o.at-from, from+1))
	s.send(o)
	return true
}

// sendMissed is a sync's work.
func (o *outgoing) sendMissed() error {
	m := o.missed
	if err := o.awaitCover(); err != nil {
		return err
	}
	for m.log.InFiles() < m.to { // the commit ring has it first
		if err := o.alive(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := o.out.Write([]byte(m.reply)); err != nil {
		return err
	}
	past := m.log.Past() // not before: meanwhile the log may have changed to its next increment
	if past == nil {
		return wal.ErrPast
	}
	return past.Copy(o.out, m.from, m.to, m.known)
}

// finishMissed puts the replica online, or ends its connection: then it comes again, and gets a full sync if the files are to blame.
func (s *server) finishMissed(o *outgoing, err error) {
	if o.client.Closed || o.client.Replica.State != session.CatchesUp {
		return
	}
	if err == nil {
		s.putOnline(o.client)
		return
	}
	var damage *wal.CorruptError
	if errors.As(err, &damage) || errors.Is(err, wal.ErrPast) {
		s.replicas.unread = max(s.replicas.unread, o.missed.from+1)
	}
	if !errors.Is(err, errLinkGone) {
		s.logger.Warn("Can't send replica " + replicaName(o.client) + " what it has missed: " + err.Error())
	}
	o.client.Conn.Close(false)
}
