package wal

import "time"

// Status is what INFO shows of a log.
type Status struct {
	Policy        Policy
	Size          int64  // bytes of base and increments: aof_current_size
	BaseSize      int64  // Size after the last rewrite, or of the base alone at start: aof_base_size
	Seq           int64  // of the increment that is written
	PendingBytes  int64  // committed, not yet written: aof_buffer_length
	UnsyncedBytes int64  // committed, not yet durable: bytes at risk
	RiskMillis    int64  // age of the oldest of them in milliseconds
	Syncing       bool   // a sync is under way: aof_pending_bio_fsync
	WriteOK       bool   // aof_last_write_status
	WriteReason   string // why not, in C's words
	DelayedSyncs  int64  // syncs that had to wait for the one before: aof_delayed_fsync
	Syncs         int64  // syncs done
	LastSync      time.Duration
	Heals         int64  // increments opened because of an I/O error
	Inline        int64  // commits that the executor wrote itself
	Queued        int64  // commits that it left to the writer
	Gap           LSN    // not 0: bytes before it may be missing on the disk until the next rewrite
	RingCommits   int64  // commits that a ring made durable
	RingInline    int64  // of them by the executor's own thread
	RingBytes     int64  // of the stream, durable in a ring and not yet in the increments
	Covered       LSN    // what Options.Cover says; MaxLSN: nothing waits for it
	RingFailures  int64  // rings given up after an I/O error
	RingMoves     int64  // times that another ring took over because the device stood still
	Ring          string // folder of the ring that commits; "": none
	HeldBytes     int64  // memory that holds bytes which may have to be written again
}

// Name is the file name of the increment that is written.
func (l *Log) Name() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur.ref.Name
}

// Path is where that increment was made; whether it still is there, the log does not know.
func (l *Log) Path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path(l.cur.ref)
}

// Status describes the log as it is now. Any goroutine.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Policy: l.policy, Size: l.sealedSize.Load() + l.wrote.pos, BaseSize: l.baseSize.Load(), Seq: l.cur.ref.Seq,
		PendingBytes: int64(l.tape.end - l.wrote.lsn), UnsyncedBytes: int64(l.tape.end - LSN(l.durable.Load())),
		Syncing: l.syncing, WriteOK: !l.failing,
		DelayedSyncs: l.stats.delayed, Syncs: l.stats.syncs, LastSync: l.stats.lastSync, Heals: l.stats.heals,
		Inline: l.stats.inline, Queued: l.stats.queued, Gap: l.gap,
		HeldBytes: int64(len(l.tape.chunks)+len(l.tape.spare)) * chunkSize,
	}
	if e := l.failure.Load(); e != nil {
		s.WriteReason = e.Reason()
	}
	s.Covered = l.o.Cover.Covered()
	s.RingCommits, s.RingFailures, s.RingMoves = l.stats.ringed, l.stats.ringFailures, l.stats.ringMoves
	s.RingInline = l.stats.tried
	s.RingBytes = int64(l.durable.Load() - l.filed.Load())
	if l.ringOn() {
		s.Ring = l.front.dir
		if l.front.busy {
			s.RiskMillis = time.Since(l.front.since).Milliseconds()
		}
		return s
	}
	oldest := l.dirtySince
	if !l.syncSince.IsZero() {
		oldest = l.syncSince
	}
	if !oldest.IsZero() && s.UnsyncedBytes > 0 {
		s.RiskMillis = time.Since(oldest).Milliseconds()
	}
	return s
}
