package recovery

import (
	"fmt"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wal"
)

// Class is what an artifact was found to be.
type Class string

// The classes.
const (
	Clean      Class = "clean"
	Torn       Class = "torn"       // a crash cut it short
	Unproven   Class = "unproven"   // whole, but nothing proves that a crash of the machine left it as it was written
	Corrupt    Class = "corrupt"    // bytes changed, or durable ones are gone
	Damaged    Class = "damaged"    // bytes changed, and its sidecar can bring them back
	Missing    Class = "missing"    // named by a manifest, but not there
	Foreign    Class = "foreign"    // written by another server
	Unreadable Class = "unreadable" // the disk gave an error
	Unloaded   Class = "unloaded"   // there, but not part of what was loaded
)

// Evidence is what a recovery saw, decided and did, in order.
type Evidence struct {
	Time      time.Time  `json:"time"`
	Mode      string     `json:"mode"` // "strict" or "hardened"
	Dir       string     `json:"dir"`
	BootID    string     `json:"boot_id,omitempty"`
	Artifacts []Artifact `json:"artifacts"`
	Decisions []Decision `json:"decisions"`
	Actions   []Action   `json:"actions"`
	Outcome   string     `json:"outcome"`          // "loaded", "empty" or "refused"
	Reason    string     `json:"reason,omitempty"` // the line that a refusal logged last
}

// Artifact is one file as it was found.
type Artifact struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"` // "manifest", "companion", "base", "increment", "epoch", "watermark", "ring", "snapshot", "orphan"
	Class Class  `json:"class"`
	Size  int64  `json:"size"`
	// Whole is how many bytes are whole and, as far as can be told, as they were written.
	Whole    int64   `json:"whole,omitempty"`
	Start    wal.LSN `json:"start_lsn,omitempty"`
	End      wal.LSN `json:"end_lsn,omitempty"`
	Lines    int     `json:"lines,omitempty"`
	Keys     int64   `json:"keys,omitempty"`
	Commands int64   `json:"commands,omitempty"`
	Detail   string  `json:"detail,omitempty"`
	Input    string  `json:"input,omitempty"` // its digest, where it was read whole and is small (ledger: Digests)
}

// Decision is one choice among what the rules allow.
type Decision struct {
	Rule     ledger.Rule     `json:"rule"`
	Choice   ledger.Decision `json:"choice"`
	Artifact string          `json:"artifact,omitempty"`
	Pos      int64           `json:"pos,omitempty"`
	Detail   string          `json:"detail"`
	From     wal.LSN         `json:"from_lsn,omitempty"` // what it concerns of the stream, if that is known
	To       wal.LSN         `json:"to_lsn,omitempty"`
}

// Action is one change on disk.
type Action struct {
	What  string `json:"what"` // "quarantine", "truncate", "append", "write", "rename", "remove", "repair"
	Path  string `json:"path"`
	To    string `json:"to,omitempty"`
	From  int64  `json:"from,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	Error string `json:"error,omitempty"`
	// The digests of the bytes in question and of the file before and after (ledger: Digests).
	Input, Before, After string `json:"-"`
}

func (e *Evidence) saw(a Artifact) { e.Artifacts = append(e.Artifacts, a) }

func (e *Evidence) decided(rule ledger.Rule, choice ledger.Decision, artifact string, pos int64, format string, args ...any) {
	e.Decisions = append(e.Decisions, Decision{Rule: rule, Choice: choice, Artifact: artifact, Pos: pos, Detail: fmt.Sprintf(format, args...)})
}

// did records an action and passes its error on.
func (e *Evidence) did(a Action, err error) error {
	if err != nil {
		a.Error = err.Error()
	}
	e.Actions = append(e.Actions, a)
	return err
}

// Refusal says that a data set was not loaded and the server must not start. Everything was logged.
type Refusal struct {
	Reason   string // the last line that was logged
	Err      error  // what is behind it; may be nil
	Evidence *Evidence
}

// Error returns the reason with its cause.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return r.Reason + ": " + r.Err.Error()
	}
	return r.Reason
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }
