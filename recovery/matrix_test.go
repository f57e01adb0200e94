package recovery

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"frankenredis/wal"
)

// verdict is what a damaged directory may end in.
type verdict struct{ refused, cut, same int }

// judge runs a damaged copy of m and checks the promises: refused without a change on disk, or a state that the stream
// had (I3), not below what was durable (I4, I16) unless nothing tells that, and never anything else. The second run ends
// as the first.
func judge(t *testing.T, m made, f map[string]string, name string, pos int, durable wal.LSN, otherBoot bool, v *verdict) {
	t.Helper()
	disk := newMemFS(f)
	before := disk.after(false)
	change := func(o *Options) {
		o.FS = disk
		if otherBoot {
			o.BootID = "boot-2"
		}
	}
	o := runBoot(t, "/data", change)
	after := disk.after(false)
	if o.err != nil {
		v.refused++
		if !maps.Equal(before, after) {
			t.Fatalf("%s at %d: refused (%v), and files changed", name, pos, o.err)
		}
		if !strings.HasPrefix(o.last(), "# ") {
			t.Fatalf("%s at %d: the last line is %q", name, pos, o.last())
		}
	} else {
		lsn := o.res.Position.LSN
		if want, ok := m.states[lsn]; !ok || o.store.String() != want {
			t.Fatalf("%s at %d: LSN %d %q, want %q (%t)\n%s", name, pos, lsn, o.store, want, ok, o.logs.text())
		}
		if lsn < durable {
			t.Fatalf("%s at %d: LSN %d is below what was durable, %d\n%s", name, pos, lsn, durable, o.logs.text())
		}
		if len(o.res.Evidence.Actions) > 0 {
			v.cut++
			if len(after) != len(before)+1 {
				t.Fatalf("%s at %d: %d files, before %d", name, pos, len(after), len(before))
			}
		} else {
			v.same++
		}
	}
	if o.err != nil && pos%8 != 0 {
		return
	}
	again := runBoot(t, "/data", change)
	if (again.err == nil) != (o.err == nil) || again.store.String() != o.store.String() || !maps.Equal(after, disk.after(false)) {
		t.Fatalf("%s at %d: again %v %q, first %v %q", name, pos, again.err, again.store, o.err, o.store)
	}
}

// Each file of a small directory cut at each byte ends in a refusal or in a state that the stream had.
func TestCutEverywhere(t *testing.T) {
	m := small(t)
	mark := durableOf(t, m)
	for _, otherBoot := range []bool{false, true} {
		for name, content := range m.files {
			var v verdict
			durable := mark
			if name == markFile {
				durable = 0 // nothing else remembers it
			}
			step := 1
			if len(content) > 4096 {
				step = 389 // three copies of a short text, and zeros
			}
			for n := 0; n < len(content); n += step {
				f := maps.Clone(m.files)
				f[name] = content[:n]
				judge(t, m, f, name, n, durable, otherBoot, &v)
			}
			t.Logf("%-46s other boot %-5t: %4d bytes: refused %4d, cut %4d, loaded as it was %4d", name, otherBoot, len(content), v.refused, v.cut, v.same)
		}
	}
}

// Each file with a bit of each byte changed, likewise: no change is ever loaded as if it were none.
func TestFlipEverywhere(t *testing.T) {
	m := small(t)
	mark := durableOf(t, m)
	for _, otherBoot := range []bool{false, true} {
		for name, content := range m.files {
			var v verdict
			durable := mark
			if name == markFile {
				durable = 0
			}
			for n := range content {
				if len(content) > 4096 && (n >= 300 || n%3 != 0) && n%509 != 0 {
					continue // three copies of a short text, and zeros
				}
				if name == incr1 && !otherBoot && n >= unprovenFrom(m) {
					continue // nothing proves these bytes: Redis's rules hold, a changed value is a value
				}
				if testing.Short() && n%4 != 0 {
					continue
				}
				bad := []byte(content)
				bad[n] ^= 1 << (n % 8)
				f := maps.Clone(m.files)
				f[name] = string(bad)
				judge(t, m, f, name, n, durable, otherBoot, &v)
			}
			t.Logf("%-46s other boot %-5t: refused %4d, cut %4d, loaded as it was %4d", name, otherBoot, v.refused, v.cut, v.same)
		}
	}
}

// A manifest with a byte changed is refused, or read as it was meant; the refusal says which byte, in words and in the evidence.
func TestChangedManifestIsNamed(t *testing.T) {
	m := small(t)
	const name = "appendonlydir/appendonly.aof.manifest"
	refused := 0
	whole := runBoot(t, "/data", func(o *Options) { o.FS = newMemFS(m.files) }).store.String()
	for n := range m.files[name] {
		bad := []byte(m.files[name])
		bad[n] ^= 1 << (n % 8)
		f := maps.Clone(m.files)
		f[name] = string(bad)
		o := runBoot(t, "/data", func(o *Options) { o.FS = newMemFS(f) })
		if o.err == nil {
			if o.store.String() != whole {
				t.Errorf("byte %d, %q: loaded as %s", n, bad, o.store)
			}
			continue
		}
		refused++
		var r *Refusal
		if !errors.As(o.err, &r) {
			t.Fatal(o.err)
		}
		place := fmt.Sprintf("byte %d is ", n)
		if text := o.logs.text(); !strings.Contains(text, "appendonly.aof.manifest") || !strings.Contains(text, place) {
			t.Errorf("byte %d, %q: not named in\n%s", n, bad, text)
		}
		last := r.Evidence.Decisions[len(r.Evidence.Decisions)-1]
		if !strings.HasSuffix(last.Artifact, name) || last.Pos != int64(n) {
			t.Errorf("byte %d: the evidence names %s, byte %d: %s", n, last.Artifact, last.Pos, last.Detail)
		}
	}
	if refused < len(m.files[name])*9/10 {
		t.Errorf("%d of %d refused", refused, len(m.files[name]))
	}
}

// durableOf is the LSN up to which m was durable, as its watermark says.
func durableOf(t *testing.T, m made) wal.LSN {
	t.Helper()
	mark, err := wal.ReadWatermark(newMemFS(m.files), "/data/appendonlydir", "appendonly.aof")
	if err != nil || mark.LSN == 0 {
		t.Fatal(mark, err)
	}
	return mark.LSN
}

// unprovenFrom is the position behind the last line of the increment.
func unprovenFrom(m made) int {
	r := wal.NewReader(strings.NewReader(m.files[incr1]), int64(len(m.files[incr1])), wal.ReaderOptions{Verify: true})
	for {
		if _, err := r.Next(); err != nil {
			return int(r.Tail().LastPos)
		}
	}
}
