package wal

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// I11, I21: of two bases that are installed at a time one waits. Else both take the same name: the second lies in the place of the first, and
// when that one fails it removes the other's file.
func TestInstallOneAtATime(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, Always))
	l.Commit(set("a", "1"), 0)
	waitFor(t, "the reply", func() bool { return l.Released() == l.End() })
	at, err := switchNow(l)
	if err != nil {
		t.Fatal(err)
	}
	base := func(suffix string) NewBase {
		text := []byte("state " + suffix)
		f, err := fs.Create(l.TempName(suffix))
		if err == nil {
			_, err = f.Write(text)
		}
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return NewBase{Path: f.Name(), At: at, Size: int64(len(text)), Sum: SumOf(text), HasSum: true}
	}
	first, second := base("first"), base("second")
	ended := make(chan error, 1)
	var begun atomic.Bool
	fs.setBefore(func(op, name string) error {
		if op == "rename" && strings.Contains(name, filepath.Base(first.Path)) && begun.CompareAndSwap(false, true) {
			done := make(chan struct{})
			go func() {
				ended <- l.Install(second)
				close(done)
			}()
			select {
			case <-done:
			case <-time.After(100 * time.Millisecond): // it waits
			}
		}
		return nil
	})
	if err := errors.Join(l.Install(first), <-ended); err != nil {
		t.Error(err)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if _, err := recoverLog(fs.powerCut(), testDir, false); err != nil {
		t.Error(err)
	}
}
