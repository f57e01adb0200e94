package recovery

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
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

// found is a directory that a start finds.
type found struct {
	name  string
	files map[string]string
	boot  string
	lost  string // must be in some file at the end
}

func (c *found) disk() *crashfs.FS {
	d := crashfs.New()
	for name, content := range c.files {
		d.Put("/data/"+name, content)
	}
	return d
}

func (c *found) boot1(t *testing.T, d *crashfs.FS) outcome {
	return runBoot(t, "/data", func(o *Options) { o.FS, o.BootID = d, c.boot })
}

// eachFound are directories of all kinds.
func eachFound(t *testing.T) []found {
	m := small(t)
	torn, unnamed, shrunk := maps.Clone(m.files), maps.Clone(m.files), maps.Clone(m.files)
	torn[incr1] += frame("SET", "e", "5")[:11]
	unnamed[aof+".7.incr.aof"], unnamed[aof+".8.incr.aof"] = frame("SET", "e", "5"), ""
	shrunk[aof+".2.incr.aof"] = frame("SET", "e", "5")
	shrunk[aof+".manifest"] = "file appendonly.aof.1.incr.aof seq 1 type i\n"
	short := maps.Clone(m.files)
	short[aof+".2.incr.aof"] = frame("SET", "e", "5")
	for name := range short {
		if strings.HasSuffix(name, ".fr") {
			delete(short, name)
		}
	}
	return []found{
		{"after a kill", m.files, "boot-1", ""},
		{"torn end", torn, "boot-1", "*3\r\n$3\r\nSET\r"},
		{"unproven end", m.files, "boot-2", m.files[incr1][unprovenFrom(m):]},
		{"increments that were never named", unnamed, "boot-1", frame("SET", "e", "5")},
		{"old-style file", map[string]string{"appendonly.aof": rdb("p", "1") + frame("SET", "q", "2")}, "boot-1", frame("SET", "q", "2")},
		{"only a snapshot", map[string]string{"dump.rdb": rdb("p", "1")}, "boot-1", rdb("p", "1")},
		{"a manifest that was cut short", shrunk, "boot-1", frame("SET", "e", "5")},
		{"a stock server's manifest, older than its files", short, "boot-1", frame("SET", "e", "5")},
	}
}

// I4, I12: any call of a start may fail once, reads too. What the disk does not give is never taken for lost: the start refuses, or finds what
// it finds on a good disk, and so does the next one.
func TestI12EveryCallFails(t *testing.T) {
	for _, c := range eachFound(t) {
		made := c.disk
		run := func(d *crashfs.FS) outcome { return c.boot1(t, d) }
		d := made()
		want := run(d)
		calls := d.Ops()
		aside := func(o outcome) string {
			if o.res == nil {
				return ""
			}
			name, _, _ := strings.Cut(o.res.Aside, "-")
			return name
		}
		refused := 0
		for n := 1; n <= calls; n++ {
			d := made()
			d.Trace()
			d.Inject(crashfs.Fault{Op: crashfs.Any, Nth: n, Err: syscall.EIO})
			o := run(d)
			failed := "nothing"
			for _, e := range d.Trace() {
				if e.Err != nil && errors.Is(e.Err, syscall.EIO) {
					failed = e.String()
				}
			}
			d.Heal()
			if o.err != nil {
				refused++
			} else if want.err != nil || o.store.String() != want.store.String() || aside(o) != aside(want) {
				t.Errorf("%s: call %d (%s) fails: started with %q, set aside %q; want %q, %q, %v\n%s", c.name, n, failed, o.store, o.res.Aside, want.store,
					aside(want), want.err, o.logs.text())
			}
			again := run(d.Kill())
			if (again.err != nil) != (want.err != nil) || again.err == nil && again.store.String() != want.store.String() {
				t.Errorf("%s: call %d (%s) failed: the next start: %v %q, want %v %q", c.name, n, failed, again.err, again.store, want.err, want.store)
			}
			if !holds(d.Tree(), c.lost) {
				t.Errorf("%s: call %d (%s) failed: %.20q is lost", c.name, n, failed, c.lost)
			}
		}
		if refused == 0 {
			t.Errorf("%s: no start was refused in %d", c.name, calls)
		}
	}
}

// I12: a file that the disk does not give, however often it is asked, is not one that is absent: the start refuses, names it and says what to
// do, or finds what it finds on a good disk. Nothing is changed that the next start on a good disk would miss.
func TestI12UnreadableIsNotAbsent(t *testing.T) {
	for _, c := range eachFound(t) {
		want := c.boot1(t, c.disk())
		refused := 0
		for name := range c.files {
			for _, op := range []crashfs.Op{crashfs.Any, crashfs.Stat, crashfs.Open, crashfs.Read} {
				d := c.disk()
				d.Inject(crashfs.Fault{Op: op, Name: filepath.Base(name), Times: -1, Err: syscall.EIO})
				o := c.boot1(t, d)
				switch text := o.logs.text(); {
				case o.err == nil && (want.err != nil || o.store.String() != want.store.String()):
					t.Errorf("%s: %s (%v): started with %q; want %q, %v\n%s", c.name, name, op, o.store, want.store, want.err, text)
				case o.err != nil && want.err == nil:
					refused++
					if !strings.Contains(text, "/data/"+name+" can't be read: Input/output error") && !strings.Contains(text, "Can't move /data/"+name) {
						t.Errorf("%s: %s (%v): refused with\n%s", c.name, name, op, text)
					}
				}
				d.Heal()
				again := c.boot1(t, d.Kill())
				if (again.err != nil) != (want.err != nil) || again.err == nil && again.store.String() != want.store.String() {
					t.Errorf("%s: %s (%v): the next start: %v %q, want %v %q", c.name, name, op, again.err, again.store, want.err, want.store)
				}
				if !holds(d.Tree(), c.lost) {
					t.Errorf("%s: %s (%v): %.20q is lost", c.name, name, op, c.lost)
				}
			}
		}
		if refused == 0 && want.err == nil {
			t.Errorf("%s: no start was refused", c.name)
		}
	}
}

// I4: where the end of the log is torn and the disk does not give the sidecar that tells how much of it was durable, nothing is cut off.
func TestI4UnreadableSidecar(t *testing.T) {
	m := small(t)
	incr := m.files[incr1]
	c := found{files: maps.Clone(m.files), boot: "boot-1"}
	d := c.disk()
	s, err := heal.Open(heal.Options{FS: d, Root: "/data"}, true)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Grow(incr1)
	if err == nil {
		err = errors.Join(g.Advance(int64(len(incr))), g.Close(), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Put("/data/"+incr1, incr[:len(incr)-3])
	start := func(fault *crashfs.Fault) (outcome, string) {
		disk := d.Clone()
		before := disk.Tree()["/data/"+incr1]
		if fault != nil {
			disk.Inject(*fault)
		}
		s, _, _, err := heal.OpenThere(heal.Options{FS: disk, Root: "/data"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		o := runBoot(t, "/data", func(o *Options) { o.FS, o.BootID, o.Covers = disk, c.boot, s })
		if after := disk.Tree()["/data/"+incr1]; after != before {
			t.Errorf("the increment was changed from %d bytes to %d", len(before), len(after))
		}
		return o, o.logs.text()
	}
	if o, text := start(nil); o.err == nil || !strings.Contains(text, "frctl repair /data/"+incr1) {
		t.Errorf("with its sidecar: %v\n%s", o.err, text)
	}
	for _, op := range []crashfs.Op{crashfs.Any, crashfs.Open, crashfs.Read} {
		if o, text := start(&crashfs.Fault{Op: op, Name: "*.tail", Times: -1, Err: syscall.EIO}); o.err == nil || !strings.Contains(text, ".tail can't be read: Input/output error") {
			t.Errorf("without (%v): %v\n%s", op, o.err, text)
		}
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
