package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

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

// A try that has no patience leaves what it began, and Finish makes all of it durable; one that has does all by itself, unless the page cache
// is in its way.
func TestTryTwice(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	const half = 64 << 10
	f := create(t, name)
	f.Write(make([]byte, 2*half))
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	w, err := OS().(TwinFS).OpenTwin(name)
	if err != nil {
		t.Skip(err) // a file system without direct writes
	}
	defer w.Close()
	if !w.CanTry() {
		t.Skip("a kernel without asynchronous syncs")
	}
	whole, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	p, got := Aligned(twinAlign), make([]byte, twinAlign)
	count := map[bool]int{}
	for i := range 100 {
		for j := range p {
			p[j] = byte(i*31 + j)
		}
		patience, called := time.Minute, 0
		if i%2 == 0 {
			patience = 0
		}
		at := [2]int64{int64(i%8) * twinAlign, half + int64(i%8)*twinAlign}
		done := w.TryTwice(p, at, func() { called++ }, patience)
		if called != 1 {
			t.Fatalf("meanwhile was called %d times", called)
		}
		if !done {
			if err := w.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		for _, at := range at {
			if _, err := f.ReadAt(got, at); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("write %d at %d: %v, equal: %t", i, at, err, bytes.Equal(got, p))
			}
		}
		if i%2 == 1 {
			count[done]++
		}
		if i%5 != 0 { // else the pages that were just read stay
			if err := unix.Fadvise(int(whole.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("tries with patience: %v", count)
	if count[true] == 0 {
		t.Error("no try was ever done")
	}
	if w.TryTwice(Aligned(2 * twinAlign)[:100], [2]int64{0, half}, func() {}, time.Minute) {
		t.Error("a write that is not aligned was done")
	}
	if err := w.Finish(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a write that is not aligned: %v", err)
	}
}

// While anything else is being synced nobody is told to try, and afterwards somebody is again.
func TestNoTryDuringSync(t *testing.T) {
	dir := t.TempDir()
	w := &osTwin{syncs: true} // of a kernel that can
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
				if !w.CanTry() {
					seen.Store(true)
				}
			}
		}
		if !seen.Load() {
			t.Errorf("%s: tried during each of 10,000 syncs", what)
		}
		if !w.CanTry() {
			t.Errorf("%s: not tried when all were over", what)
		}
	}
}
