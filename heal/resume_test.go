package heal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// loaded opens the store of fsys and reads f as a start does, up to position to.
func loaded(t testing.TB, fsys disk.FS, to int64) (*Store, *Loading) {
	t.Helper()
	o := options(nil)
	o.FS = fsys
	s, err := Open(o, true)
	if err != nil {
		t.Fatal(err)
	}
	l := s.Loading(LoadOptions{Covers: func(string) bool { return true }, Genuine: func(string) bool { return false }})
	f, err := l.Open("/d/f")
	if errors.Is(err, fs.ErrNotExist) {
		return s, l
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, to)); err != nil {
		t.Fatal(err)
	}
	return s, l
}

// left is a file of so many bytes whose cover another process has left.
func left(t testing.TB, seed uint64, sizes ...int) *growing {
	t.Helper()
	w := newGrowing(t, seed)
	for _, n := range sizes {
		w.grow(n)
	}
	if err := errors.Join(w.g.Close(), w.s.Close()); err != nil {
		t.Fatal(err)
	}
	w.fsys = w.fsys.Kill()
	return w
}

// The cover that another process has left goes on where it ended: nothing of the file before is read, it keeps its generation, and all of the
// file comes back from it.
func TestResume(t *testing.T) {
	const stripe = stripeCells * cellSize
	for i, sizes := range [][]int{{1}, {4096}, {100, 5000, 3}, {stripe}, {stripe + 9000}, {2*stripe - 1}} {
		w := left(t, uint64(i), sizes...)
		at := int64(len(w.data))
		w.s, _ = loaded(t, w.fsys, 1<<40)
		w.data = append(w.data, randomBytes(99, 6000+stripe*(i%2))...)
		w.fsys.Put("/d/f", string(w.data))
		read := int64(0)
		w.s.o.FS = readsFrom{w.fsys, &read}
		g, err := w.s.Resume("f", 1<<40)
		if err != nil || g == nil || g.End() != at || g.e.Generation != 1 {
			t.Fatalf("%v: %+v, %v", sizes, g, err)
		}
		if err := g.Advance(int64(len(w.data))); err != nil {
			t.Fatal(err)
		}
		if most := int64(len(w.data)) - at + stripe; read > most {
			t.Errorf("%v: %d bytes of the file were read, at most %d", sizes, read, most)
		}
		if again, err := w.s.Resume("f", 1<<40); again != nil || err != nil {
			t.Errorf("%v: twice: %+v, %v", sizes, again, err)
		}
		bad := bytes.Clone(w.data)
		for _, pos := range []int64{0, at - 1, at, int64(len(bad)) - 1} {
			if pos < int64(len(bad)) {
				bad[pos] ^= 1
			}
		}
		w.fsys.Put("/d/f", string(bad))
		if r, err := w.s.Repair("f", false); err != nil || r.Size != int64(len(bad)) || !r.Repaired || string(content(t, w.fsys, "/d/f")) != string(w.data) {
			t.Errorf("%v: %+v, %v", sizes, r, err)
		}
		g.Close()
	}
}

// readsFrom counts the bytes that are read from f.
type readsFrom struct {
	disk.FS
	n *int64
}

func (r readsFrom) Open(name string) (disk.File, error) {
	f, err := r.FS.Open(name)
	if err == nil && name == "/d/f" {
		f = countedFile{f, r.n}
	}
	return f, err
}

type countedFile struct {
	disk.File
	n *int64
}

func (c countedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(p, off)
	*c.n += int64(n)
	return n, err
}

// Where it is not known that all of the file is as the cover says, and durable, the cover is made anew (I14).
func TestNotResumed(t *testing.T) {
	const size = 300_003 // bytes of the file
	for what, change := range map[string]func(w *growing) (read, cut, durable int64){
		"read in part": func(*growing) (int64, int64, int64) { return 9000, size, size },
		"a byte changed": func(w *growing) (int64, int64, int64) {
			w.data[5000] ^= 1
			w.fsys.Put("/d/f", string(w.data))
			return size, size, size
		},
		"shorter": func(w *growing) (int64, int64, int64) {
			w.fsys.Put("/d/f", string(w.data[:size-1]))
			return size, size, size
		},
		"gone": func(w *growing) (int64, int64, int64) { _ = w.fsys.Remove("/d/f"); return 0, size, size },
		"another": func(w *growing) (int64, int64, int64) {
			w.fsys.Put("/d/f", string(randomBytes(8, size)))
			return size, size, size
		},
		"a tail with a hole": func(w *growing) (int64, int64, int64) {
			w.harm(".tail", partialSlots*slotSize+100)
			return size, size, size
		},
		"an end that is torn": func(w *growing) (int64, int64, int64) { w.harm(".tail", 100); return size, size, size },
		"no end": func(w *growing) (int64, int64, int64) {
			w.harm(".tail", 100)
			w.harm(".tail", slotSize+100)
			return size, size, size
		},
		"a tail that is gone": func(w *growing) (int64, int64, int64) { w.harm(".tail", -1); return size, size, size },
		"a sidecar that is":   func(w *growing) (int64, int64, int64) { w.harm(".rs", -1); return size, size, size },
		"a tail of another": func(w *growing) (int64, int64, int64) {
			w.fsys.Put("/d/heal/f.1.tail", left(t, 8, size).fsys.Tree()["/d/heal/f.1.tail"])
			return size, size, size
		},
		"cut since":            func(*growing) (int64, int64, int64) { return size, size - 1, size },
		"cut where it ended":   func(*growing) (int64, int64, int64) { return size, size, size },
		"not all is durable":   func(*growing) (int64, int64, int64) { return size, size, size - 1 },
		"everything as it was": func(*growing) (int64, int64, int64) { return size, size, size },
	} {
		w := left(t, 7, size-3, 3)
		read, cut, durable := change(w)
		s, l := loaded(t, w.fsys, read)
		if cut < size {
			l.Cut("/d/f", cut)
		}
		g, err := s.Resume("f", durable)
		want := what == "everything as it was" || what == "cut where it ended" || what == "an end that is torn"
		if err != nil || (g != nil) != want {
			t.Errorf("%s: resumed %t, %v", what, g != nil, err)
		}
	}
}

// harm changes a byte of the file's sidecar whose name ends so; -1: it is removed.
func (w *growing) harm(suffix string, pos int) {
	path := "/d/heal/f.1" + suffix
	if pos < 0 {
		_ = w.fsys.Remove(path)
		return
	}
	p := []byte(w.fsys.Tree()[path])
	p[pos] ^= 1
	w.fsys.Put(path, string(p))
}

// A crash at any change while a cover goes on leaves what was covered before, and describes durable bytes only (I14).
func TestResumeCrash(t *testing.T) {
	for _, first := range []int{5000, 8192} {
		w := left(t, 3, first)
		anew := 0 // second starts that could not go on
		for stop := 0; ; stop++ {
			fsys := w.fsys.Clone()
			s, _ := loaded(t, fsys, 1<<40)
			changes := stop
			s.o.FS = stopping{fsys, &changes, errors.New("stopped")}
			covered, want := int64(first), bytes.Clone(w.data)
			f, err := fsys.OpenAppend("/d/f")
			if err != nil {
				t.Fatal(err)
			}
			g, err := s.Resume("f", 1<<40)
			for i, n := range []int{10, 4000, 5000} {
				if err != nil {
					break
				}
				p := randomBytes(uint64(i), n+8)[:n]
				want = append(want, p...)
				f.Write(p)
				f.SyncData()
				if err = g.Advance(int64(len(want))); err == nil {
					covered = int64(len(want))
				}
			}
			const ways = 12 // for it to go; the last is a mere kill
			for way := range ways {
				fallen := fsys.Crash(uint64(way + stop*ways))
				if way == 11 {
					fallen = fsys.Kill()
				}
				after, oerr := Open(options(fallen), false)
				if oerr != nil {
					t.Fatalf("stopped at change %d: %v", stop, oerr)
				}
				if r, verr := after.Verify("f"); verr != nil || r.Cells > 0 || r.Size < covered || r.Size > int64(len(want)) {
					t.Fatalf("%d bytes, stopped at change %d: covered %d of %d: %+v, %v", first, stop, covered, len(want), r, verr)
				}
				// The next start resumes what is left, or begins anew, and covers everything.
				next, _ := loaded(t, fallen, 1<<40)
				size := int64(len(fallen.Tree()["/d/f"]))
				g, err2 := next.Resume("f", size)
				if g == nil && err2 == nil {
					anew++
					g, err2 = next.Grow("f")
				}
				if err2 == nil {
					err2 = g.Advance(size)
				}
				if r, verr := next.Verify("f"); err2 != nil || verr != nil || r.State != Clean || r.Size != size {
					t.Fatalf("%d bytes, stopped at change %d, started again: %+v, %v, %v", first, stop, r, err2, verr)
				}
			}
			if err == nil {
				if stop < 8 || anew > stop*ways/2 {
					t.Fatalf("%d bytes: %d changes, %d second starts began anew", first, stop, anew)
				}
				break
			}
		}
	}
}

// I8 of sidecars: a process that died behind a sync that failed leaves cells that can be read and that are not on the disk. Whoever goes on from
// them has them there, or a power cut would leave less than is called covered.
func TestResumeBehindFailedSync(t *testing.T) {
	w := newGrowing(t, 5)
	w.grow(5000)
	more := randomBytes(1, 9000)
	w.data = append(w.data, more...)
	if _, err := w.f.Write(more); err != nil {
		t.Fatal(err)
	}
	if err := w.f.SyncData(); err != nil {
		t.Fatal(err)
	}
	w.fsys.Inject(crashfs.Fault{Op: crashfs.SyncData, Name: "*.tail", Nth: 2, Err: syscall.EIO, After: crashfs.MarkClean})
	if err := w.g.Advance(int64(len(w.data))); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	fsys := w.fsys.Kill()
	s, _ := loaded(t, fsys, 1<<40)
	g, err := s.Resume("f", 1<<40)
	if err != nil || g == nil {
		t.Fatalf("%v, %v", g, err)
	}
	if err := g.Advance(int64(len(w.data))); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(10) {
		after, err := Open(options(fsys.Crash(seed)), false)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := after.Verify("f"); err != nil || r.State != Clean || r.Size != int64(len(w.data)) {
			t.Fatal(fmt.Sprintf("power cut %d: %+v, %v", seed, r, err))
		}
	}
}

// A tail that cannot be copied, because the disk is full, leaves no part of the copy: it would take the room that the log needs.
func TestResumeOnFullDisk(t *testing.T) {
	w := left(t, 1, 300_000)
	w.s, _ = loaded(t, w.fsys, 1<<40)
	w.fsys.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*.tail.tmp", Err: syscall.ENOSPC, Short: 700})
	if g, err := w.s.Resume("f", 1<<40); g != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v, %v", g, err)
	}
	names, err := w.fsys.List("/d/heal")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
	}
}

// A Keeper goes on with what the start before has left, and does not where less is durable than that describes (I14).
func TestKeeperResumes(t *testing.T) {
	for durable, generation := range map[int64]uint64{300_000: 1, 300_009: 1, 299_999: 2} {
		w := left(t, 9, 300_000)
		w.data = append(w.data, "and more."...)
		w.fsys.Put("/d/f", string(w.data))
		s, _ := loaded(t, w.fsys, 1<<40)
		k := keep(t, w.fsys, func(o *KeeperOptions) { o.Opened = s })
		k.Grown("/d/f", durable, 7)
		k.Hurry()
		k.until("the file", func() bool { return k.Covered() == 7 })
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		after := open(t, w.fsys, "")
		if e, _ := after.Entry("f"); e.Generation != generation {
			t.Errorf("%d bytes durable: generation %d, wanted %d", durable, e.Generation, generation)
		}
		if r, err := after.Verify("f"); err != nil || r.State != Clean || r.Size != durable {
			t.Errorf("%d bytes durable: %+v, %v", durable, r, err)
		}
		after.Close()
	}
}

// A sidecar that holds one packet twice, and another not at all, is not whole.
func TestPacketTwice(t *testing.T) {
	fsys := crashfs.New()
	fsys.Put("/d/f", string(randomBytes(1, 300_000)))
	s := open(t, fsys, "")
	e, err := s.Protect("f")
	if err != nil {
		t.Fatal(err)
	}
	path := s.sidecarPath("f", e)
	p := []byte(fsys.Tree()[path])
	at := -1
	for i := 0; i+2*slotSize <= len(p); i++ {
		of, id, cell, err := s.d.parsePacket(p[i:i+slotSize], cellSize)
		_, next, _, err2 := s.d.parsePacket(p[i+slotSize:i+2*slotSize], cellSize)
		if err == nil && err2 == nil && of == e.bound() && id.kind == kindParity && next.kind == kindParity && len(cell) == cellSize {
			at = i
			break
		}
	}
	if at < 0 {
		t.Fatal("no two packets of parity side by side")
	}
	copy(p[at+slotSize:], p[at:at+slotSize])
	fsys.Put(path, string(p))
	if r, err := s.Verify("f"); err != nil || r.State != Sidecar || r.Sidecar {
		t.Errorf("%+v, %v", r, err)
	}
}
