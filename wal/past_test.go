package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

// I9: whatever the increments hold of the stream can be had from any position on, byte for byte, across switches and what a rewrite has
// replaced; nothing that the disk changed, and nothing of another history.
func TestPast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "appendonlydir")
	o := testOptions(t, disk.OS(), dir)
	o.KeepHistory = true
	base := func(text string) Base {
		return Base{Write: func(w io.Writer) error { _, err := w.Write([]byte(text)); return err }}
	}
	const begin = LSN(1000)
	l, err := Create(o, Position{ID: testID, Epoch: 1, LSN: begin}, base("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(false)
	var want []byte
	write := func(n int) {
		t.Helper()
		for i := range n {
			p := set(fmt.Sprintf("key:%d", i), "some value that is long enough to make lines at 64 KiB")
			if i == 0 {
				p = join(appendSelect(nil, 3), p)
			}
			want = append(want, p...)
			l.Commit(p, 3)
		}
	}
	change := func() LSN {
		t.Helper()
		done := make(chan error, 1)
		at, err := l.Switch(func(err error) { done <- err })
		if err == nil {
			err = <-done
		}
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	write(2000)
	change()
	write(2000)
	at := change()
	write(500)
	text := []byte("another base")
	path := filepath.Join(dir, "temp-base")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Install(NewBase{Path: path, At: at, Size: int64(len(text)), Sum: SumOf(text), HasSum: true}); err != nil {
		t.Fatal(err)
	}
	write(1500)

	mine := func(id ReplID, _ LSN) bool { return id == testID }
	copied := func(from, to LSN, known func(ReplID, LSN) bool) ([]byte, error) {
		var b bytes.Buffer
		err := l.Past().Copy(&b, from, to, known)
		return b.Bytes(), err
	}
	if first := l.Past().First(); first != begin {
		t.Fatalf("the files begin at %d, not at %d", first, begin)
	}
	for l.Released() < l.End() { // on a busy machine the log goes on writing behind the last commit
		time.Sleep(time.Millisecond)
	}
	end := l.Released()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		from, to := begin+LSN(rng.IntN(len(want)+1)), begin+LSN(rng.IntN(len(want)+1))
		if i == 0 {
			from, to = begin, end
		}
		if from > to {
			from, to = to, from
		}
		got, err := copied(from, to, mine)
		if err != nil || !bytes.Equal(got, want[from-begin:to-begin]) {
			t.Fatalf("from %d to %d: %d bytes, %v", from, to, len(got), err)
		}
	}
	for _, c := range []struct{ from, to LSN }{{begin - 1, end}, {begin, end + 1}, {end, begin}} {
		if _, err := copied(c.from, c.to, mine); !errors.Is(err, ErrPast) {
			t.Errorf("from %d to %d: %v", c.from, c.to, err)
		}
	}
	if got, err := copied(begin, end, func(id ReplID, at LSN) bool { return at < begin+100_000 }); !errors.Is(err, ErrPast) || len(got) > 100_000 {
		t.Errorf("of another history %d bytes came, %v", len(got), err)
	}

	// A changed digit: what comes before it may leave, it and what follows may not.
	file := filepath.Join(dir, (*l.man.past.Load())[1].name)
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p[len(p)/2] ^= 1
	if err := os.WriteFile(file, p, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := copied(begin, end, mine)
	var damage *CorruptError
	if !errors.As(err, &damage) || !bytes.HasPrefix(want, got) {
		t.Errorf("%d bytes came from a damaged file, %v", len(got), err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := copied(begin, end, mine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}
