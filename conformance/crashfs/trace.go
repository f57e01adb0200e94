package crashfs

import "path"

// Op is a kind of operation.
type Op int

// The kinds. Any and Changing are for faults only.
const (
	Any Op = iota
	Changing
	Create // also CreateNew, and each truncates what is there
	Write
	Truncate
	Preallocate
	Sync
	SyncData
	Rename
	Remove
	Mkdir
	SyncDir
	Lock
	Open // in any way that needs the file to be there
	Read
	List
	Stat // also File.Size
	Free
	Close
)

var opNames = [...]string{"any", "changing", "create", "write", "truncate", "fallocate", "fsync", "fdatasync", "rename", "remove",
	"mkdir", "syncdir", "lock", "open", "read", "list", "stat", "free", "close"}

// String is the name that traces and errors use.
func (o Op) String() string { return opNames[o] }

// Changes says whether an operation of this kind changes what a crash would leave.
func (o Op) Changes() bool { return o >= Create && o <= Lock }

// Event is one operation. Closing counts for none.
type Event struct {
	N    int // the first is 1; a disk made from another one goes on counting
	Op   Op
	Name string // path
	To   string // of a rename
	Off  int64  // of a write or read in bytes; the new size of a truncation
	Len  int64  // bytes that were to be written or read
	Err  error  // from the plan or for lack of space
}

// String shows an event as "rename temp-x x", with the last parts of the names.
func (e Event) String() string {
	s := e.Op.String() + " " + path.Base(e.Name)
	if e.To != "" {
		s += " " + path.Base(e.To)
	}
	if e.Err != nil {
		s += " FAILED"
	}
	return s
}

// hook is called before operation n, or before each one if n is 0.
type hook struct {
	n    int
	call func(e Event, freeze func() *FS)
}

// At has call called right before operation n takes effect, or with n 0 before every one. The world stands still
// meanwhile: nobody's operation takes effect, and call must use this disk for nothing but freeze, which returns a Clone of
// it as it is then. Between two operations nothing changes, so before n+1 is after n too.
func (f *FS) At(n int, call func(e Event, freeze func() *FS)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks, hook{n, call})
}

// Ops is how many operations there were.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Trace returns the operations that change something and those of any kind that failed, in order, since the disk was made or Trace called last.
func (f *FS) Trace() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.trace
	f.trace = nil
	return t
}

// step counts an operation, shows it to hooks, records it, and asks the plan whether it fails. Under mu.
func (f *FS) step(e Event) error {
	f.n++
	e.N = f.n
	for _, h := range f.hooks {
		if h.n == 0 || h.n == f.n {
			h.call(e, f.clone)
		}
	}
	e.Err = f.fails(&e)
	if e.Op.Changes() || e.Err != nil {
		f.trace = append(f.trace, e)
	}
	return e.Err
}

// failed notes that the operation under way failed for lack of space.
func (f *FS) failed(err error) error {
	f.trace[len(f.trace)-1].Err = err
	return err
}
