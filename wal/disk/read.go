package disk

import (
	"fmt"
	"io"
	"time"
)

// ReadFile reads a file of at most most bytes whole; a longer one is an error.
func ReadFile(fsys FS, path string, most int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%s: %d bytes are too many, it may have %d", path, size, most)
	}
	p := make([]byte, size)
	n, err := f.ReadAt(p, 0)
	if err == io.EOF {
		err = nil
	}
	return p[:n], err
}

// Uncache has what follows read f from the device, as far as the system allows: clean pages of it are dropped from the page cache.
// It is a wish, and fails silently.
func Uncache(f File) {
	if u, ok := f.(interface{ uncache() }); ok {
		u.uncache()
	}
}

// WriteBack has the system begin to write n bytes at off of f to the device, so that the next sync has less to do. able says whether it can. It makes
// nothing durable. An error is one of the sync to come, which need not be told of it: the file system may have dropped what it could not place. Who
// hands over much waits for WriteBackRest behind each piece of WriteBackPiece, so that others' commits do not stand behind all of it.
func WriteBack(f File, off, n int64) (able bool, err error) {
	w, able := f.(interface{ writeBack(off, n int64) error })
	if able {
		err = w.writeBack(off, n)
	}
	return able, err
}

// WriteBackPiece bytes are with the device in a small part of a millisecond.
const (
	WriteBackPiece = 256 << 10
	WriteBackRest  = 500 * time.Microsecond
)
