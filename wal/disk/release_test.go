package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testRelease takes the name from a file of 64 pieces and returns its releases with it, and a way to see how much of it is there.
func testRelease(t *testing.T, after time.Duration) (r *releases, name string, blocks func() int64) {
	t.Helper()
	r = &releases{piece: 16 << 10, after: after}
	name = filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(name, bytes.Repeat([]byte("value "), 64*int(r.piece)/6), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0) // looks without having it open
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	r.drop(f, filepath.Dir(name)+"/.")
	return r, name, func() int64 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		return st.Size
	}
}

// settle waits until r has nothing any more.
func (r *releases) settle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); r.waits(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a file is never given up")
		}
	}
}

func (r *releases) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.files) > 0
}

const whole = 64 * 16 << 10 / 6 * 6

func TestRelease(t *testing.T) {
	r, name, size := testRelease(t, time.Hour)
	before := r.dropped(filepath.Dir(name))
	time.Sleep(30 * time.Millisecond)
	if got := size(); got != whole || len(before) != 1 {
		t.Fatalf("%d of %d bytes before the folder was synced, %d files", got, whole, len(before))
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	dev := r.files[0].dev
	if got := r.taken(dev); got < whole || r.taken(dev+1) != 0 {
		t.Errorf("%d bytes are said to be still taken, of %d", got, whole)
	}
	if other := r.dropped(filepath.Dir(filepath.Dir(name))); len(other) != 0 {
		t.Error("another folder's sync counts")
	}
	if !alone(r.files[0].File) { // a file system without leases
		r.synced(before)
		if r.settle(t); size() != whole {
			t.Errorf("%d bytes, though nobody can tell who else has the file open", size())
		}
		return
	}
	r.synced(before)
	seen := map[int64]bool{}
	for r.waits() {
		seen[size()] = true
	}
	if len(seen) < 8 || size() > r.piece {
		t.Errorf("given back by way of %d sizes, to %d", len(seen), size())
	}
	if got := r.taken(dev); got != 0 {
		t.Errorf("%d bytes are taken by nothing", got)
	}
}

// What somebody can still reach stays whole.
func TestReleaseKeeps(t *testing.T) {
	for what, reach := range map[string]func(name string) error{
		"another name": func(name string) error { return os.Link(name, name+".backup") },
		"a copy under way": func(name string) error {
			f, err := os.Open(name)
			t.Cleanup(func() { f.Close() })
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			r, name, size := testRelease(t, time.Hour)
			if err := errors.Join(reach(name), os.Remove(name)); err != nil {
				t.Fatal(err)
			}
			r.synced(r.dropped(filepath.Dir(name)))
			r.settle(t)
			if got := size(); got != whole {
				t.Errorf("%d of %d bytes", got, whole)
			}
		})
	}
	t.Run("folder not synced", func(t *testing.T) {
		r, name, size := testRelease(t, 50*time.Millisecond)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		r.settle(t)
		if got := size(); got != whole {
			t.Errorf("%d of %d bytes", got, whole)
		}
	})
	t.Run("no room", func(t *testing.T) {
		r, name, size := testRelease(t, time.Hour)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if r.finish(); r.waits() {
			t.Error("not given back at once")
		}
		if got := size(); got != whole {
			t.Errorf("%d of %d bytes", got, whole)
		}
	})
}

// The file system of the operating system keeps hold of what is large, and only that.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	large, small := filepath.Join(dir, "large"), filepath.Join(dir, "small")
	for name, n := range map[string]int64{large: LargeFile, small: LargeFile / 2} {
		if err := os.WriteFile(name, bytes.Repeat([]byte{7}, int(n)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var sys unix.Statfs_t
	if err := unix.Statfs(dir, &sys); err != nil {
		t.Fatal(err)
	}
	keeps := sys.Type == unix.EXT4_SUPER_MAGIC || sys.Type == unix.XFS_SUPER_MAGIC
	f := hold(large)
	if (f != nil) != keeps {
		t.Fatalf("held: %v, on a file system of type %x", f != nil, sys.Type)
	}
	if keeps {
		f.Close()
	}
	for what, name := range map[string]string{"small": small, "a folder": dir, "missing": filepath.Join(dir, "missing")} {
		if f := hold(name); f != nil {
			f.Close()
			t.Error("held: ", what)
		}
	}
	if err := os.Symlink(large, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if f := hold(filepath.Join(dir, "link")); f != nil {
		f.Close()
		t.Error("held through a link")
	}
	replacement := filepath.Join(dir, "new")
	if err := os.WriteFile(replacement, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := OS().Rename(replacement, large); err != nil {
		t.Fatal(err)
	}
	if released.waits() != keeps || keeps && released.taken(released.files[0].dev) < LargeFile {
		t.Errorf("the replaced file is waiting: %v", released.waits())
	}
	if err := OS().SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	released.settle(t)
	if err := OS().Remove(small); err != nil || released.waits() {
		t.Errorf("%v; or something small is kept hold of", err)
	}
	if err := OS().Remove(small); err == nil || released.waits() {
		t.Error("removed twice, or something is kept hold of")
	}
	wantContent(t, large, "new")
}
