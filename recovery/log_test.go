package recovery

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// made is a directory as a server of ours left it: its files, and what the data set was at each place in the stream.
type made struct {
	files  map[string]string
	states map[wal.LSN]string // data set behind each unit
	start  wal.LSN
	id     wal.ReplID
}

// server goes through life: recover, write units, stop. How it stops is told by end.
type server struct {
	t      *testing.T
	dir    string
	log    *wal.Log
	lock   func()
	store  *store
	states map[wal.LSN]string
	start  wal.LSN
	res    *Result
	first  bool // nothing was committed yet
}

func startServer(t *testing.T, dir, bootID string, policy wal.Policy) *server {
	t.Helper()
	return startServerOn(t, disk.OS(), dir, bootID, policy)
}

func startServerOn(t *testing.T, fs disk.FS, dir, bootID string, policy wal.Policy) *server {
	t.Helper()
	s := newStore()
	o := Options{Dir: dir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, LoadItems: s.loadItems, Apply: s.apply,
		BootID: bootID, BootTime: time.Now().Add(time.Hour)}
	res, err := Boot(o)
	if err != nil {
		t.Fatal(err)
	}
	log, err := res.OpenLog(wal.Options{FS: fs, Dir: filepath.Join(dir, "appendonlydir"), Name: "appendonly.aof", Policy: policy, Annotate: true, BootID: bootID}, true, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	sv := &server{t: t, dir: dir, log: log, store: s, res: res, states: map[wal.LSN]string{}, start: res.Position.LSN, first: true}
	sv.lock = func() { res.Lock.Close() }
	sv.states[res.Position.LSN] = s.String()
	return sv
}

// write commits one unit: a command, or several as a transaction.
func (s *server) write(cmds ...[]string) {
	var unit strings.Builder
	if s.first {
		unit.WriteString(frame("SELECT", "0"))
		s.first = false
	}
	if len(cmds) > 1 {
		unit.WriteString(frame("MULTI"))
	}
	for _, c := range cmds {
		unit.WriteString(frame(c...))
		var args [][]byte
		for _, a := range c {
			args = append(args, []byte(a))
		}
		if err := s.store.apply([]Command{{Args: args}}); err != nil {
			s.t.Fatal(err)
		}
	}
	if len(cmds) > 1 {
		unit.WriteString(frame("EXEC"))
	}
	s.log.Commit([]byte(unit.String()), 0)
	s.states[s.log.End()] = s.store.String()
}

// wait waits until the log covers everything.
func (s *server) wait(durable bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		if at := s.log.Written(); durable && s.log.Durable() == s.log.End() || !durable && at == s.log.End() {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the log does not get on")
		}
	}
}

// waitMark waits until the watermark file says what is durable.
func (s *server) waitMark() {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mark, err := wal.ReadWatermark(disk.OS(), filepath.Join(s.dir, "appendonlydir"), "appendonly.aof")
		if err == nil && mark.LSN == s.log.End() {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("no watermark")
		}
	}
}

// crash is the directory as a kill would leave it now; the server itself is put away.
func (s *server) crash() made {
	s.wait(false)
	m := made{files: tree(s.t, s.dir), states: s.states, start: s.start, id: s.res.Position.ID}
	s.lock()
	s.log.Close(false)
	return m
}

// stop is a clean stop.
func (s *server) stop() made {
	s.t.Helper()
	if err := s.log.Close(true); err != nil {
		s.t.Fatal(err)
	}
	s.lock()
	return made{files: tree(s.t, s.dir), states: s.states, start: s.start, id: s.res.Position.ID}
}

// put makes a directory of files.
func put(t testing.TB, f map[string]string) string {
	dir := t.TempDir()
	files(t, dir, f)
	return dir
}

const (
	incr1     = aof + ".1.incr.aof"
	markFile  = aof + ".watermark.fr"
	epochFile = aof + ".epoch.fr"
)

// small is a log of a few units with a watermark in the middle: a line, then units that no line covers.
func small(t *testing.T) made {
	s := startServer(t, t.TempDir(), "boot-1", wal.Always)
	s.write([]string{"SET", "a", "1"})
	s.write([]string{"SET", "b", "2"}, []string{"APPEND", "a", "x"})
	s.wait(true)
	s.waitMark()
	s.log.SetPolicy(wal.No)
	s.write([]string{"SET", "c", "3"})
	s.write([]string{"DEL", "b"}, []string{"SET", "d", "4"})
	s.write([]string{"APPEND", "c", "y"})
	return s.crash()
}

// I4: after a kill of the process everything that was written counts, and the stream goes on.
func TestKill(t *testing.T) {
	m := small(t)
	o := runBoot(t, put(t, m.files), nil)
	if o.err != nil || o.store.String() != "0/a=1x 0/c=3y 0/d=4" {
		t.Fatalf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
	r := o.res
	if r.Position.Epoch != 2 || r.Position.ID == m.id || r.ID2 != m.id || r.End2 != r.Position.LSN || m.states[r.Position.LSN] != o.store.String() {
		t.Errorf("position %v, second %s up to %d", r.Position, r.ID2, r.End2)
	}
	if r.Log.Fresh || r.Log.ID2 != r.ID2 || r.Log.Tail.Size != int64(len(m.files[incr1])) || len(r.Evidence.Actions) > 0 {
		t.Errorf("%+v", r.Log)
	}
}

// After the machine went down only what a line or the watermark proves counts.
func TestPowerLoss(t *testing.T) {
	m := small(t)
	later := func(o *Options) { o.BootID, o.BootTime = "boot-2", time.Now().Add(time.Hour) }
	dir := put(t, m.files)
	o := runBoot(t, dir, later)
	if o.err != nil || o.store.String() != "0/a=1x 0/b=2" || m.states[o.res.Position.LSN] != o.store.String() {
		t.Fatalf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
	if !strings.Contains(o.logs.text(), "nothing proves its last") || !strings.HasSuffix(o.logs.text(), "seconds") {
		t.Error(o.logs.text())
	}
	cut := m.files[incr1][o.res.Log.Tail.Size:]
	for _, a := range o.res.Evidence.Actions {
		if a.What == "quarantine" && tree(t, dir)[strings.TrimPrefix(a.To, dir+"/")] != cut {
			t.Errorf("quarantine %s", a.To)
		}
	}
	if len(o.res.Evidence.Actions) != 2 {
		t.Errorf("%+v", o.res.Evidence.Actions)
	}
	// Not allowed to cut: refused, nothing changes.
	dir = put(t, m.files)
	before := tree(t, dir)
	o = runBoot(t, dir, func(o *Options) { later(o); o.LoadTruncated = false })
	if o.err == nil || !strings.HasPrefix(o.last(), "# Unexpected end of file") || !maps.Equal(before, tree(t, dir)) {
		t.Errorf("%v\n%s", o.err, o.logs.text())
	}
	// Another server has run since: what is whole counts.
	dir = put(t, m.files)
	o = runBoot(t, dir, func(o *Options) { o.BootID, o.BootTime = "boot-2", time.Now().Add(-time.Hour) })
	if o.err != nil || o.store.String() != "0/a=1x 0/c=3y 0/d=4" || !o.res.Log.Fresh {
		t.Errorf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
}

func TestCleanStop(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, "boot-1", wal.EverySec)
	s.write([]string{"SET", "a", "1"})
	m := s.stop()
	for _, boot := range []string{"boot-1", "boot-2"} {
		o := runBoot(t, put(t, m.files), func(o *Options) { o.BootID, o.BootTime = boot, time.Now().Add(time.Hour) })
		if o.err != nil || o.store.String() != "0/a=1" || o.res.Position.ID != m.id || o.res.Position.Epoch != 2 || !o.res.ID2.IsZero() {
			t.Fatalf("%v %q %+v\n%s", o.err, o.store, o.res, o.logs.text())
		}
	}
	// A chain of clean stops keeps the id; a kill in between changes it and the second id stays.
	s = startServer(t, dir, "boot-1", wal.EverySec)
	s.write([]string{"SET", "b", "2"})
	killed := s.crash()
	dir = put(t, killed.files)
	s = startServer(t, dir, "boot-1", wal.EverySec)
	second := s.res.Position.ID
	if second == m.id || s.res.ID2 != m.id {
		t.Fatalf("%+v", s.res)
	}
	end := s.res.End2
	s.write([]string{"SET", "c", "3"})
	last := s.stop()
	o := runBoot(t, put(t, last.files), nil)
	if o.err != nil || o.res.Position.ID != second || o.res.ID2 != m.id || o.res.End2 != end || o.store.String() != "0/a=1 0/b=2 0/c=3" {
		t.Fatalf("%v %+v %q", o.err, o.res, o.store)
	}
	// A stock server goes on behind the clean stop: its bytes count on any boot, under a new id and in a new increment.
	last.files[incr1] += frame("SELECT", "0") + frame("SET", "foreign", "1")
	o = runBoot(t, put(t, last.files), func(o *Options) { o.BootID, o.BootTime = "boot-3", time.Now().Add(time.Hour) })
	if o.err != nil || o.store.String() != "0/a=1 0/b=2 0/c=3 0/foreign=1" || !o.res.Log.Fresh || o.res.Position.ID == second ||
		o.res.ID2 != second || o.res.End2 >= o.res.Position.LSN {
		t.Fatalf("%v %+v %q", o.err, o.res, o.store)
	}
}

// Every start goes on where the last one ended, whatever it was.
func TestManyLives(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for life := range 8 {
		boot := fmt.Sprintf("boot-%d", life/3)
		s := startServer(t, dir, boot, []wal.Policy{wal.Always, wal.EverySec, wal.No}[life%3])
		if got := s.store.String(); got != strings.Join(want, " ") {
			t.Fatalf("life %d: %q, want %q", life, got, want)
		}
		if s.res.Position.Epoch != uint64(life+1) {
			t.Fatalf("life %d: epoch %d", life, s.res.Position.Epoch)
		}
		s.write([]string{"SET", fmt.Sprintf("k%d", life), "v"})
		want = append(want, fmt.Sprintf("0/k%d=v", life))
		if life%2 == 0 {
			s.stop()
			continue
		}
		s.wait(false)
		m := s.crash()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		files(t, dir, m.files)
		if life%3 == 2 {
			// The next start is on another boot: what was not durable is gone.
			if durable := s.log.Durable(); m.states[durable] != "" {
				want = strings.Fields(m.states[durable])
			}
		}
	}
}

// I16, I22: durable bytes that are gone are never taken for a tail.
func TestDurableBytesGone(t *testing.T) {
	m := small(t)
	for _, c := range []struct {
		name string
		f    func(map[string]string)
		last string
	}{
		{"cut below the watermark", func(f map[string]string) { f[incr1] = f[incr1][:60] }, "# Unexpected end of file"},
		{"emptied", func(f map[string]string) { f[incr1] = "" }, "# Unexpected end of file"},
		{"increment gone", func(f map[string]string) { delete(f, incr1) }, "# Unable to obtain the AOF file"},
		{"base exchanged", func(f map[string]string) { f[aof+".1.base.rdb"] = rdb("x", "1") }, ""},
		{"manifest gone", func(f map[string]string) { delete(f, aof+".manifest") }, "# The AOF manifest file appendonly.aof.manifest doesn't exist, but"},
		{"all but the watermark gone", func(f map[string]string) {
			for name := range f {
				if name != markFile {
					delete(f, name)
				}
			}
		}, "# The AOF manifest file appendonly.aof.manifest doesn't exist, but"},
	} {
		f := maps.Clone(m.files)
		c.f(f)
		dir := put(t, f)
		before := tree(t, dir)
		o := runBoot(t, dir, nil)
		if o.err == nil || !strings.HasPrefix(o.last(), c.last) || !maps.Equal(before, tree(t, dir)) {
			t.Errorf("%s: %v\n%s", c.name, o.err, o.logs.text())
		}
	}
}

// Lost helper files cost certainty, not data.
func TestHelperFilesLost(t *testing.T) {
	m := small(t)
	var companion string
	for name := range m.files {
		if strings.HasPrefix(name, aof+".manifest.") {
			companion = name
		}
	}
	for _, name := range []string{markFile, epochFile, companion} {
		for _, content := range []string{"", "garbage"} {
			f := maps.Clone(m.files)
			if f[name] = content; content == "" {
				delete(f, name)
			}
			o := runBoot(t, put(t, f), nil)
			want := "0/a=1x 0/c=3y 0/d=4"
			if name == epochFile {
				o = runBoot(t, put(t, f), func(o *Options) { o.BootTime = time.Now().Add(time.Hour) })
				want = "0/a=1x 0/b=2" // the boot is unknown
			}
			if o.err != nil || o.store.String() != want {
				t.Errorf("%s %q: %v %q\n%s", name, content, o.err, o.store, o.logs.text())
			}
			if o.err == nil && o.res.Position.Epoch < 2 {
				t.Errorf("%s %q: epoch %d", name, content, o.res.Position.Epoch)
			}
		}
	}
}

// A life without annotations leaves nothing behind that a later one would take for the truth about its bytes.
func TestAnnotationsSwitchedOff(t *testing.T) {
	m := small(t)
	dir := put(t, m.files)
	o := runBoot(t, dir, func(o *Options) { o.Annotate = false })
	if o.err != nil || o.res.Log.Facts != nil || o.res.Log.Fresh {
		t.Fatal(o.err, o.res.Log)
	}
	left := tree(t, dir)
	for name := range left {
		if strings.HasSuffix(name, ".fr") {
			t.Errorf("%s is left", name)
		}
	}
	left[incr1] += frame("SET", "later", "1")
	o = runBoot(t, put(t, left), func(o *Options) { o.BootID, o.BootTime = "boot-2", time.Now().Add(time.Hour) })
	if o.err != nil || o.store.keys["0/later"] != "1" || o.res.Position.Epoch != 2 {
		t.Errorf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
}

// badSyncs fails a number of syncs of increments.
type badSyncs struct {
	disk.FS
	left atomic.Int32
}

func (b *badSyncs) Create(name string) (disk.File, error)     { return b.wrap(b.FS.Create(name)) }
func (b *badSyncs) OpenAppend(name string) (disk.File, error) { return b.wrap(b.FS.OpenAppend(name)) }
func (b *badSyncs) CreateNew(name string) (disk.File, error)  { return b.wrap(b.FS.CreateNew(name)) }
func (b *badSyncs) OpenReadWrite(name string) (disk.File, error) {
	return b.wrap(b.FS.OpenReadWrite(name))
}

func (b *badSyncs) wrap(f disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	return &badSyncFile{f, b}, nil
}

type badSyncFile struct {
	disk.File
	fs *badSyncs
}

func (f *badSyncFile) SyncData() error {
	if strings.HasSuffix(f.Name(), ".incr.aof") && f.fs.left.Add(-1) >= 0 {
		return syscall.EIO
	}
	return f.File.SyncData()
}

// After an I/O error the log goes on in a new increment: recovery reads both, on any boot, and misses nothing.
func TestAfterIOErrors(t *testing.T) {
	fs := &badSyncs{FS: disk.OS()}
	dir := t.TempDir()
	s := startServerOn(t, fs, dir, "boot-1", wal.EverySec)
	s.write([]string{"SET", "a", "1"})
	s.wait(true)
	fs.left.Store(1)
	s.write([]string{"SET", "b", "2"})
	s.wait(true)
	s.write([]string{"SET", "c", "3"})
	s.wait(true)
	s.waitMark()
	m := s.crash()
	if m.files[aof+".2.incr.aof"] == "" {
		t.Fatalf("no second increment: %v", keysOf(m.files))
	}
	for _, boot := range []string{"boot-1", "boot-2"} {
		o := runBoot(t, put(t, m.files), func(o *Options) { o.BootID, o.BootTime = boot, time.Now().Add(time.Hour) })
		if o.err != nil || o.store.String() != "0/a=1 0/b=2 0/c=3" || len(o.res.Evidence.Actions) > 0 {
			t.Fatalf("%s: %v %q\n%s", boot, o.err, o.store, o.logs.text())
		}
	}
	// A torn end is accepted in the last increment only.
	f := maps.Clone(m.files)
	f[incr1] = f[incr1][:len(f[incr1])-3]
	if o := runBoot(t, put(t, f), nil); o.err == nil || !strings.HasPrefix(o.last(), "# ") {
		t.Errorf("%v\n%s", o.err, o.logs.text())
	}
	f = maps.Clone(m.files)
	f[aof+".2.incr.aof"] += "*3\r\n$3\r\nSE"
	if o := runBoot(t, put(t, f), nil); o.err != nil || o.store.String() != "0/a=1 0/b=2 0/c=3" {
		t.Errorf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
	// The first increment as it was before the repair cut it: what lies behind is not applied twice, and cut now.
	f = maps.Clone(m.files)
	f[incr1] += frame("APPEND", "b", "2")
	dir = put(t, f)
	o := runBoot(t, dir, nil)
	if o.err != nil || o.store.String() != "0/a=1 0/b=2 0/c=3" || len(o.res.Evidence.Actions) != 2 || tree(t, dir)[incr1] != m.files[incr1] {
		t.Errorf("%v %q\n%s", o.err, o.store, o.logs.text())
	}
}
