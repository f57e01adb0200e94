package wal

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// heldUnit is a SET of about n bytes.
func heldUnit(n int) []byte {
	return []byte("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$" + strconv.Itoa(n) + "\r\n" + strings.Repeat("x", n) + "\r\n")
}

// heldBase puts a base there.
func heldBase(t *testing.T, o Options, at LSN) NewBase {
	t.Helper()
	text := []byte("state")
	f, err := o.FS.Create(filepath.Join(o.Dir, TempName(o.Name, "rewrite")))
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return NewBase{Path: f.Name(), At: at, Size: int64(len(text)), Sum: SumOf(text), HasSum: true}
}

func heldOptions(fs *memFS, woken *atomic.Int64) Options {
	o := quickOptions(fs, Always)
	o.PendingLimit = leastPendingLimit
	o.Wake = func() { woken.Add(1) }
	o.setDefaults()
	return o
}

// What is held lies in the increment that the log goes on in, byte for byte and in its database; memory lets go of it, and nothing of it is
// durable before the manifest has it (I3, I7, I8, I10).
func TestHeld(t *testing.T) {
	fs := newMemFS()
	var woken atomic.Int64
	o := heldOptions(fs, &woken)
	at := Position{ID: testID, Epoch: 3, LSN: 1000}
	var stopping atomic.Bool
	gate := make(chan struct{})
	fs.setBefore(func(op, name string) error {
		if stopping.Load() && op == "write" && strings.Contains(name, ".held") {
			<-gate
		}
		return nil
	})
	h := NewHeld(o, at, 2)
	var stream []byte
	commit := func(p []byte) { stream = append(stream, p...); h.Commit(p, 2) }
	for range 5 * leastPendingLimit / 10000 {
		commit(heldUnit(10000))
		if h.Full() {
			waitFor(t, "memory lets go of what the disk has", func() bool { return !h.Full() })
		}
	}
	waitFor(t, "all is written", func() bool { return h.waiting.Load() == 0 })
	// The disk stands still: then, and only then, is it full; and it says so when it is not any more.
	stopping.Store(true)
	for !h.Full() {
		commit(heldUnit(100000))
	}
	if over := h.waiting.Load() - leastPendingLimit; over > 110000 {
		t.Fatalf("%d bytes over the limit", over)
	}
	before := woken.Load()
	stopping.Store(false)
	close(gate)
	waitFor(t, "it wakes whom it stopped", func() bool { return !h.Full() && woken.Load() > before })
	if h.Durable() != at.LSN || h.Released() != h.End() || h.End() != at.LSN+LSN(len(stream)) || h.Err() != nil {
		t.Fatalf("durable %d, released %d, end %d of %d: %v", h.Durable(), h.Released(), h.End(), len(stream), h.Err())
	}
	l, err := Begin(o, at, 2, heldBase(t, o, at.LSN), h)
	if err != nil {
		t.Fatal(err)
	}
	if l.Durable() != h.End() {
		t.Fatalf("durable %d of %d", l.Durable(), h.End())
	}
	for range 3 {
		commit(heldUnit(10))
	}
	h.Close()
	h.Rest(l)
	if l.End() != h.End() {
		t.Fatalf("the log ends at %d, what was held at %d", l.End(), h.End())
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	r, err := recoverLog(fs.powerCut(), o.Dir, false)
	if err != nil || len(r.dir.Manifest.Incrs) != 1 || r.base != at.LSN || !bytes.Equal(r.stream, stream) {
		t.Fatalf("%+v: %v", r, err)
	}
	if names, _ := fs.List(o.Dir); strings.Contains(strings.Join(names, " "), ".held") {
		t.Fatal(names)
	}
}

// An increment begins in the database where the stream stands, for whoever loads it, also if its first bytes come long after it was made: when
// nothing was held, or when a server starts with an increment that nothing was written to. A replica's stream does not say again where it stands.
func TestNothingWrittenYet(t *testing.T) {
	const want = "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n#FR1 "
	at := Position{ID: testID, Epoch: 3, LSN: 1000}
	begins := func(fs *memFS, stream []byte) {
		t.Helper()
		r, err := recoverLog(fs, testDir, false)
		if err != nil || !bytes.Equal(r.stream, stream) {
			t.Fatalf("%q: %v", r.stream, err)
		}
		p, err := readFile(fs, filepath.Join(testDir, r.dir.Manifest.Last().Name))
		if err != nil || !bytes.HasPrefix(p, []byte(want)) || !bytes.Contains(p, stream[len(stream)-len(heldUnit(20)):]) {
			t.Fatalf("%q: %v", p, err)
		}
	}
	fs := newMemFS()
	var woken atomic.Int64
	o := heldOptions(fs, &woken)
	h := NewHeld(o, at, 2)
	l, err := Begin(o, at, 2, heldBase(t, o, at.LSN), h)
	if err != nil {
		t.Fatal(err)
	}
	stream := heldUnit(10)
	h.Commit(stream, 2)
	h.Close()
	h.Rest(l)
	stream = append(stream, heldUnit(20)...)
	l.Commit(heldUnit(20), 2)
	if _, err := switchNow(l); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	first, err := readFile(fs, filepath.Join(testDir, "appendonly.aof.1.incr.aof"))
	if err != nil || !bytes.HasPrefix(first, []byte(want)) {
		t.Fatalf("%q: %v", first, err)
	}
	r, err := recoverLog(fs, testDir, false)
	if err != nil {
		t.Fatal(err)
	}
	l, err = Open(quickOptions(fs, EverySec), Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 4, r.end}, DB: 2, Tail: r.tail})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(heldUnit(20), 2)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	begins(fs, append(stream, heldUnit(20)...))
}

// An error of the disk ends the attempt and not the stream: nothing piles up in memory, Begin says why, and nothing of it is left (I21).
func TestHeldFails(t *testing.T) {
	for _, op := range []string{"create", "write", "fsync", "rename"} {
		t.Run(op, func(t *testing.T) {
			fs := newMemFS()
			var woken atomic.Int64
			o := heldOptions(fs, &woken)
			written := false
			fs.setBefore(func(what, name string) error {
				if written = written || what == "write"; op == "fsync" && !written {
					return nil // making it is not what fails
				}
				if what == op && strings.Contains(name, ".held") {
					return syscall.ENOSPC
				}
				return nil
			})
			at := Position{ID: testID, Epoch: 3, LSN: 1000}
			h := NewHeld(o, at, 0)
			for range 100 {
				h.Commit(heldUnit(100000), 0)
			}
			if op != "rename" && op != "fsync" {
				waitFor(t, "it gives up", func() bool { return !h.Full() })
			}
			_, err := Begin(o, at, 0, heldBase(t, o, at.LSN), h)
			h.Close()
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			h.Commit(heldUnit(leastPendingLimit), 0)
			if op != "rename" && (h.Full() || h.rest != nil || h.queue != nil) {
				t.Fatal("it goes on holding what nobody wants")
			}
			names, _ := fs.List(o.Dir)
			for _, name := range names {
				if strings.Contains(name, "held") || strings.Contains(name, ".base.") || strings.Contains(name, ".incr.") {
					t.Errorf("left: %v", names)
				}
			}
		})
	}
}

// Bytes of another history do not get into the file (I6), and closing leaves nothing.
func TestHeldGivenUp(t *testing.T) {
	fs := newMemFS()
	var woken atomic.Int64
	o := heldOptions(fs, &woken)
	at := Position{ID: testID, Epoch: 3}
	h := NewHeld(o, at, 0)
	h.Commit(heldUnit(10), 0)
	other := errors.New("another history")
	h.Fail(other)
	h.Commit(heldUnit(10), 0)
	if _, err := Begin(o, at, 0, heldBase(t, o, at.LSN), h); !errors.Is(err, other) {
		t.Fatal(err)
	}
	h.Close()
	h = NewHeld(o, at, 0)
	h.Commit(heldUnit(10), 0)
	h.Close()
	if names, _ := fs.List(o.Dir); len(names) != 0 {
		t.Fatal(names)
	}
}
