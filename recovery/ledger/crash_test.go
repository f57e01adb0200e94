package ledger

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// life opens a ledger twice, records in between, and rolls over. written tells how many of its entries are durable.
func life(fs *crashfs.FS, written func(n int)) error {
	w := &writer{o: new(Options)}
	*w.o = testOptions(fs)
	w.o.setDefaults()
	defer func() { w.release() }()
	n := 0
	for round := range 3 {
		for range 4 {
			e := entry(n)
			r := Record{Time: w.o.Now(), Mode: "strict"}
			e.fill(&r)
			if _, left := w.write([]Record{r}); len(left) > 0 || w.err != nil {
				return w.err
			}
			n++
			written(n)
		}
		switch round {
		case 0:
			w.release()
			o := w.o
			*w = writer{o: o}
		case 1:
			seal := w.own(SealedSeg, Keep, "")
			at := w.at
			if err := w.put(w.line(nil, &seal, &at), at, nil); err != nil {
				return err
			}
			if err := w.roll(NewSeg, Entry{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// afterwards checks a disk that died when n entries were durable: the chain holds but for a torn tail, none of them is missing, and the next
// writer makes it whole and goes on.
func afterwards(t *testing.T, what string, fs *crashfs.FS, n int) {
	t.Helper()
	check := func(fs *crashfs.FS, extra ...string) *Report {
		rep, got := walk(t, fs)
		if !rep.Sound() || len(rep.Damages) > 1 {
			t.Fatalf("%s: %v", what, rep.Damages[0])
		}
		if len(got) < n+len(extra) || !slices.Equal(got[len(got)-len(extra):], extra) {
			t.Fatalf("%s: %v, want %d and %v", what, got, n, extra)
		}
		for i, a := range got[:n] {
			if a != fmt.Sprintf("file%d", i) {
				t.Fatalf("%s: %v", what, got)
			}
		}
		return rep
	}
	check(fs)
	for i := range 2 {
		l := Start(testOptions(fs))
		l.Record(Entry{Rule: Corrupt, Artifact: "after"})
		if err := l.Close(); err != nil {
			t.Fatalf("%s: going on: %v", what, err)
		}
		want := []string{"after", "after"}[:i+1]
		if rep := check(fs, want...); len(rep.Damages) > 0 {
			t.Fatalf("%s: mended, yet %v", what, rep.Damages[0])
		}
	}
}

// After a kill or a power loss at any operation the chain verifies up to a torn tail, and nothing that was durable is missing.
func TestCrashAnywhere(t *testing.T) {
	whole := newDisk()
	if err := life(whole, func(int) {}); err != nil {
		t.Fatal(err)
	}
	steps := whole.Ops()
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for at := whole.Ops() - steps + 1; at <= steps; at++ {
		fs, n := newDisk(), 0
		var dead *crashfs.FS
		var what string
		then := 0
		fs.At(at, func(e crashfs.Event, freeze func() *crashfs.FS) { dead, what, then = freeze(), e.String(), n })
		if err := life(fs, func(k int) { n = k }); err != nil {
			t.Fatal(err)
		}
		if dead == nil {
			continue // past the last one
		}
		afterwards(t, "killed before "+what, dead.Kill(), then)
		for seed := range seeds {
			afterwards(t, fmt.Sprintf("power lost before %s, seed %d", what, seed), dead.Crash(seed), then)
		}
	}
}

// A disk operation that fails once delays records and loses none.
func TestFaults(t *testing.T) {
	whole := newDisk()
	if err := life(whole, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for _, op := range []crashfs.Op{crashfs.Create, crashfs.Write, crashfs.Sync, crashfs.SyncData, crashfs.Rename, crashfs.SyncDir, crashfs.Open, crashfs.Read, crashfs.List, crashfs.Remove} {
		for nth := 1; nth <= 6; nth++ {
			fs := newDisk()
			fs.Inject(crashfs.Fault{Op: op, Nth: nth, Err: syscall.EIO, Short: 100, After: crashfs.AfterSync(nth % 4)})
			o := testOptions(fs)
			o.LimitBytes = 1
			l := Start(o)
			const n = 1200
			for i := range n {
				l.Record(entry(i))
				if i%100 == 0 {
					wait(l, uint64(i))
				}
			}
			for l.Stats().Waiting > 0 || l.Stats().Err != nil {
				time.Sleep(100 * time.Microsecond)
			}
			if err := l.Close(); err != nil {
				t.Fatalf("%v %d: %v", op, nth, err)
			}
			rep, got := walk(t, fs.Crash(uint64(nth)))
			if len(rep.Damages) > 0 {
				t.Fatalf("%v %d: %v", op, nth, rep.Damages[0])
			}
			if rep.First == 1 && len(got) != n || got[len(got)-1] != fmt.Sprintf("file%d", n-1) || !slices.IsSortedFunc(got, byNumber) {
				t.Fatalf("%v %d: %d records, the last %s", op, nth, len(got), got[len(got)-1])
			}
			if newest := l.Newest(1<<20, time.Time{}); len(newest) != 1024 || newest[1023].Seq-newest[0].Seq != 1023 {
				t.Fatalf("%v %d: remembers %d", op, nth, len(newest))
			}
		}
	}
}

func byNumber(a, b string) int {
	var x, y int
	_, _ = fmt.Sscanf(a, "file%d", &x)
	_, _ = fmt.Sscanf(b, "file%d", &y)
	if x == y {
		return 1 // twice
	}
	return x - y
}
