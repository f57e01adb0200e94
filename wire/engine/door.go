package engine

import (
	"frankenredis/wire/session"
)

// In hardened mode what one client may ask for at once is bounded more tightly than in Redis, and what is refused for it is
// counted here, for the ledger. Strict mode has none of these bounds.

// Door is what hardened mode allows a client; zero: anything.
type Door struct {
	MaxKey    int64 // bytes of a key
	MaxQueued int64 // commands of a transaction
	// MaxArguments, MaxPipeline and MaxMemory are the transports' to enforce.
	MaxArguments int64 // of a command
	MaxPipeline  int64 // commands whose replies the client has not taken
	MaxMemory    int64 // bytes that a client's buffers and queue take
}

// DoorRefusals count what was refused by each bound, and say what the last case was.
type DoorRefusals struct {
	Keys, Queued, Arguments, Pipeline, Memory Refusal
}

// Refusal counts the cases of one kind.
type Refusal struct {
	Count uint64
	Last  string // whose and what the last one was
}

// Add counts one more.
func (r *Refusal) Add(s *session.Session, what string) {
	r.Count++
	r.Last = what + ", from " + s.Addr + " (" + s.CommandName + ")"
}

// The errors of hardened mode.
const (
	errKeyTooLong = ReplyError("ERR the key is longer than fr-max-key-bytes allows")
	errQueueFull  = ReplyError("ERR the transaction has more commands than fr-max-queued allows")
)

// Door returns the bounds; nil in strict mode.
func (e *Engine) Door() *Door { return e.door }

// DoorRefusals returns the counters; transports add to them.
func (e *Engine) DoorRefusals() *DoorRefusals { return &e.refusals }

// followDoor does now and whenever one changes what the parameters of hardened mode say.
func (e *Engine) followDoor() {
	if e.cfg.Enum("fr-mode") != "hardened" {
		return
	}
	follow := func() error {
		e.door = &Door{MaxKey: e.cfg.Bytes("fr-max-key-bytes"), MaxQueued: e.cfg.Int("fr-max-queued"), MaxArguments: e.cfg.Int("fr-max-arguments"),
			MaxPipeline: e.cfg.Int("fr-max-pipeline"), MaxMemory: e.cfg.Bytes("fr-max-client-memory")}
		return nil
	}
	e.cfg.OnApply("fr-max-key-bytes", follow, "fr-max-queued", "fr-max-arguments", "fr-max-pipeline", "fr-max-client-memory")
	_ = follow()
}

// checkDoor refuses a command that hardened mode does not let in.
func (e *Engine) checkDoor(s *session.Session, spec *Spec, argv [][]byte) error {
	d := e.door
	if s.Multi && spec.Flags&Control == 0 && d.MaxQueued > 0 && int64(len(s.Queue)) >= d.MaxQueued {
		e.refusals.Queued.Add(s, "a longer transaction")
		return errQueueFull
	}
	if d.MaxKey <= 0 || spec.Flags&Write == 0 {
		return nil // who only reads finds no such key
	}
	long := false
	for _, a := range argv {
		long = long || int64(len(a)) > d.MaxKey
	}
	if !long {
		return nil
	}
	refs, _ := spec.FindKeys(argv)
	for _, r := range refs {
		if int64(len(argv[r.Pos])) > d.MaxKey {
			e.refusals.Keys.Add(s, "a longer key")
			return errKeyTooLong
		}
	}
	return nil
}
