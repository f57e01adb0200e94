package recovery

import (
	"maps"
	"strings"
	"testing"
)

// Salvage of a log with a bit changed anywhere serves a state that the stream had (I3), changes nothing on the disk, and gives the same
// when it is run again (I18). A base that is damaged proves nothing, and is refused.
func TestSalvageEverywhere(t *testing.T) {
	m := small(t)
	salvaged, refused, shorter := 0, 0, 0
	for name, content := range m.files {
		for n := range content {
			if len(content) > 4096 && n%509 != 0 || name != incr1 && n%3 != 0 || testing.Short() && n%4 != 0 {
				continue
			}
			if name == incr1 && n >= unprovenFrom(m) {
				continue // nothing proves these bytes: a changed value is a value
			}
			bad := []byte(content)
			bad[n] ^= 1 << (n % 8)
			f := maps.Clone(m.files)
			f[name] = string(bad)
			disk := newMemFS(f)
			before := disk.after(false)
			boot := func() outcome {
				return runBoot(t, "/data", func(o *Options) { o.FS, o.Salvage = disk, true })
			}
			o := boot()
			if !maps.Equal(before, disk.after(false)) {
				t.Fatalf("%s at %d: files changed", name, n)
			}
			if o.err != nil {
				refused++
				if name == incr1 {
					t.Fatalf("%s at %d: %v", name, n, o.err)
				}
				continue
			}
			v := o.res.Salvaged
			if v == nil || o.res.Log.Manifest != nil || v.LSN != o.res.Position.LSN {
				t.Fatalf("%s at %d: %+v", name, n, v)
			}
			if want, ok := m.states[v.LSN]; !ok || o.store.String() != want {
				t.Fatalf("%s at %d: LSN %d %q, want %q (%t)\n%s", name, n, v.LSN, o.store, want, ok, o.logs.text())
			}
			if v.Path != "" {
				shorter++
				if !v.Proven || v.Lost <= 0 || !strings.Contains(o.logs.text(), "Salvage: ") {
					t.Fatalf("%s at %d: %+v", name, n, v)
				}
			}
			salvaged++
			if again := boot(); again.err != nil || again.store.String() != o.store.String() {
				t.Fatalf("%s at %d: again %q, first %q", name, n, again.store, o.store)
			}
		}
	}
	t.Logf("%d salvaged, %d of them short of the whole log, %d refused", salvaged, shorter, refused)
	if shorter < 20 || refused == 0 {
		t.Error("the damage is hardly ever met")
	}
}

// A log of a stock server has no lines of ours: it is salvaged up to the first command that cannot be read, and the result says that nothing
// proves it. A file that is gone ends the log before it.
func TestSalvageStock(t *testing.T) {
	whole := frame("SET", "b", "2") + frame("SET", "c", "3")
	f := stock(whole + "*3\r\n$3\r\nSET\r\n$x\r\n" + frame("SET", "d", "4"))
	o := runBoot(t, "/data", func(o *Options) { o.FS, o.Salvage = newMemFS(f), true })
	if o.err != nil || o.store.String() != "0/a=1 0/b=2 0/c=3" {
		t.Fatalf("%v, %q", o.err, o.store)
	}
	if v := o.res.Salvaged; v.Proven || v.Pos != int64(len(whole)) || v.Lost != int64(len(f[aof+".1.incr.aof"])-len(whole)) {
		t.Errorf("%+v", v)
	}
	f = stock(whole)
	delete(f, aof+".1.incr.aof")
	o = runBoot(t, "/data", func(o *Options) { o.FS, o.Salvage = newMemFS(f), true })
	if o.err != nil || o.store.String() != "0/a=1" {
		t.Errorf("%v, %q", o.err, o.store)
	}
}
