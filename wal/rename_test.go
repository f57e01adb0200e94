package wal

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// I6: the stream's new name is durable before the first byte that bears it, a crash keeps it apart from the one before, and lines carry it.
func TestRename(t *testing.T) {
	fs := newMemFS()
	o := quickOptions(fs, Always)
	l, err := Create(o, Position{ID: testID, Epoch: 3}, Base{})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit([]byte("*1\r\n$4\r\nPING\r\n"), 0)
	next := NewReplID()
	if err := l.Rename(next, testID, l.End(), nil); err != nil {
		t.Fatal(err)
	}
	e, err := ReadEpoch(fs, o.Dir, defaultName)
	if err != nil || e.ID != next || e.ID2 != testID || e.End2 != l.End() || e.Epoch != 3 {
		t.Fatalf("epoch file %+v, %v", e, err)
	}
	if got := l.Position(); got.ID != next || got.LSN != l.End() {
		t.Errorf("position %v", got)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	wm, err := ReadWatermark(fs, o.Dir, defaultName)
	if err != nil || wm.ID != next || !wm.Clean {
		t.Errorf("watermark %+v, %v", wm, err)
	}
}

// I6: before each operation of a rename and of the commits behind it the machine may die, and the epoch file is whole and names the
// history of every line that is there.
func TestI6RenameCrashBeforeEveryOperation(t *testing.T) {
	o := Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: Always, syncDelay: time.Millisecond, watermarkEvery: time.Millisecond}
	j, err := startJourney(o)
	if err != nil {
		t.Fatal(err)
	}
	rest := func() {
		t.Helper()
		if err := eventually("release", func() bool { return j.l.Released() == j.l.End() }); err != nil {
			t.Fatal(err)
		}
	}
	j.commit(set("k", "before"))
	rest()
	var mu sync.Mutex
	var shots []*crashfs.FS
	j.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() {
			mu.Lock()
			shots = append(shots, freeze())
			mu.Unlock()
		}
	})
	next, end := NewReplID(), j.l.End()
	if err := j.l.Rename(next, testID, end, nil); err != nil {
		t.Fatal(err)
	}
	j.commit(set("k", "after"))
	rest()
	if err := j.l.Close(true); err != nil {
		t.Fatal(err)
	}
	renamed := 0
	for i, fs := range append(shots, j.fs.Clone()) {
		for seed := range uint64(12) {
			left := fs.Crash(seed)
			e, err := ReadEpoch(left, testDir, defaultName)
			if err != nil || e.ID != testID && (e.ID != next || e.ID2 != testID || e.End2 != end) {
				t.Fatalf("before operation %d, seed %d: epoch file %+v, %v", i, seed, e, err)
			}
			text, err := readFile(left, filepath.Join(testDir, IncrName(defaultName, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if _, tail, _ := frames(text, ReaderOptions{}); tail.Lines > 0 && tail.Last.ID == next {
				if renamed++; e.ID != next {
					t.Fatalf("before operation %d, seed %d: a line bears the new name, the epoch file the old one", i, seed)
				}
			}
		}
	}
	if renamed == 0 {
		t.Error("no line bears the new name: nothing was tried")
	}
}

// Renames come one after the other, and one that was overtaken does nothing: else a history that is no longer meant would be the log's.
func TestRenameOvertaken(t *testing.T) {
	o := Options{Dir: testDir, Annotate: true, BootID: "boot", Policy: Always}
	j, err := startJourney(o)
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := NewReplID(), NewReplID(), NewReplID()
	overtaken := errors.New("overtaken")
	ended := make(chan error)
	var once sync.Once
	begun, write := make(chan struct{}), make(chan struct{})
	j.fs.At(0, func(e crashfs.Event, _ func() *crashfs.FS) {
		if e.Op.Changes() && strings.Contains(e.Name, EpochName(defaultName)) {
			once.Do(func() {
				close(begun)
				<-write
			})
		}
	})
	go func() { ended <- j.l.Rename(first, testID, j.l.End(), nil) }()
	<-begun
	if j.l.renames.TryLock() {
		t.Fatal("two at a time")
	}
	close(write)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := j.l.Rename(second, testID, j.l.End(), func() error { return overtaken }); err != overtaken || j.l.Position().ID != first {
		t.Fatalf("%v, and the history is %s", err, j.l.Position().ID)
	}
	if err := j.l.Rename(third, first, j.l.End(), nil); err != nil {
		t.Fatal(err)
	}
	e, err := ReadEpoch(j.fs, testDir, defaultName)
	if err != nil || e.ID != third || e.ID2 != first || j.l.Position().ID != third {
		t.Errorf("%+v, %v", e, err)
	}
	if err := j.l.Close(true); err != nil {
		t.Fatal(err)
	}
	if err := j.l.Rename(second, third, j.l.End(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed log takes another name: %v", err)
	}
}
