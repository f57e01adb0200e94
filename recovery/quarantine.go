package recovery

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// quarantineDir is the folder beside the files of a log that receives what is cut off.
const quarantineDir = "quarantine"

// Quarantine copies the bytes from at to size of a file in dir into dir/quarantine and makes the copy durable, so that they may
// be cut off. It returns the copy's path, which says where they stood; called again for the same bytes it makes the same copy.
func Quarantine(fs disk.FS, dir, path string, at, size int64) (copied string, err error) {
	src, err := fs.Open(path)
	if err != nil {
		return "", err
	}
	defer src.Close()
	if copied, err = penName(dir, path, src, at, size); err != nil {
		return "", err
	}
	if err = makePen(fs, dir); err != nil {
		return copied, err
	}
	return copied, writeFile(fs, filepath.Dir(copied), copied, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(src, at, size-at))
		return err
	})
}

// penName is the path in dir's quarantine of bytes that stand in src, the file at path.
func penName(dir, path string, src io.ReaderAt, at, size int64) (string, error) {
	var sum wal.Digest
	if _, err := io.Copy(&sum, io.NewSectionReader(src, at, size-at)); err != nil {
		return "", err
	}
	return filepath.Join(dir, quarantineDir, fmt.Sprintf("%s.%d-%d.%.16s", filepath.Base(path), at, size, sum.Sum())), nil
}

// moveToPen moves a whole file of dir, of size bytes, into dir/quarantine, under the name that Quarantine would give
// it. The move is durable once both folders are synced.
func moveToPen(fs disk.FS, dir, path string, size int64) (to string, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return "", err
	}
	to, err = penName(dir, path, f, 0, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return to, err
	}
	if err = makePen(fs, dir); err != nil {
		return to, err
	}
	return to, fs.Rename(path, to)
}

// makePen makes the quarantine of a folder, durable before anything goes there.
func makePen(fs disk.FS, dir string) error {
	if err := fs.MkdirAll(filepath.Join(dir, quarantineDir)); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

// writeFile writes a new file and makes it durable with its name.
func writeFile(fs disk.FS, dir, name string, write func(io.Writer) error) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return fs.SyncDir(dir)
}
