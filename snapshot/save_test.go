package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"frankenredis/wal/disk"
)

// countingFS fails its n-th changing operation; later ones succeed.
type countingFS struct {
	disk.FS
	left int
	ops  []string
}

var errInjected = errors.New("injected failure")

func (c *countingFS) step(op string) error {
	c.ops = append(c.ops, op)
	if c.left--; c.left == 0 {
		return errInjected
	}
	return nil
}

func (c *countingFS) Create(name string) (disk.File, error) {
	if err := c.step("create"); err != nil {
		return nil, err
	}
	f, err := c.FS.Create(name)
	return &countingFile{f, c}, err
}

func (c *countingFS) Rename(a, b string) error {
	if err := c.step("rename"); err != nil {
		return err
	}
	return c.FS.Rename(a, b)
}

func (c *countingFS) SyncDir(dir string) error {
	if err := c.step("syncdir"); err != nil {
		return err
	}
	return c.FS.SyncDir(dir)
}

type countingFile struct {
	disk.File
	fs *countingFS
}

func (f *countingFile) Write(p []byte) (int, error) {
	if err := f.fs.step("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *countingFile) SyncData() error {
	if err := f.fs.step("syncdata"); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f *countingFile) Sync() error {
	if err := f.fs.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *countingFile) Close() error {
	if err := f.fs.step("close"); err != nil {
		f.File.Close()
		return err
	}
	return f.File.Close()
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	ks := fill(t, 5000)
	f := ks.Freeze()
	defer f.Close()
	fsys := &countingFS{FS: disk.OS()}
	published := false
	size, err := WriteFile(SaveOptions{FS: fsys, Dir: dir, Name: "dump.rdb", SyncEvery: 100_000, Publish: func() error {
		if _, err := os.Stat(filepath.Join(dir, "dump.rdb")); err == nil {
			t.Error("the file has its name before it was published")
		}
		published = true
		return nil
	}}, f, Meta{})
	if err != nil || !published {
		t.Fatal(err, published)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil || int64(len(raw)) != size {
		t.Fatalf("%d bytes, want %d, %v", len(raw), size, err)
	}
	back, _ := load(t, raw)
	if !slices.Equal(content(back), content(ks)) {
		t.Error("the file holds something else")
	}
	last := fsys.ops[len(fsys.ops)-4:]
	if !slices.Equal(last, []string{"sync", "close", "rename", "syncdir"}) || !slices.Contains(fsys.ops, "syncdata") {
		t.Errorf("operations %v", fsys.ops)
	}
}

// A save that fails at any step leaves the old file as it was and no temporary file.
func TestWriteFileFailsWhole(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "dump.rdb")
	f := fill(t, 100).Freeze()
	defer f.Close()
	for n := 1; ; n++ {
		if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		fsys := &countingFS{FS: disk.OS(), left: n}
		_, err := WriteFile(SaveOptions{FS: fsys, Dir: dir, Name: "dump.rdb"}, f, Meta{})
		if err == nil {
			if n < 6 {
				t.Fatalf("only %d steps", n)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		if raw, _ := os.ReadFile(old); string(raw) != "old" && fsys.ops[len(fsys.ops)-1] != "syncdir" {
			t.Errorf("failing at %v: the old file is gone", fsys.ops)
		}
		if names, _ := disk.OS().List(dir); len(names) != 1 {
			t.Errorf("failing at %v: left %v", fsys.ops, names)
		}
	}
	stop := errors.New("not now")
	if _, err := WriteFile(SaveOptions{FS: disk.OS(), Dir: dir, Name: "dump.rdb", Publish: func() error { return stop }}, f, Meta{}); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestAside(t *testing.T) {
	dir := t.TempDir()
	o := SaveOptions{FS: disk.OS(), Dir: dir, Name: "dump.rdb", Temp: "temp-1.rdb", Aside: "dump.rdb.aside"}
	if _, err := WriteFile(o, nil, Meta{}); err != nil {
		t.Fatal("with nothing to set aside: ", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteFile(o, nil, Meta{}); err != nil {
		t.Fatal(err)
	}
	if raw, _ := os.ReadFile(filepath.Join(dir, "dump.rdb.aside")); string(raw) != "precious" {
		t.Errorf("set aside: %q", raw)
	}
	if names, _ := disk.OS().List(dir); len(names) != 2 {
		t.Errorf("%v", names)
	}
}
