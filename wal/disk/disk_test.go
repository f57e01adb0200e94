package disk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func create(t *testing.T, name string) File {
	t.Helper()
	f, err := OS().Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func wantContent(t *testing.T, name, want string) {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil || string(p) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(name), p, err, want)
	}
}

func TestWritePosition(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, name)
	f.Write([]byte("hello"))
	f.WriteAt([]byte("J"), 0)
	f.ReadAt(make([]byte, 3), 0)
	f.Write([]byte(" world"))
	wantContent(t, name, "Jello world")
	if err := f.Truncate(5); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("!"))
	wantContent(t, name, "Jello!")
	if err := f.Truncate(8); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("?")) // growing moves nothing
	wantContent(t, name, "Jello!?\x00")
	if n, err := f.Size(); err != nil || n != 8 {
		t.Errorf("size %d, %v", n, err)
	}

	a, err := OS().OpenAppend(name)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.Write([]byte("end"))
	wantContent(t, name, "Jello!?\x00end")

	rw, err := OS().OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer rw.Close()
	rw.Write([]byte("HE"))
	wantContent(t, name, "HEllo!?\x00end")

	if _, err := OS().CreateNew(name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateNew over a file: %v", err)
	}
	create(t, name)
	wantContent(t, name, "")
}

// A write that cannot be done whole says how much was, and where the file goes on is known.
func TestShortWrite(t *testing.T) {
	if os.Getenv("FR_SHORT_WRITE") == "" {
		// The limit is the process's: another one must not meet it.
		runSelf(t, "TestShortWrite", "FR_SHORT_WRITE=1")
		return
	}
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, name)
	limit := unix.Rlimit{Cur: 1000, Max: unix.RLIM_INFINITY}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit.Max = old.Max
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	if n, err := f.Write(make([]byte, 600)); n != 600 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	p := bytes.Repeat([]byte("x"), 600)
	n, err := f.Write(p)
	if n != 400 || !errors.Is(err, syscall.EFBIG) {
		t.Errorf("wrote %d, %v; want 400 and EFBIG", n, err)
	}
	if size, _ := f.Size(); size != 1000 {
		t.Errorf("size %d", size)
	}
	unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	if n, err := f.Write([]byte("y")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	got, _ := os.ReadFile(name)
	if len(got) != 1001 || got[1000] != 'y' {
		t.Errorf("%d bytes", len(got))
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	for name, err := range map[string]error{
		"Open":          second(OS().Open(none)),
		"OpenAppend":    second(OS().OpenAppend(none)),
		"OpenReadWrite": second(OS().OpenReadWrite(none)),
		"Remove":        OS().Remove(none),
		"Rename":        OS().Rename(none, none+"2"),
		"Stat":          second(OS().Stat(none)),
		"List":          second(OS().List(none)),
		"SyncDir":       OS().SyncDir(none),
		"Free":          second(OS().Free(none)),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := create(t, none)
	f.Close()
	for name, err := range map[string]error{
		"Write": second(f.Write([]byte("x"))), "Sync": f.Sync(), "SyncData": f.SyncData(), "Truncate": f.Truncate(0), "Size": second(f.Size()),
	} {
		if err == nil {
			t.Errorf("%s after Close: no error", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := OS().MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2", "1", "3"} {
		create(t, filepath.Join(dir, name))
	}
	if err := OS().Rename(filepath.Join(dir, "3"), filepath.Join(dir, "1")); err != nil {
		t.Fatal(err)
	}
	if err := OS().Remove(filepath.Join(dir, "2")); err != nil {
		t.Fatal(err)
	}
	if err := OS().SyncDir(dir); err != nil {
		t.Fatal(err)
	}
	if names, err := OS().List(dir); err != nil || !slices.Equal(names, []string{"1"}) {
		t.Errorf("%v, %v", names, err)
	}
	if info, err := OS().Stat(dir); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
	if free, err := OS().Free(dir); err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	l, err := OS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OS().Lock(name); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	l.Close()
	if l, err = OS().Lock(name); err != nil {
		t.Fatalf("after the first was given back: %v", err)
	}
	l.Close()
}

func TestPreallocate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, name)
	f.Write([]byte("abc"))
	if err := f.Preallocate(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	wantContent(t, name, "abc")
}

// Write and SyncData of one file may run at the same time (run it with -race).
func TestWriteDuringSync(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, name)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 20 {
			if err := f.SyncData(); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 200 {
		if _, err := f.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	p := make([]byte, 3000)
	if n, err := f.ReadAt(p, 0); n != 2000 || err != io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
}
