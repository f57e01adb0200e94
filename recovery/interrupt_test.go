package recovery

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// I18: a recovery that is cut short at any disk operation, by a kill or by a power loss, and repeated, ends as one that
// was not. What it cuts off is in the quarantine before it is gone.
func TestInterruptedAnywhere(t *testing.T) {
	m := small(t)
	torn := maps.Clone(m.files)
	torn[incr1] += frame("SET", "e", "5")[:11]
	unnamed := maps.Clone(m.files)
	unnamed[aof+".7.incr.aof"], unnamed[aof+".8.incr.aof"] = frame("SET", "e", "5"), ""
	old := map[string]string{"appendonly.aof": rdb("p", "1") + frame("SET", "q", "2") + "*3\r\n"}
	for _, c := range []struct {
		name      string
		files     map[string]string
		otherBoot bool
		lost      string // what must be in the quarantine at the end
	}{
		{"torn end", torn, false, "*3\r\n$3\r\nSET\r"},
		{"unproven end", m.files, true, m.files[incr1][unprovenFrom(m):]},
		{"increments that were never named", unnamed, false, frame("SET", "e", "5")},
		{"old-style file", old, false, "*3\r\n"},
	} {
		run := func(d *memFS) outcome {
			return runBoot(t, "/data", func(o *Options) {
				if o.FS = d; c.otherBoot {
					o.BootID = "boot-2"
				}
			})
		}
		whole := newMemFS(c.files)
		want := run(whole)
		if want.err != nil {
			t.Fatalf("%s: %v", c.name, want.err)
		}
		end := whole.after(false)
		steps := len(whole.ops)
		if steps < 6 {
			t.Fatalf("%s: only %v", c.name, whole.ops)
		}
		for n := 1; n <= steps; n++ {
			for _, power := range []bool{false, true} {
				d := newMemFS(c.files)
				d.left = n
				if o := run(d); o.err == nil {
					t.Fatalf("%s: died at %d (%v) and nobody noticed", c.name, n, d.ops)
				}
				left := d.after(power)
				if !holds(left, c.lost) {
					t.Fatalf("%s: died at %v: %q is lost", c.name, d.ops, c.lost)
				}
				again := newMemFS(left)
				o := run(again)
				if o.err != nil || o.store.String() != want.store.String() {
					t.Fatalf("%s: died at %v (power %t): %v %q, want %q\n%s", c.name, d.ops, power, o.err, o.store, want.store, o.logs.text())
				}
				got := again.after(false)
				if power && got[aof] != "" {
					delete(got, "appendonly.aof") // the folder it was moved to was synced, the one it came from not yet
				}
				if !maps.Equal(got, end) {
					t.Fatalf("%s: died at %v (power %t): %v, want %v", c.name, d.ops, power, keysOf(got), keysOf(end))
				}
			}
		}
		t.Logf("%s: %d operations: %v", c.name, steps, whole.ops)
	}
}

// holds says whether text is somewhere in the files.
func holds(f map[string]string, text string) bool {
	for _, content := range f {
		if strings.Contains(content, text) {
			return true
		}
	}
	return false
}

func keysOf(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// A disk that fails is never taken for an empty or a short one.
func TestDiskErrors(t *testing.T) {
	m := small(t)
	for _, c := range []struct{ path, last string }{
		{"/data/" + incr1, "# Fatal error: can't open the append log file appendonly.aof.1.incr.aof for reading: Input/output error"},
		{"/data/" + aof + ".manifest", "# Fatal error: can't open the AOF manifest file"},
	} {
		o := runBoot(t, "/data", func(o *Options) { o.FS = &failingFS{newMemFS(m.files), c.path} })
		if o.err == nil || !strings.HasPrefix(o.last(), c.last) {
			t.Errorf("%s: %v\n%s", c.path, o.err, o.logs.text())
		}
	}
}

// The torn end of the last increment is kept, byte for byte, however large it is.
func TestQuarantineKeepsEverything(t *testing.T) {
	value := strings.Repeat("0123456789", 30_000)
	f := stock(frame("SET", "a", "1") + frame("SET", "b", value)[:250_000])
	d := newMemFS(f)
	o := runBoot(t, "/data", func(o *Options) { o.FS = d })
	if o.err != nil || o.store.String() != "0/a=1" {
		t.Fatal(o.err, o.store)
	}
	for name, content := range d.after(true) {
		if strings.Contains(name, "quarantine") && content == frame("SET", "b", value)[:250_000] {
			return
		}
	}
	t.Fatalf("%v", keysOf(d.after(true)))
}
