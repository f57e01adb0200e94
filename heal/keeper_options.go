package heal

import (
	"io"
	"time"
)

// KeeperOptions say how a Keeper works.
type KeeperOptions struct {
	Store Options
	// Opened, if not nil, is a store that Open has locked; the Keeper closes it. Else the folder of sidecars is made when it is needed.
	Opened *Store
	// Repair has damage within the budget repaired where scrubbing finds it; else it is only reported.
	Repair bool
	// Genuine tells whether the file at path, which is not what s has covered, proves itself: then somebody put it there. It may use s.
	Genuine func(s *Store, path string) bool
	// Gone tells of a path at which there is no file whether nobody will ask for that file again. nil: never.
	Gone func(path string) bool
	// Go runs the worker on a thread of low priority; what it returns is closed when the worker has ended.
	Go func(work func()) <-chan struct{}
	// Address says in the file heal/server how the server is reached ("tcp 127.0.0.1:6379", "unix /path"), for who finds the folder
	// locked. "": it is not said.
	Address string
	// Told is called with what happened, by the worker; of Adrift also in CheckPace, whose caller must not be kept waiting, and of Unawaited in
	// Await. May be nil.
	Told func(KeeperEvent)
	// Moved is called when Covered has moved, by the worker or in CheckPace. It must be cheap. May be nil.
	Moved func()
	// Every is how seldom, per file, a file is scrubbed; Rate bounds it in bytes a second. Asked before each file; Every 0: never.
	Every func() time.Duration
	Rate  func() int64

	// Settle is how long a first task waits for others: files come together, and each catalog costs syncs. 0: 300 ms.
	Settle time.Duration
	// Pace is how often growing files are followed at most. 0: a second.
	Pace time.Duration

	regrow time.Duration // tests go faster; 0: the constant
}

const (
	defaultSettle = 300 * time.Millisecond
	defaultPace   = time.Second
)

// setDefaults puts in what is not said.
func (o *KeeperOptions) setDefaults() {
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	if o.Pace == 0 {
		o.Pace = defaultPace
	}
	if o.regrow == 0 {
		o.regrow = regrow
	}
	if o.Told == nil {
		o.Told = func(KeeperEvent) {}
	}
	if o.Moved == nil {
		o.Moved = func() {}
	}
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
}

// EventKind is what happened to a file or its sidecar.
type EventKind string

// The kinds.
const (
	FoundDamage  EventKind = "damage"   // within the budget
	FoundLoss    EventKind = "loss"     // beyond it
	MendedFile   EventKind = "repaired" // and proven
	MendedCover  EventKind = "cover"    // the sidecar was damaged or missing, and made anew
	NewFile      EventKind = "replaced" // somebody put another file there, which is covered now
	Failed       EventKind = "failed"   // an I/O error
	CatalogReset EventKind = "catalog"  // it was lost, and made anew from the sidecars
	Adrift       EventKind = "adrift"   // the file grows, and its cover does not keep up
	CaughtUp     EventKind = "caught up"
	SweptFolder  EventKind = "swept"     // what crashes had left in the folder is removed
	Unawaited    EventKind = "unawaited" // somebody waited for the file's cover, in vain
)

// KeeperEvent is one thing that happened.
type KeeperEvent struct {
	Kind   EventKind
	Path   string
	Report Report
	Err    error // of Failed, Adrift and Unawaited
	Swept  Swept // of SweptFolder
}

// Proof is how a file's bytes are known: they are all written to Digest, then Proven may refuse.
type Proof struct {
	Digest io.Writer
	Proven func() error
}
