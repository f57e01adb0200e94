package engine

import "time"

// Debug is what DEBUG switches for test beds. How a server runs by itself is what New sets. Executor only.
type Debug struct {
	// PauseCron: what the server does periodically rests (PAUSE-CRON).
	PauseCron bool
	// FlushSleep is slept before each commit of effects to the log (AOF-FLUSH-SLEEP).
	FlushSleep time.Duration
	// SkipChecksums: those of RDB files and of RESTORE's payloads are not looked at (SET-SKIP-CHECKSUM-VALIDATION).
	SkipChecksums bool
	// AllowInScripts: scripts may call commands that have the flag NoScript (SET-DISABLE-DENY-SCRIPTS).
	AllowInScripts bool
	// ReplyPeakReset is after how long the largest reply seen of a client is forgotten; negative: never
	// (REPLYBUFFER PEAK-RESET-TIME).
	ReplyPeakReset time.Duration
	// KeepReplyBuffers: reply buffers of clients at rest do not shrink (REPLYBUFFER RESIZING).
	KeepReplyBuffers bool
}

// DefaultReplyPeakReset is Redis's.
const DefaultReplyPeakReset = 5 * time.Second

// Debug is what DEBUG switches.
func (e *Engine) Debug() *Debug { return &e.debug }

// CrashKind is a way in which DEBUG ends the server at once.
type CrashKind uint8

// The ways to end.
const (
	CrashSegfault CrashKind = iota
	CrashPanic
	CrashAssert
	CrashOutOfMemory
)

// Crash ends the process as the kind says, with a report in the log. It does not return.
func (e *Engine) Crash(k CrashKind) { e.hooks.Crash(k) }

// Restart replaces the process by a new one of the same program and arguments after the given time: with graceful the
// configuration and the data set are saved first, as in a shutdown, else it is a crash. It returns only when that cannot be.
func (e *Engine) Restart(graceful bool, after time.Duration) error {
	if graceful {
		e.commit()
	}
	return e.hooks.Restart(graceful, after)
}

// LoadLog is DEBUG LOADAOF. What was executed in this turn is committed first, as for Save.
func (e *Engine) LoadLog() error {
	e.commit()
	return e.hooks.LoadLog()
}

// ChangeReplicationID gives the stream a new name, as DEBUG CHANGE-REPL-ID does; there is no history before then.
func (e *Engine) ChangeReplicationID() error {
	e.commit()
	return e.hooks.ChangeReplicationID()
}
