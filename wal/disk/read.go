package disk

import (
	"fmt"
	"io"
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
