package crashfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"frankenredis/wal/disk"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// makeFile opens a new file and writes text.
func makeFile(t testing.TB, f *FS, name, text string) disk.File {
	t.Helper()
	o, err := f.Create(name)
	must(t, err)
	_, err = o.Write([]byte(text))
	must(t, err)
	return o
}

// outcomes are the different trees that crashes leave.
func outcomes(f *FS, seeds uint64) map[string]int {
	all := make(map[string]int)
	for seed := range seeds {
		tree := f.Crash(seed).Tree()
		var s []string
		for _, name := range slices.Sorted(maps.Keys(tree)) {
			s = append(s, name+"="+tree[name])
		}
		all[strings.Join(s, " ")]++
	}
	return all
}

func wantOutcomes(t *testing.T, f *FS, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(outcomes(f, 200)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("crashes leave\n  %q\nwant\n  %q", got, want)
	}
}

// What was synced, name and contents, survives whatever comes after and however the machine dies; what was not, may not.
func TestSyncedSurvives(t *testing.T) {
	f := New()
	o := makeFile(t, f, "/a", "durable")
	wantOutcomes(t, f, "", "/a=", "/a=durable", "/a=\x00\x00\x00\x00\x00\x00\x00")
	must(t, o.Sync())
	wantOutcomes(t, f, "", "/a=durable")
	must(t, f.SyncDir("/"))
	wantOutcomes(t, f, "/a=durable")
	_, err := o.Write([]byte(", more"))
	must(t, err)
	wantOutcomes(t, f, "/a=durable", "/a=durable, more", "/a=durable\x00\x00\x00\x00\x00\x00")
	must(t, o.SyncData(), o.Truncate(3))
	wantOutcomes(t, f, "/a=durable, more", "/a=dur")
	if k := f.Kill(); k.Tree()["/a"] != "dur" || k.Crash(0).Tree()["/a"] != "durable, more" {
		t.Errorf("after a kill %q", k.Tree())
	}
}

// Names are as durable as the last sync of their folder, and each change survives with those before it to the same names.
func TestNames(t *testing.T) {
	f := New()
	for name, text := range map[string]string{"/d/a": "1", "/d/b": "2"} {
		f.Put(name, text)
	}
	must(t, f.Rename("/d/a", "/d/b"))
	wantOutcomes(t, f, "/d/a=1 /d/b=2", "/d/b=1")
	f.Put("/d/c", "3")
	must(t, f.Remove("/d/c"))
	wantOutcomes(t, f, "/d/a=1 /d/b=2 /d/c=3", "/d/b=1 /d/c=3", "/d/b=1", "/d/a=1 /d/b=2")
	must(t, f.SyncDir("/d"))
	wantOutcomes(t, f, "/d/b=1")

	must(t, f.MkdirAll("/d/e/f"))
	o := makeFile(t, f, "/d/e/f/x", "4")
	must(t, o.Sync(), f.SyncDir("/d/e/f"), f.SyncDir("/d/e"))
	wantOutcomes(t, f, "/d/b=1", "/d/b=1 /d/e/f/x=4") // nobody synced /d
	must(t, f.Rename("/d/e/f/x", "/x"), f.SyncDir("/"))
	wantOutcomes(t, f, "/d/b=1 /x=4")

	must(t, f.Rename("/x", "/y"), f.Rename("/d/b", "/x"))
	wantOutcomes(t, f, "/d/b=1 /x=4", "/d/b=1 /y=4", "/x=1 /y=4")
}

// Every sector of an unsynced write is lost or kept by itself, zeros or garbage stand for what is lost, and a sector with
// durable bytes never turns to garbage.
func TestSectors(t *testing.T) {
	f := New()
	o := makeFile(t, f, "/a", strings.Repeat("a", 700))
	must(t, o.Sync(), f.SyncDir("/"))
	_, err := o.WriteAt(bytes.Repeat([]byte("b"), 2000), 100)
	must(t, err)
	kinds := make(map[string]bool)
	for seed := range uint64(400) {
		p := f.Crash(seed).Tree()["/a"]
		if !strings.HasPrefix(p, strings.Repeat("a", 100)) || len(p) < 700 || len(p) > 2100 {
			t.Fatalf("seed %d: %d bytes %.120q", seed, len(p), p)
		}
		for at := 0; at < len(p); at += sectorSize {
			s := p[at:min(at+sectorSize, len(p))]
			kind := fmt.Sprint(at, " garbage")
			switch {
			case at == 0 && s[100:] == strings.Repeat("a", 412), at == 512 && strings.TrimRight(s, "\x00") == strings.Repeat("a", 188):
				kind = fmt.Sprint(at, " old")
			case strings.Trim(s[max(100-at, 0):], "b") == "":
				kind = fmt.Sprint(at, " new")
			case strings.Trim(s, "\x00") == "":
				kind = fmt.Sprint(at, " zeros")
			}
			kinds[kind] = true
		}
	}
	want := []string{"0 new", "0 old", "512 new", "512 old"}
	for _, at := range []int{1024, 1536, 2048} {
		want = append(want, fmt.Sprint(at, " garbage"), fmt.Sprint(at, " new"), fmt.Sprint(at, " zeros"))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) {
		t.Errorf("sectors were %q, want %q", got, want)
	}
}

// After a truncation survived nothing of what it cut is to be seen, also if the file has grown again.
func TestTruncateAndGrow(t *testing.T) {
	f := New()
	f.Put("/a", strings.Repeat("a", 1024))
	o, err := f.OpenReadWrite("/a")
	must(t, err, o.Truncate(0))
	_, err = o.WriteAt([]byte("b"), 600)
	must(t, err)
	zeros := strings.Repeat("\x00", 600)
	for p := range outcomes(f, 300) {
		p = p[len("/a="):]
		if p != "" && p != zeros+"b" && p != zeros+"\x00" && p != strings.Repeat("a", 1024) {
			if p = strings.Trim(p, "\x00"); len(p) > sectorSize || strings.Contains(p, "aaaaaaaaaaaaaaaaaaaaaaaaa") {
				t.Errorf("%d bytes: %.100q", len(p), p)
			}
		}
	}
}

// A random life of files: in each crash every byte below the size of the last sync that was not changed since is as it
// was then, and the same seed gives the same disk. A clone's life leaves the original's alone.
func TestRandomLife(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		f := New()
		o, err := f.Create("/a")
		must(t, err, f.SyncDir("/"))
		var synced, seen []byte
		changed := make(map[int]bool) // since the last sync
		for range 40 {
			switch n := rng.IntN(10); n {
			case 0, 1:
				must(t, o.SyncData())
				synced = bytes.Clone(seen)
				clear(changed)
			case 2:
				size := rng.IntN(len(seen) + 300)
				must(t, o.Truncate(int64(size)))
				for i := min(size, len(seen)); i < len(seen); i++ {
					changed[i] = true
				}
				seen = append(seen[:min(size, len(seen)):min(size, len(seen))], make([]byte, max(size-len(seen), 0))...)
			default:
				p := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(1500))
				off := rng.IntN(len(seen) + 200)
				_, err := o.WriteAt(p, int64(off))
				must(t, err)
				if grow := off + len(p) - len(seen); grow > 0 && len(p) > 0 {
					seen = append(seen, make([]byte, grow)...)
				}
				for i := range p {
					seen[off+i], changed[off+i] = p[i], true
				}
			}
			if rng.IntN(4) == 0 {
				k := f.Kill()
				w, err := k.OpenReadWrite("/a")
				must(t, err)
				_, err = w.WriteAt([]byte("zzzz"), 0)
				must(t, err, w.Sync())
			}
			if got := f.Tree()["/a"]; got != string(seen) {
				t.Fatalf("seed %d: holds %q, want %q", seed, got, seen)
			}
			how := rng.Uint64N(50)
			after := f.Crash(how).Tree()["/a"]
			for i, b := range synced {
				if !changed[i] && (i >= len(after) || after[i] != b) {
					t.Fatalf("seed %d, crash %d: byte %d of %d was synced and is lost", seed, how, i, len(synced))
				}
			}
			if f.Kill().Crash(how).Tree()["/a"] != after {
				t.Fatalf("seed %d: crash %d is different each time", seed, how)
			}
		}
	}
}

// At stops the world before the operation it names, and freeze shows the disk as it is then.
func TestAt(t *testing.T) {
	f := New()
	var sizes []int
	f.At(0, func(e Event, freeze func() *FS) { sizes = append(sizes, len(freeze().Tree()["/a"])) })
	var third Event
	f.At(3, func(e Event, _ func() *FS) { third = e })
	o := makeFile(t, f, "/a", "xyz")
	must(t, o.Sync(), f.Rename("/a", "/b"))
	if !slices.Equal(sizes, []int{0, 0, 3, 3}) || third.Op != Sync || f.Ops() != 4 {
		t.Errorf("%v, third %v, %d operations", sizes, third, f.Ops())
	}
	if got := fmt.Sprint(f.Trace()); got != "[create a write a fsync a rename a b]" || len(f.Trace()) != 0 {
		t.Error(got)
	}
}

// The interface's other rules: which names must be there, who has the lock, what a closed file does.
func TestErrors(t *testing.T) {
	f := New()
	must(t, f.MkdirAll("/d/e"))
	o := makeFile(t, f, "/d/a", "x")
	second := func(_ any, err error) error { return err }
	for what, c := range map[string]struct{ got, want error }{
		"open":         {second(f.Open("/none")), fs.ErrNotExist},
		"append":       {second(f.OpenAppend("/none/x")), fs.ErrNotExist},
		"create":       {second(f.Create("/none/x")), fs.ErrNotExist},
		"new":          {second(f.CreateNew("/d/a")), fs.ErrExist},
		"rename":       {f.Rename("/d/b", "/d/c"), fs.ErrNotExist},
		"remove":       {f.Remove("/d/b"), fs.ErrNotExist},
		"list":         {second(f.List("/x")), fs.ErrNotExist},
		"syncdir":      {f.SyncDir("/x"), fs.ErrNotExist},
		"stat":         {second(f.Stat("/x")), fs.ErrNotExist},
		"free":         {second(f.Free("/x")), fs.ErrNotExist},
		"negative":     {second(o.WriteAt([]byte("x"), -1)), syscall.EINVAL},
		"first close":  {o.Close(), nil},
		"second close": {o.Close(), fs.ErrClosed},
		"closed":       {second(o.Write([]byte("x"))), fs.ErrClosed},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", what, c.got)
		}
	}
	if err := f.Remove("/d"); err == nil {
		t.Error("removed a folder that was not empty")
	}
	l, err := f.Lock("/lock")
	must(t, err)
	if _, err := f.Lock("/lock"); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if _, err := f.Kill().Lock("/lock"); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	must(t, l.Close())
	if _, err := f.Lock("/lock"); err != nil {
		t.Errorf("third lock: %v", err)
	}
	if names, err := f.List("/d"); err != nil || !slices.Equal(names, []string{"a", "e"}) {
		t.Errorf("%v, %v", names, err)
	}
	if i, err := f.Stat("/d/a"); err != nil || i.Size() != 1 || i.IsDir() || i.ModTime().UnixNano() == 0 {
		t.Errorf("%v, %v", i, err)
	}
}

// Write and SyncData of one file may run at the same time (run it with -race).
func TestWriteDuringSync(t *testing.T) {
	f := New()
	o := makeFile(t, f, "/a", "")
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 50 {
			if err := o.SyncData(); err != nil {
				t.Error(err)
			}
		}
	})
	for range 200 {
		_, err := o.Write([]byte("0123456789"))
		must(t, err)
	}
	wg.Wait()
	if n := len(f.Tree()["/a"]); n != 2000 {
		t.Errorf("%d bytes", n)
	}
}

func BenchmarkClone(b *testing.B) {
	f := New()
	for i := range 30 {
		f.Put(fmt.Sprintf("/d/%d", i), strings.Repeat("x", 1<<20))
	}
	for b.Loop() {
		f.Clone()
	}
}

// Disks have the same sum if everybody sees the same on them, however they came to it.
func TestSum(t *testing.T) {
	base := New()
	base.Put("/data/a", "one")
	base.Put("/data/b", "two")
	sum := base.Sum()
	same := New()
	same.Put("/data/b", "two")
	same.Put("/data/a", "on")
	same.Put("/data/a", "one")
	for name, fs := range map[string]*FS{"made in another order": same, "killed": base.Kill(), "after a power loss": base.Crash(7)} {
		if fs.Sum() != sum {
			t.Errorf("%s: another sum", name)
		}
	}
	for name, change := range map[string]func(fs *FS){
		"a byte":               func(fs *FS) { fs.Put("/data/a", "onE") },
		"a byte more":          func(fs *FS) { fs.Put("/data/a", "one\x00") },
		"a file more":          func(fs *FS) { fs.Put("/data/c", "") },
		"a file less":          func(fs *FS) { _ = fs.Remove("/data/a") },
		"another name":         func(fs *FS) { _ = fs.Rename("/data/a", "/data/c") },
		"in a folder above":    func(fs *FS) { _ = fs.Rename("/data/b", "/b") },
		"a folder":             func(fs *FS) { _ = fs.MkdirAll("/data/c") },
		"contents changed":     func(fs *FS) { fs.Put("/data/a", "two"); fs.Put("/data/b", "one") },
		"moved between files":  func(fs *FS) { fs.Put("/data/a", "onet"); fs.Put("/data/b", "wo") },
		"not yet synced":       func(fs *FS) { f, _ := fs.OpenAppend("/data/a"); _, _ = f.Write([]byte("+")) },
		"a folder in a folder": func(fs *FS) { _ = fs.MkdirAll("/data/c"); _ = fs.MkdirAll("/data/c/d") },
	} {
		fs := base.Clone()
		change(fs)
		if fs.Sum() == sum {
			t.Errorf("%s: the same sum", name)
		}
	}
	f, _ := base.OpenAppend("/data/a")
	_, _ = f.Write([]byte("+"))
	if base.Crash(0).Sum() != sum || base.Crash(1).Sum() == sum {
		t.Error("what was not synced counts where it is lost, or not where it survives")
	}
}
