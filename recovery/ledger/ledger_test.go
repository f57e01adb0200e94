package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

const dir = "/data/ledger"

func testOptions(fs *crashfs.FS) Options {
	var at atomic.Int64 // the clock is read by whoever records and by the goroutine that writes
	at.Store(1700000000000)
	return Options{FS: fs, Dir: dir, Mode: "strict", Retry: time.Millisecond,
		Now: func() time.Time { return time.UnixMilli(at.Add(1)) }}
}

func newDisk() *crashfs.FS {
	fs := crashfs.New()
	fs.Put("/data/dump.rdb", "")
	return fs
}

// entry is the i-th entry of a test.
func entry(i int) Entry {
	return Entry{Rule: Corrupt, Decision: Refuse, Artifact: fmt.Sprintf("file%d", i), Pos: int64(i), Detail: strings.Repeat("<&\x01\xff\u2028", i%40)}
}

// walk verifies and returns the artifacts of the records that entry made.
func walk(t *testing.T, fs *crashfs.FS) (*Report, []string) {
	t.Helper()
	var got []string
	rep, err := Walk(fs, dir, func(r *Record) error {
		if r.Rule == Corrupt.Number {
			got = append(got, r.Artifact)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rep, got
}

// wait returns once everything recorded was written.
func wait(l *Ledger, records uint64) {
	for s := l.Stats(); s.Records < records && s.Err == nil; s = l.Stats() {
		time.Sleep(50 * time.Microsecond)
	}
}

// What is recorded stands on disk in order, and the next writer goes on behind it.
func TestChain(t *testing.T) {
	fs := newDisk()
	for run := range 3 {
		l := Start(testOptions(fs))
		for i := range 10 {
			l.Record(entry(10*run + i))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if s := l.Stats(); s.Records != uint64(11*(run+1)) || s.Dropped != 0 || s.Waiting != 0 {
			t.Fatalf("%+v", s)
		}
		l.Record(entry(0))
		if s := l.Stats(); s.Dropped != 1 {
			t.Fatalf("recorded after Close: %+v", s)
		}
		if n := l.Newest(1000, time.Time{}); len(n) != 11*(run+1) || n[len(n)-1].Hash != l.Stats().Hash {
			t.Fatalf("run %d: remembers %d", run, len(n))
		}
	}
	rep, got := walk(t, fs.Crash(1))
	if len(rep.Damages) > 0 || rep.Records != 33 || rep.First != 1 || rep.Last != 33 || len(got) != 30 || got[29] != "file29" {
		t.Fatalf("%+v %v", rep, got)
	}
}

// One writer at a time; the second one goes on trying and does not stand in anybody's way.
func TestLocked(t *testing.T) {
	fs := newDisk()
	first := Start(testOptions(fs))
	wait(first, 1)
	failed := make(chan error, 10)
	o := testOptions(fs)
	o.Queue, o.Failed = 4, func(err error) { failed <- err }
	second := Start(o)
	if err := <-failed; !errors.Is(err, errLocked) {
		t.Fatal(err)
	}
	for i := range 9 {
		second.Record(entry(i))
	}
	if s := second.Stats(); s.Waiting != 4 || s.Dropped != 5 {
		t.Fatalf("%+v", s)
	}
	first.Close()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	rep, got := walk(t, fs)
	if !rep.Sound() || len(got) != 4 {
		t.Fatalf("%+v %v", rep, got)
	}
	told := false
	_, _ = Walk(fs, dir, func(r *Record) error {
		told = told || r.Rule == Dropped.Number && r.Bytes == 5
		return nil
	})
	if !told {
		t.Error("no record tells of what was dropped")
	}
}

// The ledger stays within its bound; segments are sealed, digested, and dropped oldest first.
func TestRollover(t *testing.T) {
	fs := newDisk()
	o := testOptions(fs)
	o.LimitBytes = 1
	l := Start(o)
	const n = 4000
	for i := range n {
		for l.Stats().Waiting > 4000 {
			time.Sleep(time.Millisecond)
		}
		l.Record(entry(i))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rep, got := walk(t, fs.Crash(2))
	if len(rep.Damages) > 0 || rep.Segments != keepSegments || rep.Bytes > 1<<20 || rep.First == 1 || rep.Last < n {
		t.Fatalf("%+v", rep)
	}
	if want := fmt.Sprintf("file%d", n-1); got[len(got)-1] != want {
		t.Fatalf("the last is %s, want %s", got[len(got)-1], want)
	}
	if len(l.Newest(5000, time.Time{})) != 1024 {
		t.Error("remembers", len(l.Newest(5000, time.Time{})))
	}
	nums, _ := segments(fs, dir)
	change := map[string]func(name string){
		"missing": func(name string) { _ = fs.Remove(name) },
		"empty":   func(name string) { fs.Put(name, "") },
		"cut":     func(name string) { fs.Put(name, tree(fs, name)[:5000]) },
		"longer":  func(name string) { fs.Put(name, tree(fs, name)+"x") },
	}
	for name, f := range change {
		file, keep := filepath.Join(dir, SegmentName(nums[3])), fs
		fs = fs.Clone()
		f(file)
		rep, _ := walk(t, fs)
		if rep.Sound() || len(rep.Damages) != 1 || rep.Last < n {
			t.Errorf("%s: %+v", name, rep.Damages)
		}
		fs = keep
	}
}

func tree(fs *crashfs.FS, name string) string { return fs.Tree()[name] }

// Each changed byte is found: as damage where a later line says that it was durable, as a torn tail behind that.
func TestFlipEverywhere(t *testing.T) {
	fs := newDisk()
	l := Start(testOptions(fs))
	for i := range 4 {
		l.Record(entry(i))
		wait(l, uint64(i+2))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SegmentName(1))
	text := tree(fs, path)
	last := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n") + 1
	for i := 0; i < len(text); i += 1 + len(text)/150 {
		p := []byte(text)
		p[i] ^= 1
		d := newDisk()
		d.Put(path, string(p))
		rep, _ := walk(t, d)
		if len(rep.Damages) != 1 || rep.Damages[0].Torn != (i >= last) {
			t.Fatalf("byte %d of %d: %+v", i, len(text), rep.Damages)
		}
		before := rep.Last
		l := Start(testOptions(d))
		l.Record(entry(9))
		if err := l.Close(); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		rep, got := walk(t, d)
		if rep.Last <= before || got[len(got)-1] != "file9" || rep.Sound() != (i >= last) || i < last && !rep.Damages[0].Told {
			t.Fatalf("byte %d of %d, gone on: %+v %v", i, len(text), rep, got)
		}
		if i < last && !strings.HasPrefix(tree(d, path), string(p)) {
			t.Fatalf("byte %d: damaged lines were changed", i)
		}
	}
	for i := range len(text) {
		d := newDisk()
		d.Put(path, text[:i])
		if rep, _ := walk(t, d); !rep.Sound() && i > strings.Index(text, "\n") {
			t.Fatalf("cut at %d of %d: %+v", i, len(text), rep)
		}
	}
}
