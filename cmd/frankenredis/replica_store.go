package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/repl"
	"frankenredis/wal/disk"
	"frankenredis/wire/engine"
)

// syncStep is how many bytes of a snapshot from the primary are written between two syncs (Redis: REPL_MAX_WRITTEN_BEFORE_FSYNC).
const syncStep = 8 << 20

// incoming is where a snapshot from the primary goes: into the file temp, and when that is whole, durable and proven it gets the name final.
// Until then what has that name stays (I21). Both are in dir.
type incoming struct {
	fs          disk.FS
	dir         string
	temp, final string // paths
	// prove reads the file and says what is wrong with it. The data set is going to be given up for what it holds.
	prove func(io.Reader) error
	// publish is asked before the file gets its name; an error gives the snapshot up.
	publish func() error
	// received, if set, is told when the last byte is durable: the rest may take time.
	received func()
}

// storeError is what the disk did to a snapshot from the primary, in Redis's words.
type storeError struct {
	what string
	err  error // nil: what says all
}

func (e *storeError) Error() string {
	if e.err == nil {
		return e.what
	}
	return e.what + ": " + recovery.Reason(e.err)
}

func (e *storeError) Unwrap() error { return e.err }

const (
	storeOpen   = "Opening the temp file needed for MASTER <-> REPLICA synchronization"
	storeWrite  = "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA synchronization"
	storeSync   = "Failed trying to sync the temp DB to disk in MASTER <-> REPLICA synchronization"
	storeRename = "Failed trying to rename the temp DB into %s in MASTER <-> REPLICA synchronization"
	storeFolder = "Failed trying to sync DB directory %s in MASTER <-> REPLICA synchronization"
)

// store takes the snapshot that src gives and returns its file, which it closes and removes when anything fails. Only when it is the last step,
// the sync of the folder, that failed, the file has its name, perhaps not for ever. An error of the disk is a *storeError, others are what
// src, prove and publish returned.
func (in *incoming) store(src io.Reader) (disk.File, error) {
	file, err := in.fs.Create(in.temp)
	if err != nil {
		return nil, &storeError{storeOpen, err}
	}
	named, err := in.fill(file, src)
	if err != nil {
		_ = file.Close()
		if !named {
			_ = in.fs.Remove(in.temp) // else the next start does it
		}
		return nil, err
	}
	return file, nil
}

// fill does the work of store; named says that the file has its name.
func (in *incoming) fill(file disk.File, src io.Reader) (named bool, err error) {
	if err := receive(file, src); err != nil {
		return false, err
	}
	if err := file.Sync(); err != nil {
		return false, &storeError{storeSync, err}
	}
	if in.received != nil {
		in.received()
	}
	size, err := file.Size()
	if err != nil {
		return false, &storeError{storeSync, err}
	}
	if err := in.prove(io.NewSectionReader(file, 0, size)); err != nil {
		return false, err
	}
	if err := in.publish(); err != nil {
		return false, err
	}
	if err := in.fs.Rename(in.temp, in.final); err != nil {
		return false, &storeError{fmt.Sprintf(storeRename, in.final), err}
	}
	if err := in.fs.SyncDir(in.dir); err != nil {
		return true, &storeError{fmt.Sprintf(storeFolder, in.dir), err}
	}
	return true, nil
}

// receive writes what src gives into file, and makes it durable bit by bit.
func receive(file disk.File, src io.Reader) error {
	buf := make([]byte, 64<<10)
	for unsynced := 0; ; {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := file.Write(buf[:n]); err != nil {
				return &storeError{storeWrite, err}
			}
			if unsynced += n; unsynced >= syncStep {
				unsynced = 0
				if err := file.SyncData(); err != nil {
					return &storeError{storeWrite, err}
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// store brings the snapshot into the file dbfilename, which it returns.
func (f *follower) store(t *repl.Transfer, p *plan) (disk.File, error) {
	s := f.s
	defer t.Beat(false)
	in := &incoming{
		fs: s.fs, dir: s.dir, final: filepath.Join(s.dir, s.dbFile.Load().(string)),
		temp:     filepath.Join(s.dir, fmt.Sprintf("temp-%d.%d.rdb", time.Now().Unix(), os.Getpid())),
		received: func() { t.Beat(true) },
		publish:  func() error { return f.call(func() error { s.killSaves(); return nil }) },
	}
	in.prove = func(r io.Reader) error {
		var keys int64
		var err error
		<-engine.Background(func() { keys, err = recovery.CheckSnapshot(p.o, r) })
		if err == nil {
			err = p.mayReplace(keys)
		}
		if err == nil {
			return nil
		}
		s.logger.Warn("The snapshot from the primary is refused: " + err.Error())
		s.record(ledger.Entry{Rule: refusalRule(err), Decision: ledger.Refuse, Artifact: in.temp, Kind: "snapshot", To: uint64(t.Offset), Detail: err.Error()})
		return &storeError{"Failed trying to load the MASTER synchronization DB from disk, check server logs.", nil}
	}
	file, err := in.store(t)
	var failed *storeError
	switch {
	case err == nil:
		s.covers.wrote(in.final)
		return file, nil
	case errors.As(err, &failed):
		s.logger.Warn(failed.Error())
		return nil, &repl.PeerError{Reason: failed.Error()}
	}
	return nil, err
}
