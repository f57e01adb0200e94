package wal

// EventKind is what happened to a log.
type EventKind uint8

// The kinds.
const (
	Failed     EventKind = iota // a write or sync failed; from here to Healed nothing is acknowledged
	Healed                      // the log goes on in a new increment
	Switched                    // an increment is sealed and the next one begins
	RingFailed                  // a commit ring is given up after an I/O error
	RingMoved                   // the device of one commit ring stands still, another takes over
	Installed                   // a new base takes the place of older files
)

// Event is something that an operator will want to know of later.
type Event struct {
	Kind EventKind
	Path string // of the file in question
	Pos  int64  // its size, as far as it counts
	LSN  LSN    // up to where the stream is durable; of an installed base, its position
	Sum  Sum    // of an installed base or a sealed increment, if HasSum
	// HasSum says that Sum is known.
	HasSum bool
	Err    error // of Failed
}
