package wal

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

// command is one RESP command.
func command(args ...string) []byte {
	p := []byte("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		p = append(p, "$"+strconv.Itoa(len(a))+"\r\n"+a+"\r\n"...)
	}
	return p
}

func set(key, value string) []byte { return command("SET", key, value) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// testID is the history of all test logs.
var testID, _ = ParseReplID("0123456789abcdef0123456789abcdef01234567")

func testOptions(t testing.TB, fs disk.FS, dir string) Options {
	t.Helper()
	return Options{FS: fs, Dir: dir, Annotate: true, BootID: "boot"}
}

// readBack replays what a folder holds, as recovery does: the stream, and the tail of the last increment.
func readBack(t testing.TB, fs disk.FS, dir, name string) (stream []byte, end LSN, tail *Tail, d *Directory) {
	t.Helper()
	d, err := ReadDirectory(fs, dir, name)
	if err != nil {
		t.Fatal(err)
	}
	if d.Manifest == nil {
		t.Fatal("no manifest")
	}
	for i, ref := range d.Manifest.Incrs {
		f, err := fs.Open(filepath.Join(dir, ref.Name))
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		o := ReaderOptions{Path: ref.Name, Start: end}
		if d.Facts != nil {
			ff := d.Facts.Files[ref.Name]
			if i == 0 {
				o.Start = ff.Start
				end = ff.Start
			}
			if ff.Start != end {
				t.Fatalf("%s begins at %d, the one before ended at %d (I10)", ref.Name, ff.Start, end)
			}
			o.Prologue = ff.DB > 0
			if ff.Sealed && ff.Size != size {
				t.Fatalf("%s: sealed with %d bytes, has %d (I11)", ref.Name, ff.Size, size)
			}
		}
		r := NewReader(f, size, o)
		var part []byte
		for {
			fr, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				if last := i == len(d.Manifest.Incrs)-1; last && bytes.Contains([]byte(err.Error()), []byte("torn")) {
					break
				}
				t.Fatalf("%s: %v", ref.Name, err)
			}
			if fr.Kind == CommandFrame {
				args := make([]string, len(fr.Args))
				for i, a := range fr.Args {
					args[i] = string(a)
				}
				part = append(part, command(args...)...)
			}
		}
		stream = append(stream, part...)
		tl := r.Tail()
		tail = &tl
		end = tl.LSN
		if ff := d.Facts; ff != nil && ff.Files[ref.Name].HasSum {
			p, _ := readFile(fs, filepath.Join(dir, ref.Name))
			if SumOf(p) != ff.Files[ref.Name].Sum {
				t.Fatalf("%s: digest differs from the recorded one (I11)", ref.Name)
			}
		}
		f.Close()
	}
	return stream, end, tail, d
}

func TestCommitAndReadBack(t *testing.T) {
	for _, policy := range []Policy{EverySec, Always, No} {
		t.Run(policy.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "appendonlydir")
			o := testOptions(t, disk.OS(), dir)
			o.Policy = policy
			l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error { _, err := w.Write([]byte("base")); return err }})
			if err != nil {
				t.Fatal(err)
			}
			want := appendSelect(nil, 3)
			l.Commit(want, 3)
			for i := range 3000 {
				if i == 1000 {
					done := make(chan error, 1)
					if _, err := l.Switch(func(err error) { done <- err }); err != nil {
						t.Fatal(err)
					}
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
				p := set(fmt.Sprintf("key:%d", i), "some value that is long enough to make lines at 64 KiB")
				want = append(want, p...)
				l.Commit(p, 3)
			}
			if policy == Always {
				for l.Durable() < l.End() {
					time.Sleep(time.Millisecond)
				}
			}
			if err := l.Close(true); err != nil {
				t.Fatal(err)
			}
			if l.Durable() != l.End() || l.Written() != l.End() || l.Released() != l.End() {
				t.Fatalf("end %d written %d durable %d released %d", l.End(), l.Written(), l.Durable(), l.Released())
			}
			got, end, tail, d := readBack(t, disk.OS(), dir, "appendonly.aof")
			if !bytes.Equal(got, want) || end != l.End() {
				t.Fatalf("read back %d bytes up to %d, want %d", len(got), end, len(want))
			}
			if tail.Lines == 0 || tail.LastPos != tail.Size {
				t.Fatalf("the end is not proven: %v", tail)
			}
			wm, err := ReadWatermark(disk.OS(), dir, "appendonly.aof")
			if err != nil || !wm.Clean || wm.LSN != end || wm.Pos != tail.Size {
				t.Fatalf("watermark %+v, %v", wm, err)
			}
			// And on, twice: with an end that is proven and one that is not.
			for epoch := range 2 {
				l, err = Open(o, Start{Manifest: d.Manifest, Facts: d.Facts, Position: Position{testID, uint64(2 + epoch), end}, Tail: tail})
				if err != nil {
					t.Fatal(err)
				}
				p := set("more", "x")
				want = append(want, p...)
				l.Commit(p, 3)
				if err := l.Close(true); err != nil {
					t.Fatal(err)
				}
				got, end, tail, d = readBack(t, disk.OS(), dir, "appendonly.aof")
				if !bytes.Equal(got, want) {
					t.Fatal("differs after going on")
				}
			}
			if tail.Last.Epoch != 3 {
				t.Fatalf("last line %+v", tail.Last)
			}
		})
	}
}
