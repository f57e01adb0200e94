package heal

import (
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// workFS counts the bytes that its files read and write between two calls of yield.
type workFS struct {
	*crashfs.FS
	unyielded, most, yields int
}

type workFile struct {
	disk.File
	w *workFS
}

func (w *workFS) yield() { w.unyielded, w.yields = 0, w.yields+1 }

func (w *workFS) did(n int) {
	w.unyielded += n
	w.most = max(w.most, w.unyielded)
}

func (w *workFS) wrap(f disk.File, err error) (disk.File, error) { return workFile{f, w}, err }

func (w *workFS) Open(path string) (disk.File, error) { return w.wrap(w.FS.Open(path)) }
func (w *workFS) OpenReadWrite(path string) (disk.File, error) {
	return w.wrap(w.FS.OpenReadWrite(path))
}
func (w *workFS) Create(path string) (disk.File, error) { return w.wrap(w.FS.Create(path)) }

func (f workFile) ReadAt(p []byte, off int64) (int, error) {
	f.w.did(len(p))
	return f.File.ReadAt(p, off)
}

func (f workFile) WriteAt(p []byte, off int64) (int, error) {
	f.w.did(len(p))
	return f.File.WriteAt(p, off)
}

// Covering a file, following one that grows and verifying both never do much without yielding: a worker that shares a core with the executor
// holds it up for that long.
func TestYields(t *testing.T) {
	const size = stripeCells*cellSize + 5*pieceBytes
	fsys := crashfs.New()
	fsys.Put("/d/f", string(randomBytes(1, size)))
	fsys.Put("/d/g", string(randomBytes(2, size)))
	w := &workFS{FS: fsys}
	o := options(fsys)
	o.FS, o.Yield = w, w.yield
	s, err := Open(o, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	look := func(what string) {
		t.Helper()
		// A sidecar is scanned by the MiB, and has tables between its pieces.
		if most := 5 * pieceBytes; w.most > most || w.yields < size/pieceBytes {
			t.Errorf("%s: %d bytes at a time without a yield, %d yields; want at most %d, and %d", what, w.most, w.yields, most, size/pieceBytes)
		}
		w.unyielded, w.most, w.yields = 0, 0, 0
	}
	if _, err := s.Protect("f"); err != nil {
		t.Fatal(err)
	}
	look("Protect")
	g, err := s.Grow("g")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.AdvanceStripes(size); err != nil {
		t.Fatal(err)
	}
	look("AdvanceStripes")
	if r, err := s.Verify("f"); err != nil || len(r.Bad) > 0 {
		t.Fatal(r, err)
	}
	look("Verify")
}
