package main

import (
	"errors"
	"fmt"
	"time"

	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wire/acl"
	"frankenredis/wire/engine"
)

// ledgerDir is the folder of the ledger in the data directory.
const ledgerDir = "ledger"

// evidence is what goes into the ledger from here.
type evidence struct {
	book  *ledger.Ledger // nil: none is kept
	dir   string         // its folder, which stays where it is when dir changes
	early []ledger.Entry // of what happened before the ledger was opened
	doors []*door
}

// openLedger begins the ledger, unless none is wanted. It waits for nothing: what fails is logged by the ledger's goroutine.
func (s *server) openLedger() {
	limit := s.cfg.Bytes("fr-ledger-limit")
	if limit == 0 {
		return
	}
	dir := s.dataPath(ledgerDir)
	s.evidence.dir = dir
	s.evidence.book = ledger.Start(ledger.Options{FS: s.fs, Dir: dir, Mode: s.cfg.Enum("fr-mode"), LimitBytes: limit,
		Failed: func(err error) {
			if err != nil {
				s.logger.Warn("The ledger in " + dir + " can't be written, decisions wait in memory: " + err.Error())
			} else {
				s.logger.Info("The ledger in " + dir + " can be written again")
			}
		}})
	s.evidence.doors = s.watchedDoors()
}

// recordEarly records what happened before the ledger was open.
func (s *server) recordEarly() {
	for _, e := range s.evidence.early {
		s.record(e)
	}
	s.evidence.early = nil
}

// closeLedger writes what waits. The executor must have ended: this waits for the disk.
func (s *server) closeLedger() {
	if err := s.evidence.book.Close(); err != nil {
		s.logger.Warn("The last entries of the ledger are lost: " + err.Error())
	}
}

// record has an entry written to the ledger. Any goroutine.
func (s *server) record(e ledger.Entry) { s.evidence.book.Record(e) }

// recordRefusal records a recovery that failed, or a log that could not be opened after it.
func (s *server) recordRefusal(err error) {
	var refusal *recovery.Refusal
	if errors.As(err, &refusal) {
		s.recordStart(refusal.Evidence)
		return
	}
	s.record(ledger.Entry{Rule: ledger.Started, Decision: ledger.Refuse, Artifact: s.dir, Kind: "directory", Detail: err.Error()})
}

// recordStart records what a recovery saw, decided and did.
func (s *server) recordStart(e *recovery.Evidence) {
	for _, x := range e.Entries() {
		s.record(x)
	}
}

// recordLog records what happened to the log; it is called under the log's locks.
func (s *server) recordLog(e wal.Event) {
	x := ledger.Entry{Artifact: e.Path, Kind: "increment", Pos: e.Pos, To: uint64(e.LSN), Replay: "frctl check " + e.Path}
	if e.HasSum {
		x.Input = "aof:" + e.Sum.String()
	}
	switch e.Kind {
	case wal.Failed:
		x.Rule, x.Decision, x.Detail, x.Replay = ledger.LogFailed, ledger.Refuse, e.Err.Error(), ""
		if isFull(e.Err) {
			s.outOfRoom()
		}
	case wal.Healed:
		x.Rule, x.Decision = ledger.LogHealed, ledger.New
	case wal.Switched:
		x.Rule, x.Decision = ledger.Switched, ledger.Keep
	case wal.RingFailed:
		x.Rule, x.Decision, x.Kind, x.Detail, x.Replay = ledger.RingFailed, ledger.Change, "ring", e.Err.Error(), ""
	case wal.RingMoved:
		x.Rule, x.Decision, x.Kind, x.Replay = ledger.RingMoved, ledger.Change, "ring", ""
	case wal.Installed:
		x.Rule, x.Decision, x.Kind = ledger.Installed, ledger.New, "base"
	}
	s.record(x)
}

// recordFailedSave records that a snapshot or a rewrite came to nothing: what it was to replace stays.
func (s *server) recordFailedSave(what, parameter string, err error) {
	s.record(ledger.Entry{Rule: ledger.SaveFailed, Decision: ledger.Keep, Artifact: s.dataPath(s.cfg.String(parameter)), Kind: what, Detail: err.Error()})
}

// newestRecords is FR.EVIDENCE.
func (s *server) newestRecords(n int, since time.Time) []ledger.Record {
	if s.evidence.book == nil {
		return nil
	}
	return s.evidence.book.Newest(n, since)
}

// door is a counter of what is refused at a door. Whoever knocks decides how often it moves, so records of it come the more seldom the
// longer it goes on: the ledger is bounded, and a flood must not wash out everything else.
type door struct {
	rule  ledger.Rule
	count func() uint64
	what  func() string // the last case; nil: nothing is known of it
	told  uint64
	pause time.Duration
	next  time.Time
}

const (
	doorPause     = time.Second
	doorPauseMost = time.Hour
)

// watchedDoors are the counters that hardened mode records.
func (s *server) watchedDoors() []*door {
	if s.cfg.Enum("fr-mode") != "hardened" {
		return nil
	}
	st := s.eng.Stats()
	r := s.eng.DoorRefusals()
	bound := func(rule ledger.Rule, of *engine.Refusal) *door {
		return &door{rule: rule, count: func() uint64 { return of.Count }, what: func() string { return of.Last }}
	}
	return []*door{
		bound(ledger.Arguments, &r.Arguments), bound(ledger.LongKey, &r.Keys), bound(ledger.LongQueue, &r.Queued),
		bound(ledger.Pipeline, &r.Pipeline), bound(ledger.ClientBytes, &r.Memory),
		{rule: ledger.Protocol, count: func() uint64 { return st.ProtocolErrors }, what: func() string { return st.ProtocolError }},
		{rule: ledger.QueryLimit, count: func() uint64 { return st.QueryLimitCloses }},
		{rule: ledger.OutputLimit, count: func() uint64 { return st.OutputLimitCloses }},
		{rule: ledger.Rejected, count: func() uint64 { return st.ConnectionsRejected }},
		{rule: ledger.WrongPass, count: func() uint64 { return s.eng.Stats().Denied[acl.DeniedAuth] }},
	}
}

// watchDoors records what was refused since the last time.
func (s *server) watchDoors(now time.Time) {
	for _, d := range s.evidence.doors {
		if e, ok := d.look(now); ok {
			s.record(e)
		}
	}
}

// look says what there is to record of a door.
func (d *door) look(now time.Time) (e ledger.Entry, ok bool) {
	n := d.count()
	if n < d.told {
		d.told = 0 // CONFIG RESETSTAT
	}
	switch {
	case now.Before(d.next):
		return e, false
	case n == d.told:
		if d.pause > doorPause { // forgiven as slowly as it was earned
			d.next = now.Add(d.pause)
			d.pause /= 2
		}
		return e, false
	}
	e = ledger.Entry{Rule: d.rule, Decision: ledger.Bound, Bytes: int64(n - d.told), Kind: "door", Detail: fmt.Sprintf("%d refused since the last record", n-d.told)}
	if d.what != nil {
		e.Detail += "; the last: " + d.what()
	}
	d.told = n
	d.next = now.Add(max(d.pause, doorPause))
	d.pause = min(2*max(d.pause, doorPause), doorPauseMost)
	return e, true
}

// infoLedger shows how the ledger is.
func (s *server) infoLedger(w *engine.InfoWriter) {
	w.Field("fr_mode", s.cfg.Enum("fr-mode"))
	if s.eng.Door() != nil {
		r := s.eng.DoorRefusals()
		w.Field("fr_refused_arguments", r.Arguments.Count)
		w.Field("fr_refused_keys", r.Keys.Count)
		w.Field("fr_refused_transactions", r.Queued.Count)
		w.Field("fr_refused_pipelines", r.Pipeline.Count)
		w.Field("fr_refused_client_memory", r.Memory.Count)
	}
	w.Field("fr_ledger_enabled", bit(s.evidence.book != nil))
	if s.evidence.book == nil {
		return
	}
	st := s.evidence.book.Stats()
	last := int64(0)
	if !st.Last.IsZero() {
		last = st.Last.UnixMilli()
	}
	w.Field("fr_ledger_status", status(st.Err != nil))
	w.Field("fr_ledger_records", st.Records)
	w.Field("fr_ledger_last", last)
	w.Field("fr_ledger_last_hash", st.Hash)
	w.Field("fr_ledger_waiting", st.Waiting)
	w.Field("fr_ledger_dropped", st.Dropped)
	w.Field("fr_ledger_segment", st.Segment)
	w.Field("fr_ledger_segment_bytes", st.Bytes)
	if st.Err != nil {
		w.Field("fr_ledger_failing_because", st.Err)
	}
}
