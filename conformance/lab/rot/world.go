package rot

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/kv"
	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

const (
	root    = "/d"
	logDir  = root + "/appendonlydir"
	logName = "appendonly.aof"
	boot    = "boot-1"
	// ringSize is small: commits go round it.
	ringSize = 256 << 10
)

// World is an undamaged directory.
type World struct {
	Shape
	disk  *crashfs.FS
	tree  map[string]string // what each file holds, by its path below the root
	older map[string]string // an earlier state of some
	data  map[string]string // what a start must serve
	// names are the files that a fault may hit, covered ones first.
	names, covered []string
	entries        map[string]heal.Entry
}

// Size says how large the files of a World are.
type Size struct {
	Value int // bytes of a value
	Keys  int // written into the base, and into each increment
}

// The sizes: files of a few cells, kept as copies; of some hundred; and of more than one stripe.
var (
	Small  = Size{Value: 90, Keys: 300}
	Middle = Size{Value: 1000, Keys: 300}
	Large  = Size{Value: 1000, Keys: 17_500}
)

// Shape says what a World is like.
type Shape struct {
	Log  bool // the data is in the append-only file; else in dump.rdb
	Ring bool // with a commit ring
	Size Size
	Seed uint64
	Key  []byte // keys the digests; may be nil
}

// builder makes a World.
type builder struct {
	disk *crashfs.FS
	log  *wal.Log
	data map[string]string
	rng  *rand.Rand
}

// NewWorld makes a World.
func NewWorld(sh Shape) (*World, error) {
	b := &builder{disk: crashfs.New(), data: map[string]string{}, rng: rand.New(rand.NewPCG(sh.Seed, 0))}
	if err := b.disk.MkdirAll(logDir); err != nil {
		return nil, err
	}
	w := &World{Shape: sh, disk: b.disk, older: map[string]string{}}
	var err error
	if sh.Log {
		err = b.writeLog(sh, w.remember)
	} else {
		err = b.writeDump(sh.Size, w.remember)
	}
	if err == nil {
		b.writeTexts(func(name, text string) { w.older[name] = text })
		err = w.cover()
	}
	if err != nil {
		return nil, err
	}
	w.tree, w.data = w.read(b.disk), b.data
	for name := range w.tree {
		if name != "heal/lock" && !slices.Contains(w.covered, name) && len(w.tree[name]) > 0 {
			w.names = append(w.names, name)
		}
	}
	slices.Sort(w.names)
	w.names = append(slices.Clone(w.covered), w.names...)
	return w, nil
}

// read is what each file of a disk holds, but for locks.
func (w *World) read(disk *crashfs.FS) map[string]string {
	out := map[string]string{}
	for name, text := range disk.Tree() {
		if name = strings.TrimPrefix(name, root+"/"); name != "heal/lock" && !strings.HasSuffix(name, ".lock.fr") {
			out[name] = text
		}
	}
	return out
}

// remember takes what the files hold for their earlier state.
func (w *World) remember() {
	for name, text := range w.read(w.disk) {
		w.older[name] = text
	}
}

func (b *builder) set(keys, value int, put func(key, value string) error) error {
	for range keys {
		p := make([]byte, value)
		for i := range p {
			p[i] = 'a' + byte(b.rng.IntN(26))
		}
		k := fmt.Sprintf("key:%d", b.rng.IntN(3*keys))
		if err := put(k, string(p)); err != nil {
			return err
		}
		b.data[k] = string(p)
	}
	return nil
}

// writeLog makes a base, two sealed increments and one that was stopped in order, under always.
func (b *builder) writeLog(sh Shape, remember func()) error {
	size, mode := sh.Size, wal.CommitDirect
	if sh.Ring {
		mode = wal.CommitRing
	}
	o := recovery.Options{FS: b.disk, Dir: root, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, BootID: boot, BootTime: time.Unix(1, 0)}
	res, err := recovery.Boot(o)
	if err != nil {
		return err
	}
	defer res.Lock.Close()
	b.log, err = res.OpenLog(wal.Options{Commit: mode, RingSize: ringSize, FS: b.disk, Dir: logDir, Name: logName, Policy: wal.Always, Annotate: true, BootID: boot}, true, 0)
	if err != nil {
		return err
	}
	var batch []byte
	put := func(k, v string) error {
		batch = fmt.Appendf(batch, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(v), v)
		if len(batch) > 4*size.Value {
			b.log.Commit(batch, 0)
			batch = batch[:0]
		}
		return nil
	}
	settle := func() error {
		b.log.Commit(batch, 0)
		batch = nil
		// Looks are counted, not minutes: a process that was stopped itself finds the clock far ahead, and its log where it was.
		const most = 60_000
		for looks := 0; b.log.Durable() < b.log.End(); looks++ {
			if looks == most {
				return fmt.Errorf("the log does not get on: %v", b.log.Err())
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	b.log.Commit([]byte("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"), 0)
	for part := range 4 {
		if err := b.set(size.Keys/2, size.Value, put); err != nil {
			return err
		}
		if err := settle(); err != nil {
			return err
		}
		remember()
		if part > 0 {
			if err := b.set(size.Keys/2, size.Value, put); err != nil {
				return err
			}
			if err := settle(); err != nil {
				return err
			}
		}
		switch part {
		case 0:
			err = b.rewrite()
		case 1, 2:
			_, err = b.switchOver()
		}
		if err != nil {
			return err
		}
	}
	return b.log.Close(true)
}

func (b *builder) switchOver() (wal.LSN, error) {
	done := make(chan error, 1)
	at, err := b.log.Switch(func(err error) { done <- err })
	if err == nil {
		err = <-done
	}
	return at, err
}

func (b *builder) frozen(use func(*kv.Frozen) error) error {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	for k, v := range b.data {
		ks.DB(0).SetString([]byte(k), []byte(v), false)
	}
	f := ks.Freeze()
	defer f.Close()
	return use(f)
}

func (b *builder) rewrite() error {
	at, err := b.switchOver()
	if err != nil {
		return err
	}
	temp := b.log.TempName("rewriteaof-bg-1.aof")
	var sum wal.Digest
	err = b.frozen(func(f *kv.Frozen) error {
		return snapshot.WriteTemp(snapshot.SaveOptions{FS: b.disk, Dir: logDir, Temp: path.Base(temp),
			Through: func(w io.Writer) io.Writer { return io.MultiWriter(w, &sum) }}, f, snapshot.Meta{AOFBase: true}, false)
	})
	if err != nil {
		return err
	}
	return b.log.Install(wal.NewBase{Path: temp, At: at, Sum: sum.Sum(), Size: sum.Len(), HasSum: true})
}

func (b *builder) writeDump(size Size, remember func()) error {
	for range 2 {
		if err := b.set(size.Keys, size.Value, func(string, string) error { return nil }); err != nil {
			return err
		}
		remember()
		err := b.frozen(func(f *kv.Frozen) error {
			_, err := snapshot.WriteFile(snapshot.SaveOptions{FS: b.disk, Dir: root, Name: "dump.rdb"}, f, snapshot.Meta{})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTexts writes what recovery does not read: what the server rewrites of its configuration, and segments of a ledger.
func (b *builder) writeTexts(older func(name, text string)) {
	put := func(name string, lines int, line func(i int) string) {
		var text strings.Builder
		for i := range lines {
			if i == lines/2 {
				older(name, text.String())
			}
			text.WriteString(line(i) + "\n")
		}
		b.disk.Put(root+"/"+name, text.String())
	}
	put("redis.conf", 60, func(i int) string { return fmt.Sprintf("user u%d on nopass ~k%d:* +@read", i, i) })
	put("users.acl", 200, func(i int) string { return fmt.Sprintf("user u%d on #%064x ~k%d:* &* +@all", i, b.rng.Uint64(), i) })
	put("nodes.conf", 12, func(i int) string {
		return fmt.Sprintf("%040x 127.0.0.1:%d@%d master - 0 %d %d connected", b.rng.Uint64(), 7000+i, 17000+i, b.rng.Uint32(), i)
	})
	for segment := range 2 {
		put(fmt.Sprintf("ledger/ledger.%08d.jsonl", segment+1), 400, func(i int) string {
			return fmt.Sprintf(`{"n":%d,"rule":"identity","decision":"new","hash":"%032x"}`, i, b.rng.Uint64())
		})
	}
}

// cover gives everything its sidecars, as the server does: growing files in steps, the rest at once.
func (w *World) cover() error {
	s, err := w.open(w.disk)
	if err != nil {
		return err
	}
	defer s.Close()
	tree := w.read(w.disk)
	lastIncr := ""
	for name := range tree {
		if strings.HasSuffix(name, ".incr.aof") && name > lastIncr {
			lastIncr = name
		}
	}
	for name, text := range tree {
		base := path.Base(name)
		switch {
		case strings.HasSuffix(base, ".ring.fr"), strings.HasSuffix(base, ".epoch.fr"), strings.HasSuffix(base, ".watermark.fr"):
			continue // copies of themselves
		case strings.HasPrefix(base, "temp-"), strings.HasSuffix(base, ".spare.fr"):
			continue
		case len(text) == 0:
			continue
		case name == lastIncr || name == "ledger/ledger.00000002.jsonl":
			err = grow(s, name, int64(len(text)))
		default:
			_, err = s.Protect(name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	w.covered = s.Names()
	w.entries = map[string]heal.Entry{}
	for _, name := range w.covered {
		w.entries[name], _ = s.Entry(name)
	}
	return nil
}

func grow(s *heal.Store, name string, size int64) error {
	g, err := s.Grow(name)
	if err != nil {
		return err
	}
	for at := size / 5; at < size; at += size/5 + 1 {
		if err := g.Advance(at); err != nil {
			return err
		}
	}
	if err := g.Advance(size); err != nil {
		return err
	}
	return g.Close()
}

// open opens the sidecars of a disk as a server does.
func (w *World) open(disk *crashfs.FS) (*heal.Store, error) {
	return openOrRebuild(heal.Options{FS: disk, Root: root, Key: w.Key})
}
