package wal

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

var (
	// ErrTorn is in the chain of an error that says: a crash cut this short. Expected at the end of the last increment.
	ErrTorn = errors.New("torn")
	// ErrCorrupt is in the chain of an error that says: these bytes changed. Never expected.
	ErrCorrupt = errors.New("corrupt")
	// ErrFatal is in the chain of Log.Err when the server must not go on: under `always` no place was found to write to.
	// The error's text is the line Redis logs before it exits with status 1.
	ErrFatal = errors.New("the log cannot be written and the fsync policy is 'always'")
	// ErrClosed is what a closed Log answers.
	ErrClosed = errors.New("the log is closed")
)

// CorruptError says where bytes are not what they must be. It is ErrTorn or ErrCorrupt to errors.Is.
type CorruptError struct {
	Path   string // file
	Pos    int64  // of the first byte that is wrong or missing
	Unit   int64  // position where the unit begins in which it was noticed: before it there are whole units only
	LSN    LSN    // stream position of Unit
	Wanted string
	Found  string
	Torn   bool
	// EOF says that the file ended, which Redis calls an unexpected end of file; otherwise to Redis it is a bad format, or
	// nothing at all if only a digest is wrong.
	EOF bool
	// Resume is where whole content goes on behind the damage; -1 if none was found. Torn errors have none. Proven says
	// that a line of ours vouches for it; without, it merely looks like commands, which a torn value may do as well.
	Resume int64
	Proven bool
}

// Error implements error.
func (e *CorruptError) Error() string {
	kind := "corrupt"
	if e.Torn {
		kind = "torn"
	}
	s := fmt.Sprintf("%s: %s at byte %d: wanted %s, found %s", e.Path, kind, e.Pos, e.Wanted, e.Found)
	if e.Unit != e.Pos {
		s += fmt.Sprintf(" (whole units up to byte %d, LSN %d)", e.Unit, e.LSN)
	}
	if !e.Torn && e.Resume >= 0 {
		s += fmt.Sprintf(" (whole again from byte %d)", e.Resume)
	}
	return s
}

// Is makes errors.Is(err, ErrTorn) and errors.Is(err, ErrCorrupt) work.
func (e *CorruptError) Is(target error) bool {
	return target == ErrTorn && e.Torn || target == ErrCorrupt && !e.Torn
}

// WriteError is what Log.Err returns while the log cannot be written.
type WriteError struct {
	Op    string // "write", "fsync", "open" (of a new increment)
	Path  string
	Cause error
	Fatal bool // the server must exit: ErrFatal
}

// Error returns, if fatal, the line that Redis logs before it exits.
func (e *WriteError) Error() string {
	switch {
	case e.Fatal && e.Op == "fsync":
		return fmt.Sprintf("Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...", e.Reason())
	case e.Fatal:
		return "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Cause)
}

// event is the message under which the error is logged: Redis's words where it has some.
func (e *WriteError) event() string {
	switch {
	case e.Op == "fsync":
		return "Fail to fsync the AOF file"
	case errors.Is(e.Cause, io.ErrShortWrite):
		return "Short write while writing to the AOF file"
	case e.Op == "write":
		return "Error writing to the AOF file"
	}
	return "Can't open a new AOF increment"
}

// Reason is the cause as C's strerror words it, for "MISCONF Errors writing to the AOF file: %s".
func (e *WriteError) Reason() string {
	var errno syscall.Errno
	if errors.As(e.Cause, &errno) {
		s := errno.Error() // C's text with a small first letter
		if s != "" && s[0] >= 'a' && s[0] <= 'z' {
			s = string(s[0]-'a'+'A') + s[1:]
		}
		return s
	}
	return e.Cause.Error()
}

// Unwrap gives the cause, and ErrFatal.
func (e *WriteError) Unwrap() []error {
	if e.Fatal {
		return []error{e.Cause, ErrFatal}
	}
	return []error{e.Cause}
}
