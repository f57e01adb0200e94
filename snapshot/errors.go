package snapshot

import (
	"errors"
	"fmt"
	"io"
)

// What can be wrong with a snapshot; every *Error is one of these by errors.Is.
var (
	// ErrCorrupt: the bytes break the format.
	ErrCorrupt = errors.New("corrupt snapshot")
	// ErrTruncated: the input ended before the snapshot did.
	ErrTruncated = errors.New("snapshot ends too early")
	// ErrChecksum: everything could be read, but the checksum is another.
	ErrChecksum = errors.New("wrong snapshot checksum")
	// ErrSignature: the input does not begin as an RDB file does.
	ErrSignature = errors.New("not an RDB file")
	// ErrVersion: an RDB version that is not read here.
	ErrVersion = errors.New("RDB version not supported")
	// ErrDatabase: the snapshot has a database with a higher number than there are.
	ErrDatabase = errors.New("no such database")
	// ErrUnsupported: a value type or opcode that exists but is not supported.
	ErrUnsupported = errors.New("not supported")
)

// ChecksumError is an ErrChecksum.
type ChecksumError struct{ Recorded, Computed uint64 }

// Error describes the failure.
func (e *ChecksumError) Error() string {
	return fmt.Sprintf("recorded %016x, computed %016x: %v", e.Recorded, e.Computed, ErrChecksum)
}

// Unwrap returns the kind.
func (e *ChecksumError) Unwrap() error { return ErrChecksum }

// VersionError is an ErrVersion.
type VersionError struct{ Version int }

// Error describes the failure.
func (e *VersionError) Error() string { return fmt.Sprintf("version %d: %v", e.Version, ErrVersion) }

// Unwrap returns the kind.
func (e *VersionError) Unwrap() error { return ErrVersion }

// Error says where in a snapshot reading stopped, and why.
type Error struct {
	Pos    int64  // position of the element that could not be read, from the snapshot's first byte
	At     int64  // position up to which the input had been used when it was noticed
	DB     int    // database being read; meaningful when Key is not nil
	Key    []byte // key being read, nil when it was none
	Reason string // what was wanted and found
	Err    error  // one of the Err values above, or an error of that kind, or that of the underlying reader
}

// Error describes the failure with position and key.
func (e *Error) Error() string {
	text := fmt.Sprintf("rdb: at %d: ", e.Pos)
	if e.Key != nil {
		text += fmt.Sprintf("db %d key %s: ", e.DB, quoteKey(e.Key))
	}
	if e.Reason != "" {
		return text + e.Reason + ": " + e.Err.Error()
	}
	return text + e.Err.Error()
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Err }

// quoteKey shows a key in an error: escaped, and no more of it than helps.
func quoteKey(key []byte) string {
	const most = 128
	if len(key) > most {
		return fmt.Sprintf("%q (%d bytes)", key[:most], len(key))
	}
	return fmt.Sprintf("%q", key)
}

// readFailure turns what the underlying reader returned into one of our kinds.
func readFailure(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// SaveStep is what was being done when a snapshot could not be saved.
type SaveStep uint8

// The steps of saving, in order.
const (
	SaveOpen    SaveStep = iota // the temporary file is made
	SaveWrite                   // it is written
	SaveSync                    // it is made durable and closed
	SaveRename                  // it gets its name
	SaveSyncDir                 // so does the name
)

// SaveError says which step of saving a snapshot failed.
type SaveError struct {
	Step        SaveStep
	Temp, Final string // paths
	Err         error
}

// Error describes the failure.
func (e *SaveError) Error() string { return fmt.Sprintf("snapshot: save %s: %v", e.Final, e.Err) }

// Unwrap returns what failed.
func (e *SaveError) Unwrap() error { return e.Err }
