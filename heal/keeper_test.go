package heal

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// kept is a Keeper over a disk in memory.
type kept struct {
	*Keeper
	t      testing.TB
	fsys   *crashfs.FS
	mu     sync.Mutex
	events []KeeperEvent
}

func keep(t testing.TB, fsys *crashfs.FS, change func(*KeeperOptions)) *kept {
	k := &kept{t: t, fsys: fsys}
	o := KeeperOptions{Store: options(fsys), Settle: time.Millisecond, Pace: time.Millisecond,
		Genuine: func(*Store, string) bool { return false },
		Go: func(work func()) <-chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				work()
			}()
			return done
		},
		Every: func() time.Duration { return 0 }, Rate: func() int64 { return 0 },
		Told: func(e KeeperEvent) {
			k.mu.Lock()
			k.events = append(k.events, e)
			k.mu.Unlock()
		},
	}
	o.Store.Now = time.Now
	if change != nil {
		change(&o)
	}
	k.Keeper = StartKeeper(o)
	return k
}

// until waits for something that the worker does.
func (k *kept) until(what string, done func() bool) {
	k.t.Helper()
	for i := 0; !done(); i++ {
		if i == 20_000 {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.t.Fatalf("%s: it does not come: %+v, %+v", what, k.Status(), k.events)
		}
		time.Sleep(time.Millisecond)
	}
}

func (k *kept) told(kind EventKind, path string) func() bool {
	return func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, e := range k.events {
			if e.Kind == kind && e.Path == path {
				return true
			}
		}
		return false
	}
}

// What the server tells of is covered; a growing file is followed, and covered as a whole once it is sealed; what is removed is
// forgotten; what is left when the Keeper closes is covered first.
func TestKeeper(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/dump", "snapshot")
	fsys.Put("/d/log", "one,two,")
	k := keep(t, fsys, nil)
	if _, err := fsys.Stat("/d/heal"); err == nil {
		t.Error("a folder without anything to cover")
	}
	k.Protect("/d/dump", nil)
	k.Grown("/d/log", 4, 0)
	k.until("two covers", func() bool { st := k.Status(); return st.Files == 2 && st.Bytes == 12 })
	k.Grown("/d/log", 8, 0)
	k.until("the rest", func() bool { return k.Status().Bytes == 16 })
	k.Protect("/d/log", nil)
	k.until("the sealed one", func() bool { st := k.Status(); return st.Growing == 0 && st.Bytes == 16 })
	k.Removed("/d/dump")
	k.until("one file less", func() bool { return k.Status().Files == 1 })
	fsys.Put("/d/last", "written at the end")
	k.Protect("/d/last", nil)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, fsys, "")
	if names := s.Names(); len(names) != 2 || names[0] != "last" || names[1] != "log" {
		t.Errorf("%v", names)
	}
	for _, name := range s.Names() {
		if r, err := s.Verify(name); err != nil || r.State != Clean || r.Growing {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// Scrubbing finds what changed and only reports it; on request, or when it is told to, it repairs, also the file that grows, and also
// sidecars. A file that somebody put there is covered anew, and its bytes stay.
func TestKeeperScrub(t *testing.T) {
	want := randomBytes(9, 200_000)
	for _, repair := range []bool{false, true} {
		fsys := crashfs.New()
		fsys.Put("/d/dump", string(want))
		fsys.Put("/d/log", string(want))
		fsys.Put("/d/conf", "a person's")
		k := keep(t, fsys, func(o *KeeperOptions) {
			o.Repair = repair
			o.Genuine = func(_ *Store, path string) bool { return path == "/d/conf" }
		})
		k.Look("/d/dump")
		k.Look("/d/conf")
		k.Grown("/d/log", int64(len(want)), 0)
		k.until("covers", func() bool { st := k.Status(); return st.Files == 3 && st.Growing == 1 && st.Waiting == 0 })
		hurt := func(path string) {
			f, err := fsys.OpenReadWrite(path)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteAt([]byte{^want[70_000]}, 70_000)
			f.Close()
		}
		hurt("/d/dump")
		hurt("/d/log")
		fsys.Put("/d/conf", "another of a person")
		k.Scrub(false)
		k.until("the person's file", k.told(NewFile, "/d/conf"))
		k.until("the dump", k.told(FoundDamage, "/d/dump"))
		k.until("the log", k.told(FoundDamage, "/d/log"))
		if !repair {
			k.until("the end", func() bool { return k.Status().Scrubs == 1 })
			if st := k.Status(); len(st.Damaged) != 2 || st.Repaired != 0 || bytes.Equal(content(t, fsys, "/d/dump"), want) {
				t.Errorf("%+v", st)
			}
			k.Repair("/d/dump")
			k.Scrub(true)
		}
		k.until("the dump's repair", k.told(MendedFile, "/d/dump"))
		k.until("the log's repair", k.told(MendedFile, "/d/log"))
		k.until("nothing damaged", func() bool { return len(k.Status().Damaged) == 0 })
		if !bytes.Equal(content(t, fsys, "/d/dump"), want) || !bytes.Equal(content(t, fsys, "/d/log"), want) || string(content(t, fsys, "/d/conf")) != "another of a person" {
			t.Error("not as it was")
		}
		for _, e := range k.events {
			if e.Kind == Failed {
				t.Errorf("%+v", e)
			}
		}
		// All sidecars gone, then a file's cover: they come back.
		for path := range fsys.Tree() {
			if bytes.HasSuffix([]byte(path), []byte(".rs")) || bytes.HasSuffix([]byte(path), []byte(".tail")) {
				if err := fsys.Remove(path); err != nil {
					if err = fsys.Remove("/" + path); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		k.Scrub(false)
		for _, path := range []string{"/d/dump", "/d/log", "/d/conf"} {
			k.until("a new sidecar", k.told(MendedCover, path))
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		s := open(t, fsys, "")
		for _, name := range s.Names() {
			if r, err := s.Verify(name); err != nil || r.State != Clean {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
		s.Close()
	}
}

// A file that was not looked at for long enough is, without being asked for.
func TestKeeperDue(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/dump", "snapshot")
	k := keep(t, fsys, func(o *KeeperOptions) { o.Every = func() time.Duration { return 30 * time.Millisecond } })
	k.Look("/d/dump")
	k.until("two scrubs", func() bool { return k.Status().Scrubs >= 2 })
	if st := k.Status(); st.BytesRead == 0 || st.Oldest.IsZero() {
		t.Errorf("%+v", st)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

// Somebody removes the folder of sidecars while several files grow: it is made anew, and all of them are covered again.
func TestKeeperFolderRemoved(t *testing.T) {
	fsys := crashfs.New()
	for _, path := range []string{"/d/log1", "/d/log2", "/d/log3", "/d/log4"} {
		fsys.Put(path, "one,two,")
	}
	k := keep(t, fsys, func(o *KeeperOptions) { o.Settle = time.Nanosecond })
	k.Grown("/d/log1", 4, 0)
	k.Grown("/d/log2", 4, 0)
	k.until("two covers", func() bool { return k.Status().Growing == 2 })
	if err := fsys.Rename("/d/heal", "/d/gone"); err != nil {
		t.Fatal(err)
	}
	fsys.Put("/d/dump", "snapshot")
	for _, path := range []string{"/d/log3", "/d/log4", "/d/log1", "/d/log2"} {
		k.Grown(path, 8, 0)
	}
	k.Protect("/d/dump", nil)
	k.until("four covers", func() bool { st := k.Status(); return st.Growing == 4 && st.Behind == 0 })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if len(k.events) > 0 {
		t.Errorf("%+v", k.events)
	}
}

// The worker that work has woken from its rest between two looks at growing files hears of one that grows when it has looked.
func TestKeeperHearsAfterPacedRest(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/log", "one,two,")
	fsys.Put("/d/dump", "snapshot")
	k := keep(t, fsys, func(o *KeeperOptions) {
		o.Go = func(func()) <-chan struct{} { return nil } // the test is the worker
	})
	k.resting, k.paced = true, true
	k.Protect("/d/dump", nil)
	<-k.bell
	for k.step() >= 0 {
	}
	k.Grown("/d/log", 8, 0)
	if !k.stirred {
		t.Error("the worker would rest")
	}
}

// I1: a file that a crash left half covered, sealed but never covered as a whole, is covered as a whole by the next server that looks.
func TestKeeperLooksAtHalfCovered(t *testing.T) {
	const path = "/d/1.aof"
	text := bytes.Repeat([]byte("one"), 1000)
	for what, spoil := range map[string]func(fsys *crashfs.FS){
		"whole": func(*crashfs.FS) {},
		"sidecar lost": func(fsys *crashfs.FS) {
			fsys.Put("/d/heal/1.aof.1.rs", "")
			fsys.Put("/d/heal/1.aof.1.tail", "")
		},
		"file damaged": func(fsys *crashfs.FS) { fsys.Put(path, "x"+string(text[1:])) },
	} {
		t.Run(what, func(t *testing.T) {
			fsys := crashfs.New()
			fsys.Put(path, string(text))
			k := keep(t, fsys, nil)
			k.Grown(path, 1000, 0)
			k.until("the first bytes", func() bool { return k.Status().Files == 1 })
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			spoil(fsys)
			next := keep(t, fsys, func(o *KeeperOptions) { o.Repair = true })
			next.Look(path)
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := Open(options(fsys), false)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.Verify(s.NameOf(path)); err != nil || r.State != Clean || r.Size != 3000 || fsys.Tree()[path] != string(text) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// A Keeper forgets files that are gone for good and removes what a crash left, when it has covered what there is; what is lost and wanted
// stays covered. Asked to, it looks again.
func TestKeeperSweeps(t *testing.T) {
	fsys := crashfs.New()
	if err := sweptLife(fsys, 1<<30); err != nil {
		t.Fatal(err)
	}
	fsys.Put("/d/heal/f.1.rs", "left behind")
	for _, path := range []string{"/d/log.1", "/d/lost"} {
		if err := fsys.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(options(fsys), true)
	if err != nil {
		t.Fatal(err)
	}
	k := keep(t, fsys, func(o *KeeperOptions) {
		o.Opened, o.Gone = s, func(path string) bool { return sweptGone(path) || path == "/d/f" }
	})
	k.until("the sweep", k.told(SweptFolder, "/d/heal"))
	k.until("its count", func() bool { return k.Status().Files == 3 })
	if _, ok := fsys.Tree()["/d/heal/f.1.rs"]; ok {
		t.Error("what a crash left is still there")
	}
	if err := fsys.Remove("/d/f"); err != nil {
		t.Fatal(err)
	}
	k.Sweep()
	k.until("another", func() bool { return k.Status().Files == 2 })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fsys, "")
	if r, err := s.Repair("lost", false); err != nil || !r.Repaired || len(s.Names()) != 2 {
		t.Errorf("%v: %+v, %v", s.Names(), r, err)
	}
}
