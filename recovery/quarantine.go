package recovery

import (
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
	part := func() io.Reader { return io.NewSectionReader(src, at, size-at) }
	var sum wal.Digest
	if _, err := io.Copy(&sum, part()); err != nil {
		return "", err
	}
	into := filepath.Join(dir, quarantineDir)
	copied = filepath.Join(into, fmt.Sprintf("%s.%d-%d.%.16s", filepath.Base(path), at, size, sum.Sum()))
	if err = fs.MkdirAll(into); err != nil {
		return copied, err
	}
	if err = fs.SyncDir(dir); err != nil {
		return copied, err
	}
	return copied, writeFile(fs, into, copied, func(w io.Writer) error {
		_, err := io.Copy(w, part())
		return err
	})
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
