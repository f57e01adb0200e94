package engine

import (
	"crypto/tls"
	"errors"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// ShutdownRequest is what SHUTDOWN or a signal asks for.
type ShutdownRequest struct {
	Save, NoSave bool // neither: save when save points are configured
	Now          bool // do not wait for replicas
	Force        bool // stop although saving failed
}

// Hooks are what commands ask of the server around the executor; the composition root installs them before Run. Each
// runs on the executor.
type Hooks struct {
	// Shutdown ends the server: it saves and closes what must be, and calls Stop. An error means that the server goes on.
	Shutdown func(ShutdownRequest) error
	// AbortShutdown is SHUTDOWN ABORT; ShuttingDown says whether a shutdown waits for replicas.
	AbortShutdown func() error
	ShuttingDown  func() bool
	// Save writes a snapshot while everything waits (SAVE).
	Save func() error
	// BackgroundSave is BGSAVE, BackgroundRewrite BGREWRITEAOF: they return what the client is told.
	BackgroundSave    func(schedule bool) (string, error)
	BackgroundRewrite func() (string, error)
	// LastSave is the Unix time of the last successful save.
	LastSave func() int64
	// RewriteConfig is CONFIG REWRITE; all writes what stands at its default, too.
	RewriteConfig func(all bool) error
	// Reload is DEBUG RELOAD.
	Reload func(Reload) error
	// LoadLog is DEBUG LOADAOF.
	LoadLog func() error
	// ChangeReplicationID is DEBUG CHANGE-REPL-ID.
	ChangeReplicationID func() error
	// Crash ends the process; it does not return.
	Crash func(CrashKind)
	// Restart replaces the process; it returns only an error.
	Restart func(graceful bool, after time.Duration) error
	// Memory says where the memory is.
	Memory func() MemoryReport
	// Evidence is up to n of the ledger's newest records, none older than since (FR.EVIDENCE).
	Evidence func(n int, since time.Time) []ledger.Record
	// Scrub is FR.SCRUB. It replies.
	Scrub func(c *Call, q ScrubRequest) error
	// LoadUsers reads the ACL file for a client that asks for it, SaveUsers writes it.
	LoadUsers func(by *session.Session) error
	SaveUsers func() error
	// ReplicaOf is REPLICAOF; host "": NO ONE. It replies.
	ReplicaOf func(c *Call, host string, port int) error
	// Failover is FAILOVER. It replies.
	Failover func(c *Call, q FailoverRequest) error
	// SyncReplica is PSYNC and SYNC; ReplicaAck is REPLCONF ACK.
	SyncReplica func(c *Call, q SyncRequest) error
	ReplicaAck  func(s *session.Session, applied, durable wal.LSN)
	// Role is ROLE.
	Role func(w *resp.Writer)
	// ClusterTLS is what other nodes are spoken to with; nil: they are spoken to without TLS.
	ClusterTLS func() *tls.Config
	// DebugApart has a command under the debugger run by another process, on a copy of the data set; the client goes there.
	DebugApart func(c *Call) error
	// Emptied is called after FLUSHALL.
	Emptied func()
}

// Evidence is up to n of the ledger's newest records, oldest first; none without a ledger.
func (e *Engine) Evidence(n int, since time.Time) []ledger.Record {
	if e.hooks.Evidence == nil {
		return nil
	}
	return e.hooks.Evidence(n, since)
}

// SetHooks installs the hooks.
func (e *Engine) SetHooks(h Hooks) { e.hooks = h }

// Shutdown ends the server. What was executed in this turn is committed first.
func (e *Engine) Shutdown(r ShutdownRequest) error {
	e.commit()
	return e.hooks.Shutdown(r)
}

// ErrShutdownWaits says that a shutdown has begun and waits for replicas.
var ErrShutdownWaits = errors.New("the shutdown waits for replicas")

// AbortShutdown is SHUTDOWN ABORT.
func (e *Engine) AbortShutdown() error { return e.hooks.AbortShutdown() }

// ShuttingDown says whether a shutdown waits for replicas.
func (e *Engine) ShuttingDown() bool { return e.hooks.ShuttingDown() }

// Reload says what DEBUG RELOAD does: save first, empty the keyspace before loading, let keys of the file replace those
// that are there.
type Reload struct{ Save, Flush, Merge bool }

// Reload is DEBUG RELOAD. What was executed in this turn is committed first, as for Save.
func (e *Engine) Reload(r Reload) error {
	e.commit()
	return e.hooks.Reload(r)
}

// SetActiveExpire turns the active expiry cycle off and on (DEBUG SET-ACTIVE-EXPIRE); keys still expire when looked at.
func (e *Engine) SetActiveExpire(on bool) { e.passiveExpire = !on }

// ActiveExpire says whether keys expire without being looked at.
func (e *Engine) ActiveExpire() bool { return !e.passiveExpire }

// Save is SAVE. What was executed in this turn is committed first, so that the snapshot shows nothing the log has not seen.
func (e *Engine) Save() error {
	e.commit()
	return e.hooks.Save()
}

// BackgroundSave is BGSAVE.
func (e *Engine) BackgroundSave(schedule bool) (string, error) {
	return e.hooks.BackgroundSave(schedule)
}

// BackgroundRewrite is BGREWRITEAOF.
func (e *Engine) BackgroundRewrite() (string, error) {
	return e.hooks.BackgroundRewrite()
}

// Commit commits what was executed in this turn so far, so that the log ends where the keyspace is. Not inside a transaction, whose
// effects are one unit.
func (e *Engine) Commit() { e.commit() }

// InTransaction says whether the command being run is one of an EXEC.
func (e *Engine) InTransaction() bool { return e.inExec }

// ReplicaOf is REPLICAOF, and with host "" REPLICAOF NO ONE.
func (e *Engine) ReplicaOf(c *Call, host string, port int) error {
	if e.cluster != nil {
		return ReplyError("ERR REPLICAOF not allowed in cluster mode.")
	}
	return e.hooks.ReplicaOf(c, host, port)
}

// FailoverRequest is what FAILOVER asks for.
type FailoverRequest struct {
	Abort   bool
	Host    string // "": whoever has everything first
	Port    int
	Force   bool          // the target takes over at the timeout as it is
	Timeout time.Duration // 0: none
}

// Failover is FAILOVER. What was executed in this turn is committed first.
func (e *Engine) Failover(c *Call, q FailoverRequest) error {
	if e.cluster != nil {
		return ReplyError("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.")
	}
	e.commit()
	return e.hooks.Failover(c, q)
}

// SyncRequest is what PSYNC asks for, or with ID "" SYNC: the stream from Offset on (counted from 1).
type SyncRequest struct {
	ID       string
	Offset   int64
	TakeOver bool // PSYNC .. FAILOVER
}

// SyncReplica is PSYNC and SYNC.
func (e *Engine) SyncReplica(c *Call, q SyncRequest) error {
	return e.hooks.SyncReplica(c, q)
}

// ReplicaAck is REPLCONF ACK: how far a replica has applied the stream, and how far that is durable there.
func (e *Engine) ReplicaAck(s *session.Session, applied, durable wal.LSN) {
	e.hooks.ReplicaAck(s, applied, durable)
}

// Role is ROLE.
func (e *Engine) Role(w *resp.Writer) { e.hooks.Role(w) }

// LastSave is LASTSAVE.
func (e *Engine) LastSave() int64 { return e.hooks.LastSave() }

// RewriteConfig is CONFIG REWRITE, and with all DEBUG CONFIG-REWRITE-FORCE-ALL.
func (e *Engine) RewriteConfig(all bool) error { return e.hooks.RewriteConfig(all) }

// Memory says where the memory is.
func (e *Engine) Memory() MemoryReport { return e.hooks.Memory() }

// Emptied says that all databases were emptied by command.
func (e *Engine) Emptied() {
	if e.hooks.Emptied != nil {
		e.hooks.Emptied()
	}
}

// ClusterTLS is what other nodes are spoken to with (tls-cluster); nil: they are spoken to without TLS.
func (e *Engine) ClusterTLS() *tls.Config {
	if e.hooks.ClusterTLS == nil {
		return nil
	}
	return e.hooks.ClusterTLS()
}
