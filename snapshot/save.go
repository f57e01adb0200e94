package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"frankenredis/kv"
	"frankenredis/wal/disk"
)

// SaveOptions say where WriteFile puts a snapshot, and how.
type SaveOptions struct {
	FS   disk.FS
	Dir  string // the folder, for the temporary file too
	Name string // the file's final name in it
	// Temp is the temporary file's name in Dir; "" means temp-<pid>.rdb, as Redis names it. Two saves that run at the
	// same time need different ones.
	Temp string
	// SyncEvery makes the file durable bit by bit, after so many bytes, so that its end does not have to wait for all of
	// it; 0 means only at its end. Redis uses 4 MiB (rdb-save-incremental-fsync).
	SyncEvery int64
	// Through, if set, is what the snapshot goes through on its way into the file: to slow it down, or to give it up.
	Through func(io.Writer) io.Writer
	// Publish, if set, is asked when the file is whole and durable under its temporary name. The file gets its name when
	// it returns nil; an error gives the save up. A caller waits here until the log covers what the snapshot shows.
	Publish func() error
	// Aside, if not "", is a name in Dir that a file which already has the final name gets instead of being replaced.
	// recovery asks for it when that file was never loaded.
	Aside string
}

// WriteFile writes a snapshot of f (nil: an empty keyspace) into a file and returns its size in bytes. The file has its
// name, durably, or does not exist; when the last step, the sync of the folder, fails, it may be either. It runs on any
// goroutine.
func WriteFile(o SaveOptions, f *kv.Frozen, m Meta) (size int64, err error) {
	return o.save(func(w io.Writer) (int64, error) { return Write(w, f, m) })
}

// WriteTemp is the first half of WriteFile: the file stands whole and durable under its temporary name, and after an error there is
// none. With commands it holds what WriteCommands writes. The base of an append-only file is made by it; Name, Publish and Aside
// mean nothing.
func WriteTemp(o SaveOptions, f *kv.Frozen, m Meta, commands bool) error {
	temp := filepath.Join(o.Dir, o.Temp)
	_, _, err := o.writeTemp(temp, func(w io.Writer) (int64, error) {
		if commands {
			return WriteCommands(w, f, m)
		}
		return Write(w, f, m)
	})
	if err != nil {
		_ = o.FS.Remove(temp) // as for WriteFile
		return fmt.Errorf("snapshot: write %s: %w", temp, err)
	}
	return nil
}

// save makes the file of what write writes and counts.
func (o *SaveOptions) save(write func(w io.Writer) (int64, error)) (int64, error) {
	temp := o.Temp
	if temp == "" {
		temp = fmt.Sprintf("temp-%d.rdb", os.Getpid())
	}
	temp = filepath.Join(o.Dir, temp)
	final := filepath.Join(o.Dir, o.Name)
	size, step, err := o.writeTemp(temp, write)
	if err == nil {
		step = SaveRename
		if o.Publish != nil {
			err = o.Publish()
		}
	}
	if err == nil && o.Aside != "" {
		err = o.FS.Rename(final, filepath.Join(o.Dir, o.Aside))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = o.FS.Rename(temp, final)
	}
	if err != nil {
		// What is left over is removed; that it cannot be is no worse than the failure itself.
		_ = o.FS.Remove(temp)
		return 0, &SaveError{step, temp, final, err}
	}
	if err := o.FS.SyncDir(o.Dir); err != nil {
		return 0, &SaveError{SaveSyncDir, temp, final, err}
	}
	return size, nil
}

// writeTemp makes the temporary file and leaves it closed and durable. With an error comes the step that failed.
func (o *SaveOptions) writeTemp(temp string, write func(w io.Writer) (int64, error)) (size int64, step SaveStep, err error) {
	file, err := o.FS.Create(temp)
	if err != nil {
		return 0, SaveOpen, err
	}
	var w io.Writer = &syncingWriter{f: file, every: o.SyncEvery}
	if o.Through != nil {
		w = o.Through(w)
	}
	step = SaveWrite
	if size, err = write(w); err == nil {
		step, err = SaveSync, file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return size, step, err
}

// syncingWriter syncs after each so many bytes. A failed sync is the file's end: nothing is written behind it.
type syncingWriter struct {
	f        disk.File
	every    int64
	pos      int64
	unsynced int64
	behind   int64 // of these the system has not begun to write
}

func (w *syncingWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.pos += int64(n)
	w.unsynced += int64(n)
	w.behind += int64(n)
	if w.every <= 0 || err != nil {
		return n, err
	}
	if w.behind >= disk.WriteBackPiece {
		if _, err := disk.WriteBack(w.f, w.pos-w.behind, w.behind); err != nil {
			return n, err
		}
		w.behind = 0
	}
	if w.unsynced >= w.every {
		w.unsynced = 0
		err = w.f.SyncData()
	}
	return n, err
}
