package wal

import (
	"errors"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// The reserve takes its room while there is plenty and gives all of it back; where it does not fit, or the disk fails, nothing is taken
// and nothing stays behind (I12: the log's own files are never touched).
func TestReserve(t *testing.T) {
	const (
		size  = 1 << 20
		limit = 4 << 20
	)
	disk := func() *crashfs.FS {
		fs := crashfs.New()
		if err := fs.MkdirAll("/d"); err != nil {
			t.Fatal(err)
		}
		fs.SetSpace(limit)
		return fs
	}
	free := func(fs *crashfs.FS) int64 {
		n, err := fs.Free("/d")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fs := disk()
	all := free(fs)
	r := NewReserve(fs, "/d", "a")
	if err := r.Resize(size, 0); err != nil || r.Held() != size || free(fs) > all-size {
		t.Fatalf("%v, %d held, %d of %d free", err, r.Held(), free(fs), all)
	}
	if err := r.Resize(2*size, all); err != nil || r.Held() != size {
		t.Errorf("without the room besides: %v, %d held", err, r.Held())
	}
	if n, err := r.Release(); n != size || err != nil || r.Held() != 0 || free(fs) < all {
		t.Errorf("released %d, %v, %d of %d free", n, err, free(fs), all)
	}
	if err := r.Resize(2*limit, -8*limit); err == nil || r.Held() != 0 || free(fs) < all || len(fs.Tree()) > 1 {
		t.Errorf("more than there is: %v, %d held, %d of %d free: %v", err, r.Held(), free(fs), all, fs.Tree())
	}
	for n := 1; ; n++ {
		fs := disk()
		fs.Inject(crashfs.Fault{Op: crashfs.Changing, Nth: n, Err: syscall.EIO})
		r := NewReserve(fs, "/d", "a")
		if err := r.Resize(size, 0); err == nil {
			break
		} else if !errors.Is(err, syscall.EIO) || r.Held() != 0 || free(fs) < all {
			t.Errorf("operation %d failed: %v, %d held, %d of %d free", n, err, r.Held(), free(fs), all)
		}
	}
}
