package main

import (
	"io"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// unlocked is a disk whose locks, which here go by name, bar nobody: those of the system belong to the file.
type unlocked struct{ *crashfs.FS }

func (unlocked) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// A text of nodes.conf that is written late does not replace a newer one, and wherever the machine dies there is one of them, whole: the one
// that was said to be written, or the next.
func TestNodesFile(t *testing.T) {
	texts := []string{"zero\n", "first\n", "second, longer\n", "third\n"}
	fsys := crashfs.New()
	fsys.Put("/d/nodes.conf", texts[0])
	said := 0
	look := func(fallen *crashfs.FS) {
		t.Helper()
		got := fallen.Tree()["/d/nodes.conf"]
		if got != texts[said] && (said+1 == len(texts) || got != texts[said+1]) {
			t.Fatalf("%q was written, and there is %q", texts[said], got)
		}
	}
	fsys.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		for seed := range uint64(8) {
			look(freeze().Crash(seed))
		}
	})
	f := &nodesFile{fs: unlocked{fsys}, path: "/d/nodes.conf"}
	for n := uint64(1); n <= 3; n++ {
		if err := f.write(n, texts[n]); err != nil {
			t.Fatal(err)
		}
		said = int(n)
	}
	if err := f.write(2, texts[2]); err != nil {
		t.Fatal(err)
	}
	look(fsys.Crash(1))

	// What is not durable is not said to be written.
	bad := crashfs.New()
	bad.Put("/d/nodes.conf", texts[0])
	for _, op := range []crashfs.Op{crashfs.Sync, crashfs.Rename, crashfs.SyncDir} {
		bad.Inject(crashfs.Fault{Op: op, Err: syscall.EIO})
		f := &nodesFile{fs: unlocked{bad}, path: "/d/nodes.conf"}
		if err := f.write(1, "new\n"); err == nil {
			t.Errorf("%v failed, and nobody says so", op)
		}
	}
}
