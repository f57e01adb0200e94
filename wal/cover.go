package wal

import "math"

// MaxLSN is behind every position.
const MaxLSN = LSN(math.MaxUint64)

// Cover is told what of a log's files is durable, and what became of them: then sidecars can be kept for them that never
// describe a byte that is not (I14). Its methods are called from any of the log's goroutines, and but for Await under its locks: they must be
// cheap and not call back.
type Cover interface {
	// Grown says that the increment at path is durable up to pos bytes of the file. They never change again, and end the stream at lsn.
	Grown(path string, pos int64, lsn LSN)
	// Sealed says that the file at path is durable and never changes again; of its facts Size counts, and Sum if HasSum.
	Sealed(path string, facts FileFacts)
	// Replaced says that the file at path, a manifest or a companion, is durable with new content.
	Replaced(path string)
	// Removed says that the file at path was unlinked, or is about to be.
	Removed(path string)

	// Await waits until the file at path, of size bytes, of which Sealed told, is covered, or until the cover of one of which Removed told is
	// given up, for as long as that is to be waited for: not when it cannot be done, and not when stop, which may be nil, says so. Unlike the
	// others it is called without locks, by who may wait.
	Await(path string, size int64, stop func() bool)

	// Covered is up to where the stream is covered, of what Grown told; MaxLSN: nothing is to wait for it. Room in a commit ring is not
	// used again before (I15), and no reply leaves before for what no ring has (I1). When it has moved, [Log.CoverMoved] is to be called.
	Covered() LSN
	// Hurry says that something waits for Covered: what is durable is to be covered now.
	Hurry()
}

// noCover is the Cover of a log that has none.
type noCover struct{}

func (noCover) Grown(string, int64, LSN) {}
func (noCover) Sealed(string, FileFacts) {}
func (noCover) Replaced(string)          {}
func (noCover) Removed(string)           {}
func (noCover) Covered() LSN             { return MaxLSN }
func (noCover) Hurry()                   {}

func (noCover) Await(string, int64, func() bool) {}
