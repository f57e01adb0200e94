package lab

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// coveredEngine is our engine with the commit ring and sidecars, in hardened mode.
type coveredEngine struct {
	*real
	keeper *heal.Keeper
	adrift bool // the sidecars do not count as kept
}

// coveredRing leaves 64 KiB of one half alone that spoil the other.
const coveredRing = 256 << 10

// keeperCover is a log's Cover, as the server has it.
type keeperCover struct{ e *coveredEngine }

func (c keeperCover) Grown(path string, pos int64, lsn wal.LSN) {
	c.e.keeper.Grown(path, pos, uint64(lsn))
}
func (c keeperCover) Sealed(path string, _ wal.FileFacts) { c.e.keeper.Protect(path, nil) }
func (c keeperCover) Replaced(path string)                { c.e.keeper.Protect(path, nil) }
func (c keeperCover) Removed(path string)                 { c.e.keeper.Removed(path) }
func (c keeperCover) Await(path string, size int64, stop func() bool) {
	c.e.keeper.Await(path, size, stop)
}
func (c keeperCover) Hurry() { c.e.keeper.Hurry() }
func (c keeperCover) Covered() wal.LSN {
	if c.e.adrift {
		return wal.MaxLSN
	}
	return wal.LSN(c.e.keeper.Covered())
}

// recoverCovered runs a recovery with the sidecars that there are; whoever calls it owns the store and Result.Lock.
func recoverCovered(fs disk.FS, boot string, salvage bool) (*data, *recovery.Result, *heal.Store, error) {
	o := heal.Options{FS: fs, Root: dataDir}
	store, err := heal.Open(o, true)
	if errors.Is(err, heal.ErrCatalog) {
		store, err = heal.Rebuild(o)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	d := newData()
	res, err := recovery.Boot(recovery.Options{FS: fs, Dir: dataDir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, Covers: store,
		LoadItems: d.load, Apply: d.replay, Hardened: true, Salvage: salvage, BootID: boot, BootTime: time.Unix(1, 0)})
	if err != nil {
		return nil, nil, nil, errors.Join(err, store.Close())
	}
	return d, res, store, nil
}

func (e *coveredEngine) Start(fs disk.FS, boot string) (*data, error) {
	e.real = &real{fs: fs, woken: make(chan struct{}, 1), db: -1, c: Config{Policy: wal.Always}}
	d, res, store, err := recoverCovered(fs, boot, false)
	if err != nil {
		return nil, err
	}
	e.lock = res.Lock
	logged := make(chan *wal.Log, 1)
	e.keeper = heal.StartKeeper(heal.KeeperOptions{Store: heal.Options{FS: fs, Root: dataDir}, Opened: store, Repair: true,
		Genuine: func(*heal.Store, string) bool { return false }, Every: func() time.Duration { return 0 }, Rate: func() int64 { return 0 },
		Moved: func() {
			l := <-logged
			logged <- l
			l.CoverMoved()
		},
		Go: worker})
	e.log, err = res.OpenLog(wal.Options{Commit: wal.CommitRing, RingSize: coveredRing, FS: fs, Dir: logDir, Name: logName, Policy: wal.Always, Hardened: true,
		Annotate: true, BootID: boot, Wake: e.wake, Cover: keeperCover{e}}, true, 1<<20)
	if err != nil {
		return nil, errors.Join(err, e.keeper.Close(), e.lock.Close())
	}
	logged <- e.log
	return d, nil
}

func (e *coveredEngine) Stop() error { return errors.Join(e.real.Stop(), e.keeper.Close()) }

// damageBlock spoils up to 64 KiB somewhere in one of the files that hold what was just committed, or cover it.
func damageBlock(fs *crashfs.FS, rng *rand.Rand) (path string, at int) {
	var paths []string
	tree := fs.Tree()
	for name, content := range tree {
		base := filepath.Base(name)
		if len(content) > 0 && (strings.HasSuffix(base, ".incr.aof") || base == wal.RingName(logName) || filepath.Base(filepath.Dir(name)) == heal.Folder) {
			paths = append(paths, name)
		}
	}
	if len(paths) == 0 {
		return "", 0
	}
	slices.Sort(paths)
	path = paths[rng.IntN(len(paths))]
	if logs := slices.DeleteFunc(paths, func(p string) bool { return !strings.HasSuffix(p, ".aof") }); len(logs) > 0 && rng.IntN(2) == 0 {
		path = logs[rng.IntN(len(logs))] // what matters most
	}
	p := []byte(tree[path])
	n := 1 + rng.IntN(64<<10)
	if strings.HasSuffix(path, ".aof") && slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(p, ".aof") && p > path }) {
		n = 1 + rng.IntN(24<<10) // it may be sealed: so small a file has a smaller budget
	}
	at = rng.IntN(len(p))
	if n < len(p) && rng.IntN(2) == 0 {
		at = len(p) - 1 - rng.IntN(n) // the newest bytes
	}
	for i := at; i < min(at+n, len(p)); i++ {
		p[i] = byte(rng.Uint32())
	}
	fs.Put(path, string(p))
	return path, at
}

// casualties counts power cuts with damage, starts that refused although nothing acknowledged was lost, and losses.
type casualties struct{ cases, refused, lost int }

// crashAndDamage lives one life of a covered engine and looks at what is left of its disk after power cuts with a damaged block.
func (c *casualties) crashAndDamage(t *testing.T, seed uint64, adrift bool) {
	rng := rand.New(rand.NewPCG(seed, 15))
	eng := &coveredEngine{adrift: adrift}
	l := newLife(eng, rng)
	if _, err := l.start(); err != nil {
		t.Fatal(err)
	}
	for eng.log.Status().Ring == "" {
		time.Sleep(time.Millisecond)
	}
	pick := rand.New(rand.NewPCG(seed, 16))
	l.photograph(func(crashfs.Event) bool { return pick.IntN(30) == 0 })
	for range 60 {
		if err := l.write(1 + rng.IntN(4)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if rng.IntN(40) == 0 {
			if err := eng.Switch(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := eng.Stop(); err != nil {
		t.Fatal(err)
	}
	for i, s := range l.take() {
		fs := s.fall(i)
		path, at := damageBlock(fs, rng)
		c.cases++
		need := l.units(s.promise.Released)
		var refusal error
		d, res, store, err := recoverCovered(fs.Clone(), s.boot+"'", false)
		if err != nil {
			// What is durable, and was not acknowledged yet because only the increment has it, may be what is damaged: then a start refuses.
			c.refused++
			refusal = err
			d, res, store, err = recoverCovered(fs, s.boot+"'", true)
		}
		if err != nil {
			t.Errorf("seed %d, shot %d before %v, %s damaged at %d: %v", seed, i, s.before, path, at, err)
			continue
		}
		if n, ok := l.index[d.sum]; !ok || n < need {
			c.lost++
			if !adrift {
				t.Errorf("seed %d, shot %d before %v, %s damaged at %d: %d units are there (known: %t), %d were acknowledged: %v", seed, i, s.before, path, at, n, ok, need, refusal)
			}
		}
		if err := errors.Join(res.Lock.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	}
}

// I1, I15: under always, with the commit ring and sidecars, whatever was acknowledged survives a power cut together with a damaged block, in
// the newest bytes of the log, in the ring or in a sidecar. Without waiting for the sidecars it does not.
func TestI1CrashAndDamage(t *testing.T) {
	lives := 12
	if testing.Short() {
		lives = 3
	}
	var kept, control casualties
	for seed := range count("LAB_LIVES", lives) {
		kept.crashAndDamage(t, uint64(seed), false)
	}
	t.Logf("%d power cuts with damage, %d starts were refused", kept.cases, kept.refused)
	if kept.cases < 10*lives || kept.refused > kept.cases/20 {
		t.Errorf("%d of %d starts were refused", kept.refused, kept.cases)
	}
	for seed := range lives {
		control.crashAndDamage(t, uint64(seed), true)
	}
	t.Logf("without waiting for sidecars: %d power cuts, %d starts were refused, %d losses", control.cases, control.refused, control.lost)
	if control.lost == 0 {
		t.Error("nothing is lost either where the ring does not wait for the sidecars: this test finds nothing")
	}
}
