package wal

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// coverJudge cuts the power at each word it gets, and looks whether the word was true.
type coverJudge struct {
	noCover
	fs *crashfs.FS

	mu      sync.Mutex
	seed    uint64
	grown   map[string]int64
	sealed  map[string]FileFacts
	removed map[string]bool
	errs    []string
}

func (j *coverJudge) after(path string) (string, bool) {
	j.seed++
	c, ok := j.fs.Crash(j.seed).Tree()[path]
	if !ok {
		c, ok = j.fs.Crash(j.seed).Tree()[strings.TrimPrefix(path, "/")]
	}
	return c, ok
}

func (j *coverJudge) failf(format string, args ...any) {
	j.errs = append(j.errs, fmt.Sprintf(format, args...))
}

func (j *coverJudge) Grown(path string, pos int64, lsn LSN) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c, ok := j.after(path); !ok || int64(len(c)) < pos {
		j.failf("%s: %d bytes were called durable, a power cut leaves %d", path, pos, len(c))
	}
	if pos < j.grown[path] {
		j.failf("%s: it shrank from %d to %d", path, j.grown[path], pos)
	}
	if _, sealed := j.sealed[path]; sealed {
		j.failf("%s grew after it was sealed", path)
	}
	j.grown[path] = pos
}

func (j *coverJudge) Sealed(path string, f FileFacts) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c, ok := j.after(path)
	if !ok || int64(len(c)) != f.Size || f.HasSum && SumOf([]byte(c)) != f.Sum {
		j.failf("%s was called sealed with %d bytes, a power cut leaves %d", path, f.Size, len(c))
	}
	if was, ok := j.sealed[path]; ok && was.UUID != f.UUID && !j.removed[path] {
		j.failf("%s has got another file, and the cover of the one before was not given up", path)
	}
	j.sealed[path] = f
	delete(j.removed, path)
}

func (j *coverJudge) Replaced(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c, ok := j.after(path); !ok || c == "" {
		j.failf("%s was called replaced, a power cut leaves %q", path, c)
	}
}

func (j *coverJudge) Removed(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removed[path] = true
}

// What a Cover is told is true at that moment, whatever happens to the power then (I14): through group commits, switches, a new base,
// an I/O error and the end.
func TestCoverIsTold(t *testing.T) {
	for _, policy := range []Policy{Always, EverySec} {
		fs := crashfs.New()
		_ = fs.MkdirAll("/data/aof")
		_ = fs.SyncDir("/")
		_ = fs.SyncDir("/data")
		j := &coverJudge{fs: fs, grown: map[string]int64{}, sealed: map[string]FileFacts{}, removed: map[string]bool{}}
		o := Options{FS: fs, Dir: "/data/aof", Policy: policy, Annotate: true, Cover: j, syncDelay: time.Millisecond, watermarkEvery: time.Millisecond}
		l, err := Create(o, Position{ID: NewReplID(), Epoch: 1}, Base{Write: func(w io.Writer) error {
			_, err := io.WriteString(w, "REDIS0011 not looked at")
			return err
		}})
		if err != nil {
			t.Fatal(err)
		}
		write := func(n int) {
			for i := range n {
				l.Commit([]byte(fmt.Sprintf("*2\r\n$3\r\nDEL\r\n$4\r\nk%03d\r\n", i)), 0)
			}
			for l.Durable() < l.End() {
				time.Sleep(time.Millisecond)
			}
		}
		write(50)
		switched := make(chan error, 1)
		at, err := l.Switch(func(err error) { switched <- err })
		if err == nil {
			err = <-switched
		}
		if err != nil {
			t.Fatal(err)
		}
		write(20)
		base := l.TempName("rewrite")
		f, err := fs.Create(base)
		if err == nil {
			_, err = f.Write([]byte("REDIS0011 new"))
		}
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			f.Close()
			err = l.Install(NewBase{Path: base, At: at, Size: 13, Sum: SumOf([]byte("REDIS0011 new")), HasSum: true})
		}
		if err != nil {
			t.Fatal(err)
		}
		fs.Inject(crashfs.Fault{Op: crashfs.SyncData, Name: "*.spare", Err: syscall.EIO})
		write(20)
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		j.mu.Lock()
		for _, e := range j.errs {
			t.Errorf("%v: %s", policy, e)
		}
		if len(j.sealed) < 3 || len(j.grown) < 3 || !j.removed[filepath.Join(o.Dir, IncrName("appendonly.aof", 1))] {
			t.Errorf("%v: told of %d sealed and %d growing files, and of removed ones %v", policy, len(j.sealed), len(j.grown), j.removed)
		}
		j.mu.Unlock()
	}
}

// removals notes what it is told to be gone.
type removals struct {
	noCover
	mu    sync.Mutex
	paths []string
}

func (r *removals) Removed(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, path)
}

// A log that begins in the folder of one that has ended removes that one's companions, and says so: nobody else gives up what covers them.
func TestCoverOfCompanionsGoes(t *testing.T) {
	fs, r := newMemFS(), &removals{}
	o := quickOptions(fs, Always)
	o.Cover = r
	stale := filepath.Join(o.Dir, FactsName(defaultName, 99))
	if err := fs.MkdirAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(stale)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fs.Stat(stale); err == nil || !slices.Contains(r.paths, stale) {
		t.Errorf("the file: %v; told of: %v", err, r.paths)
	}
}
