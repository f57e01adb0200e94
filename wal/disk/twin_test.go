package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Both places have the bytes, a reader through the page cache sees them at once, and nothing else is touched.
func TestWriteTwice(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	const half = 64 << 10
	f := create(t, name)
	before := bytes.Repeat([]byte{'.'}, 2*half)
	f.Write(before)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	w, err := OS().(TwinFS).OpenTwin(name)
	if err != nil {
		t.Skip(err) // a file system without direct writes
	}
	want, called := bytes.Clone(before), 0
	room := Aligned(3 * twinAlign)
	for i := range 12 {
		p := room[:(1+i%3)*twinAlign]
		for j := range p {
			p[j] = byte(i*31 + j)
		}
		at := int64(i) * twinAlign
		if err := w.WriteTwice(p, [2]int64{at, half + at}, func() { called++ }); err != nil {
			t.Fatal(err)
		}
		copy(want[at:], p)
		copy(want[half+at:], p)
		got := make([]byte, 2*half)
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("write %d: %v, equal: %t", i, err, bytes.Equal(got, want))
		}
	}
	if called != 12 {
		t.Errorf("meanwhile was called %d times", called)
	}
	if err := w.WriteTwice(room[:100], [2]int64{0, half}, func() {}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a write that is not aligned: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.WriteTwice(room, [2]int64{0, half}, func() {}); err == nil {
		t.Error("a closed file was written")
	}
	if _, err := OS().(TwinFS).OpenTwin(name + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// While anything else is being synced a twin is not alone, and afterwards it is again.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	w := &osTwin{}
	other := create(t, filepath.Join(dir, "other"))
	for what, call := range map[string]func() error{
		"Sync":     other.Sync,
		"SyncData": other.SyncData,
		"SyncDir":  func() error { return OS().SyncDir(dir) },
	} {
		ended := make(chan error, 1)
		var seen atomic.Bool
		go func() {
			var err error
			for n := 0; n < 10_000 && !seen.Load() && err == nil; n++ {
				if _, err = other.WriteAt([]byte{byte(n)}, int64(n)); err == nil {
					err = call()
				}
			}
			ended <- err
		}()
		for over := false; !over; {
			select {
			case err := <-ended:
				if over = true; err != nil {
					t.Fatal(err)
				}
			default:
				if !w.Alone() {
					seen.Store(true)
				}
			}
		}
		if !seen.Load() {
			t.Errorf("%s: alone during each of 10,000 syncs", what)
		}
		if !w.Alone() {
			t.Errorf("%s: not alone when all were over", what)
		}
	}
}
