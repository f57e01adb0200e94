// Package disk is the file system as the durable packages see it: what they need of it and nothing more, so that a test
// can hand in a disk that forgets, fails or records.
//
// It offers what pebble's vfs needs too, under these rules, which each implementation keeps:
//
//   - Write and SyncData of one File may run at the same time. Everything else on one File is the caller's to order.
//   - No method keeps or changes a slice after it has returned.
//   - A write that moves only part of its bytes says how many, with an error.
//   - Nothing is durable before the sync that belongs to it has returned nil: contents by File.Sync or File.SyncData, names
//     (after Create, CreateNew, Rename, Remove, MkdirAll) by SyncDir of the folder that holds them.
//   - After a failed sync nothing is known of the bytes it should have covered, and a later success on the same File proves
//     nothing about them: the kernel may have dropped them.
//
// Errors are those of package os: errors.Is with fs.ErrNotExist, fs.ErrExist and syscall.Errno works on them.
package disk

import (
	"errors"
	"io"
	"io/fs"
)

// ErrLocked is what Lock returns when somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// FS is a file system. Its methods may be called from any goroutine. Names are paths as the operating system takes them.
type FS interface {
	// Create opens name empty for reading and writing; what it held is lost. Writes begin at 0.
	Create(name string) (File, error)
	// CreateNew is Create for a name that must be free; else the error is fs.ErrExist.
	CreateNew(name string) (File, error)
	// OpenAppend opens an existing file for reading and writing; writes begin at its end.
	OpenAppend(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing; writes begin at 0.
	OpenReadWrite(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// Rename gives oldName's file the name newName, in one step, replacing what had it. Both must be on one file system.
	Rename(oldName, newName string) error
	// Remove takes away one name of a file, or an empty folder.
	Remove(name string) error
	// MkdirAll makes a folder and those above it, as far as they are missing.
	MkdirAll(dir string) error
	// List returns the names in a folder, sorted.
	List(dir string) ([]string, error)
	// Stat describes the file that name leads to.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock that name stands for, creating the file if need be, and holds it until Close, or until
	// the process ends in whatever way. It does not wait: ErrLocked.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes that an unprivileged process may still write to the file system of dir.
	Free(dir string) (int64, error)
}

// File is an open file.
type File interface {
	// Write writes at the file's own write position and moves it by what was written, also when it fails. Reads do not
	// move it. If fewer than len(p) bytes were written the error is not nil.
	io.Writer
	io.ReaderAt
	// WriteAt leaves the write position alone.
	io.WriterAt
	io.Closer
	// Truncate sets the file's size in bytes. A write position beyond it moves to the new end.
	Truncate(size int64) error
	// Sync makes contents and metadata durable (fsync).
	Sync() error
	// SyncData makes the contents durable and what is needed to read them (fdatasync).
	SyncData() error
	// Preallocate reserves room for n bytes at off without changing the file's size; the room holds zeros. A file system
	// that cannot do it returns nil: it is an optimisation.
	Preallocate(off, n int64) error
	// Size is the file's present size in bytes.
	Size() (int64, error)
	// Name is the name the file was opened with.
	Name() string
}
