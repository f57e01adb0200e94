package recovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

const (
	crashDir  = "/data"
	crashLogs = crashDir + "/appendonlydir"
	logName   = "appendonly.aof"
)

// life is what happens to a log on one disk: servers start, write, rewrite and stop. The disk is frozen before each
// operation that changes it, with what had been promised by then.
type life struct {
	policy   wal.Policy
	commit   wal.CommitMode
	noRing   bool // the ring may not come about
	hardened bool
	fs       *crashfs.FS
	bootID   string
	trace    []crashfs.Event
	// trouble, if set, is asked what to do while the log cannot be written: an error ends the waiting.
	trouble func(err error) error

	log    *wal.Log
	store  *store
	first  bool               // nothing was committed by this server yet
	states map[wal.LSN]string // the data set behind each unit

	// For the hook, which runs on any goroutine.
	live  atomic.Pointer[wal.Log]
	floor atomic.Uint64 // everything before was durable when the last server ended,
	acked atomic.Uint64 // and everything before was acknowledged
	epoch atomic.Uint64
	mu    sync.Mutex // protects images
	shots []shot
}

// shot is the disk before an operation.
type shot struct {
	before            crashfs.Event
	fs                *crashfs.FS
	released, durable wal.LSN
	epoch             uint64
}

func newLife(policy wal.Policy) *life {
	l := &life{policy: policy, fs: crashfs.New(), bootID: "boot-1", states: map[wal.LSN]string{0: ""}}
	_ = l.fs.MkdirAll(crashDir)
	_ = l.fs.SyncDir("/")
	return l
}

// photograph has the disk frozen from here on.
func (l *life) photograph() {
	l.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() {
			l.shoot(e, freeze())
		}
	})
}

func (l *life) shoot(e crashfs.Event, frozen *crashfs.FS) {
	s := shot{before: e, fs: frozen, epoch: l.epoch.Load()}
	s.durable, s.released = wal.LSN(l.floor.Load()), wal.LSN(l.acked.Load())
	if log := l.live.Load(); log != nil {
		s.durable, s.released = max(s.durable, log.Durable()), max(s.released, log.Released())
	}
	l.mu.Lock()
	l.shots = append(l.shots, s)
	l.mu.Unlock()
}

// taken is how many shots there are.
func (l *life) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.shots)
}

// start recovers and opens the log.
func (l *life) start() error {
	o := bootOn(l.fs, l.bootID)
	if o.err != nil {
		return o.err
	}
	log, err := o.res.OpenLog(wal.Options{FS: l.fs, Dir: crashLogs, Name: logName, Policy: l.policy, Commit: l.commit, RingSize: 64 << 10, Hardened: l.hardened, Annotate: true, BootID: l.bootID}, true, 1<<20)
	if err != nil {
		return err
	}
	l.epoch.Store(o.res.Position.Epoch)
	l.log, l.store, l.first = log, o.store, true
	l.live.Store(log)
	for began := time.Now(); l.commit == wal.CommitRing && log.Status().Ring == ""; time.Sleep(50 * time.Microsecond) {
		if l.noRing && time.Since(began) > 100*time.Millisecond {
			break
		}
		if time.Since(began) > 2*time.Minute {
			return errors.New("the ring is not made")
		}
	}
	return nil
}

// stop is a stop in order.
func (l *life) stop() error {
	err := l.log.Close(true)
	l.floor.Store(uint64(l.log.Durable()))
	l.acked.Store(uint64(l.log.Released()))
	l.live.Store(nil)
	return err
}

// write commits one unit.
func (l *life) write(cmds ...[]string) error {
	var unit strings.Builder
	if l.first {
		unit.WriteString(frame("SELECT", "0"))
		l.states[l.log.End()+wal.LSN(unit.Len())] = l.store.String()
		l.first = false
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
		if err := l.store.apply([]Command{{Args: args}}); err != nil {
			return err
		}
	}
	if len(cmds) > 1 {
		unit.WriteString(frame("EXEC"))
	}
	l.states[l.log.End()+wal.LSN(unit.Len())] = l.store.String()
	l.log.Commit([]byte(unit.String()), 0)
	return l.settle()
}

// settle waits until the log has done what its policy asks for, or says that it cannot.
func (l *life) settle() error {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Microsecond) {
		if l.log.Released() == l.log.End() {
			return nil
		}
		err := l.log.Err()
		if errors.Is(err, wal.ErrFatal) {
			return err
		}
		if err != nil && l.trouble != nil {
			if err := l.trouble(err); err != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the log does not get on: %w", l.log.Err())
		}
	}
}

// rewrite begins a new increment and, if install, puts the state in the place of those before.
func (l *life) rewrite(install bool) error {
	done := make(chan error, 1)
	at, err := l.log.Switch(func(err error) { done <- err })
	if err == nil {
		err = <-done
	}
	if err != nil || !install {
		return err
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(l.store.keys)) {
		pairs = append(pairs, strings.TrimPrefix(k, "0/"), l.store.keys[k])
	}
	text := rdb(pairs...)
	f, err := l.fs.Create(l.log.TempName("rewrite.rdb"))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return l.log.Install(wal.NewBase{Path: f.Name(), At: at, Size: int64(len(text)), Sum: wal.SumOf([]byte(text)), HasSum: true})
}

// steps are a whole life: a log is made, written, switched, rewritten, closed, and the same again by a second server.
func (l *life) steps() []func() error {
	set := func(key string, n int) func() error {
		return func() error { return l.write([]string{"SET", key, strings.Repeat(key, n)}) }
	}
	return []func() error{
		l.start, set("a", 1), set("b", 900), set("c", 20),
		func() error {
			return l.write([]string{"SET", "d", "4"}, []string{"APPEND", "a", "x"}, []string{"DEL", "c"})
		},
		func() error { return l.rewrite(true) },
		set("e", 1300), set("f", 3),
		func() error { return l.rewrite(false) },
		set("g", 600), l.stop,
		l.start, set("h", 10),
		func() error { return l.rewrite(true) },
		set("i", 700), set("j", 5), l.stop,
	}
}

// bootOn runs Boot on a disk.
func bootOn(fs *crashfs.FS, bootID string) outcome { return bootOnWith(fs, bootID, func(*Options) {}) }

func bootOnWith(fs *crashfs.FS, bootID string, change func(*Options)) outcome {
	s, logs := newStore(), &logLines{}
	o := Options{FS: fs, Dir: crashDir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, LoadItems: s.loadItems,
		Apply: s.apply, Logger: logs.logger(), BootID: bootID, BootTime: time.Unix(1, 0)}
	change(&o)
	res, err := Boot(o)
	if res != nil && res.Lock != nil {
		res.Lock.Close()
	}
	return outcome{s, res, err, logs}
}
