package recovery

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/heal"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// healStore opens the covers of dir.
func healStore(t testing.TB, dir string) *heal.Store {
	t.Helper()
	s, err := heal.Open(heal.Options{FS: disk.OS(), Root: dir}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// bootCovered runs Boot with the covers of dir.
func bootCovered(t testing.TB, dir string, change func(*Options)) outcome {
	t.Helper()
	s := healStore(t, dir)
	defer s.Close()
	return runBoot(t, dir, func(o *Options) {
		o.Covers = s
		if change != nil {
			change(o)
		}
	})
}

func overwrite(t testing.TB, path string, p []byte) {
	t.Helper()
	if err := os.WriteFile(path, p, 0o644); err != nil {
		t.Fatal(err)
	}
}

// coveredLog makes a directory with a base, a sealed increment and one that grows, all of them covered.
func coveredLog(t testing.TB, dir string) (names []string, data string) {
	t.Helper()
	files(t, dir, stock(frame("SELECT", "0")+frame("SET", "b", "2")))
	o := runBoot(t, dir, nil)
	if o.err != nil {
		t.Fatal(o.err)
	}
	l, err := o.res.OpenLog(wal.Options{FS: disk.OS(), Dir: filepath.Join(dir, "appendonlydir"), Policy: wal.Always, Annotate: true, BootID: "boot-1"}, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	commit := func(args ...string) {
		l.Commit([]byte(frame(args...)), 0)
		for l.Durable() < l.End() {
			time.Sleep(time.Millisecond)
		}
	}
	commit("SELECT", "0")
	for range 200 {
		commit("SET", "c", strings.Repeat("x", 100))
	}
	switched := make(chan error, 1)
	if _, err := l.Switch(func(err error) { switched <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-switched; err != nil {
		t.Fatal(err)
	}
	for range 100 {
		commit("SET", "d", strings.Repeat("y", 100))
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	s := healStore(t, dir)
	all, err := os.ReadDir(filepath.Join(dir, "appendonlydir"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		name := "appendonlydir/" + f.Name()
		info, _ := f.Info()
		switch {
		case !strings.HasSuffix(name, ".aof") && !strings.HasSuffix(name, ".rdb") || info.Size() == 0:
			continue
		case strings.HasSuffix(name, "3.incr.aof"):
			g, err := s.Grow(name)
			if err == nil {
				err = g.Advance(info.Size())
			}
			if err != nil {
				t.Fatal(err)
			}
			g.Close()
		default:
			if _, err := s.Protect(name); err != nil {
				t.Fatal(err)
			}
		}
		names = append(names, name)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o = bootCovered(t, dir, nil)
	if o.err != nil || len(names) < 4 {
		t.Fatalf("%v, %v\n%s", names, o.err, o.logs.text())
	}
	return names, o.store.String()
}

// A damaged file is never loaded in strict mode and nothing on the disk changes then; in hardened mode the data is what it was, and
// so is the file. frctl repair is what the refusal names.
func TestCoveredLog(t *testing.T) {
	dir := t.TempDir()
	names, data := coveredLog(t, dir)
	rng := rand.New(rand.NewPCG(7, 7))
	for _, name := range names {
		path := filepath.Join(dir, name)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for kind, damage := range map[string]func(p []byte) []byte{
			"bit":  func(p []byte) []byte { p[rng.IntN(len(p))] ^= 1 << rng.IntN(8); return p },
			"zero": func(p []byte) []byte { clear(p[rng.IntN(len(p)):]); return p },
			"cut":  func(p []byte) []byte { return p[:rng.IntN(len(p))] },
			"none": func(p []byte) []byte { return p[:0] },
			"gone": func(p []byte) []byte { return nil },
			// What is left is proven by a line behind all of it, and still not all that was durable.
			"cut behind a line": func(p []byte) []byte {
				lines := bytes.SplitAfter(p, []byte("\r\n"))
				n := 0
				for i, l := range lines {
					if bytes.HasPrefix(l, []byte("#FR1")) && i < len(lines)/2 {
						n = len(bytes.Join(lines[:i+1], nil))
					}
				}
				return p[:n]
			},
		} {
			bad := damage(append([]byte{}, was...))
			if string(bad) == string(was) {
				continue
			}
			if overwrite(t, path, bad); bad == nil {
				os.Remove(path)
			}
			before := tree(t, dir)
			o := bootCovered(t, dir, nil)
			if o.err == nil {
				t.Errorf("%s, %s: strict mode loaded it: same data: %t\n%s", name, kind, o.store.String() == data, o.logs.text())
			} else if kind != "gone" && !strings.Contains(o.logs.text(), "frctl repair "+path) {
				t.Errorf("%s, %s: the command is not named:\n%s", name, kind, o.logs.text())
			}
			concerns := "; it concerns LSN "
			if strings.HasSuffix(name, ".rdb") {
				concerns = "; it concerns " // what is known of the base does not say its position here
			}
			if kind == "bit" && !strings.Contains(o.logs.text(), concerns) {
				t.Errorf("%s, %s: no %q:\n%s", name, kind, concerns, o.logs.text())
			}
			if !maps.Equal(before, tree(t, dir)) {
				t.Errorf("%s, %s: a refusal changed something", name, kind)
			}
			o = bootCovered(t, dir, func(o *Options) { o.Hardened = true })
			if o.err != nil || o.store.String() != data {
				t.Errorf("%s, %s: hardened: %v\n%s", name, kind, o.err, o.logs.text())
			}
			if got, _ := os.ReadFile(path); string(got) != string(was) {
				t.Errorf("%s, %s: hardened: the file is not what it was", name, kind)
				overwrite(t, path, was)
			}
		}
	}
}

// What somebody put in the place of a covered file and proves itself is loaded, and never changed back.
func TestReplacedFile(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{"dump.rdb": rdb("k", "covered")})
	s := healStore(t, dir)
	if _, err := s.Protect("dump.rdb"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, hardened := range []bool{false, true} {
		files(t, dir, map[string]string{"dump.rdb": rdb("k", "another")})
		o := bootCovered(t, dir, func(o *Options) { o.AOF, o.Hardened = false, hardened })
		if o.err != nil || o.store.String() != "0/k=another" || tree(t, dir)["dump.rdb"] != rdb("k", "another") {
			t.Errorf("hardened %t: %v, %s\n%s", hardened, o.err, o.store, o.logs.text())
		}
		if !strings.Contains(o.logs.text(), "somebody") && !strings.Contains(o.logs.text(), "proves itself") {
			t.Error(o.logs.text())
		}
		p := []byte(rdb("k", "covered"))
		p[len(p)-12] ^= 1
		overwrite(t, filepath.Join(dir, "dump.rdb"), p)
		o = bootCovered(t, dir, func(o *Options) { o.AOF, o.Hardened = false, hardened })
		if hardened && (o.err != nil || o.store.String() != "0/k=covered") || !hardened && o.err == nil {
			t.Errorf("hardened %t, damaged: %v, %s\n%s", hardened, o.err, o.store, o.logs.text())
		}
	}
}
