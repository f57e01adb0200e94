package lab

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// The places on the disk.
const (
	dataDir = "/data"
	logDir  = dataDir + "/appendonlydir"
	logName = "appendonly.aof"
	dumpRDB = "dump.rdb"
	ringDir = "/second/ring" // of another commit ring
)

// Promise is what an engine has told its clients and operators by now, as positions of its own.
type Promise struct {
	Released uint64 // replies up to here may have left
	Durable  uint64 // everything before is called durable
	Found    uint64 // a start found everything before, which therefore survives the deaths of processes
}

// Engine is what the laboratory tries to break: a durable data set under a policy. One goroutine uses it, except for Promised.
type Engine interface {
	// Start recovers what lies on the disk and goes on with it; boot names the machine's present boot. The data set is
	// what a client would see.
	Start(fs disk.FS, boot string) (*data, error)
	// Commit takes a unit that data has already applied and does not wait.
	Commit(u unit)
	// Settle waits until replies to all of it may leave. An error means that the server ends here.
	Settle() error
	// Rewrite puts the state in the place of the log before it.
	Rewrite(d *data) error
	// Switch begins a new file of the log.
	Switch() error
	// Save writes a snapshot.
	Save(d *data) error
	// End is the position behind all that was committed.
	End() uint64
	// Always says that a reply promises to survive the machine; else only the process.
	Always() bool
	// Promised may be called from any goroutine, between Start and Stop.
	Promised() Promise
	// Stop ends the server in order; after Kill or an error it lets go of what it holds.
	Stop() error
}

// Config says how an engine runs.
type Config struct {
	Policy   wal.Policy
	Hardened bool
	Ring     bool          // replies wait for the commit ring, a small one that is soon full
	Second   bool          // with another ring beside it
	RingSize int64         // of each ring; 0: 64 KiB
	Twins    bool          // on a disk where the executor may commit to it
	Plain    bool          // the log has nothing of ours in it, and nothing of ours beside it
	Covers   bool          // sidecars are kept of the files
	Keyed    bool          // with a key,
	Await    bool          // and replies wait for them
	Ledger   bool          // each start leaves a record in a ledger
	Patience time.Duration // how long a log may not get on before it counts as stuck (patience.go); 0: half a minute
}

func (c Config) ringDir() string {
	if c.Ring && c.Second {
		return ringDir
	}
	return ""
}

// real is our engine: recovery, wal and snapshot as the server puts them together.
type real struct {
	c      Config
	fs     disk.FS
	boot   string
	mu     sync.Mutex // over log: Relog replaces it
	log    *wal.Log
	covers *covers   // nil: no sidecars are kept
	held   *wal.Held // stands for log while that is made anew; nil: it does not
	lock   io.Closer
	ledger *ledger.Ledger // nil: there is none
	db     int            // the stream's database; -1: none selected yet
	woken  chan struct{}
	buf    []byte
	tries  int            // commits left to be finished
	lent   sync.WaitGroup // those that another goroutine finishes,
	away   atomic.Bool    // one at a time
}

// NewReal makes our engine.
func NewReal(c Config) Engine { return &real{c: c} }

// recoverOn runs a recovery over the disk, and its sidecars unless they are nil; whoever calls it owns Result.Lock.
func recoverOn(fs disk.FS, boot string, c Config, aof bool, covered *heal.Store) (*data, *recovery.Result, error) {
	d := newData()
	res, err := recovery.Boot(recovery.Options{FS: fs, Dir: dataDir, AOF: aof, LoadTruncated: true, Annotate: !c.Plain, Databases: 16,
		LoadItems: d.load, Apply: d.replay, Hardened: c.Hardened, RingDir: c.ringDir(), Covers: covered, BootID: boot, BootTime: time.Unix(1, 0)})
	return d, res, err
}

// salvage loads what can be proven of a directory that does not start, and writes nothing.
func salvage(fs disk.FS, boot string, c Config) (*data, error) {
	var store *heal.Store
	if c.Covers {
		var err error
		if store, err = c.openCovers(fs); err != nil {
			return nil, err
		}
	}
	d := newData()
	res, err := recovery.Boot(recovery.Options{FS: fs, Dir: dataDir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, Salvage: true,
		LoadItems: d.load, Apply: d.replay, Hardened: c.Hardened, RingDir: c.ringDir(), Covers: store, BootID: boot, BootTime: time.Unix(1, 0)})
	if res != nil && res.Lock != nil {
		err = errors.Join(err, res.Lock.Close())
	}
	if store != nil {
		err = errors.Join(err, store.Close())
	}
	return d, err
}

// asStock loads the log as a server does that knows nothing of what lies beside it.
func asStock(fs *crashfs.FS) (*data, error) {
	fs = fs.Clone()
	names, err := fs.List(logDir)
	for _, name := range names {
		if filepath.Ext(name) == ".fr" {
			err = errors.Join(err, fs.Remove(filepath.Join(logDir, name)))
		}
	}
	if err != nil {
		return nil, err
	}
	d, res, err := recoverOn(fs, "another boot", Config{Plain: true}, true, nil)
	if err == nil {
		err = res.Lock.Close()
	}
	return d, err
}

func (r *real) Start(fs disk.FS, boot string) (*data, error) {
	if r.c.Twins {
		fs = &crashfs.TwinDisk{FS: fs}
	}
	r.fs, r.boot, r.woken, r.db = fs, boot, make(chan struct{}, 1), -1
	var store *heal.Store
	if r.c.Covers {
		var err error
		if store, err = r.c.openCovers(fs); err != nil {
			return nil, err
		}
	}
	d, res, err := recoverOn(fs, boot, r.c, true, store)
	if err != nil {
		if store != nil {
			_ = store.Close()
		}
		return nil, err
	}
	r.lock = res.Lock
	if r.c.Covers {
		r.covers = r.keepCovers(fs, store)
	}
	if r.c.Ledger {
		r.ledger = ledger.Start(ledger.Options{FS: fs, Dir: ledgerDir, Mode: res.Evidence.Mode, LimitBytes: 1, Retry: time.Millisecond})
		r.ledger.Record(ledger.Entry{Rule: ledger.Corrupt, Decision: ledger.Note, Artifact: "lab", Detail: res.Evidence.Outcome})
	}
	if res.DB > 0 {
		r.db = res.DB // as on a replica, whose stream goes on where it stood
	}
	log, err := res.OpenLog(r.options(), true, 1<<20)
	if err != nil {
		return nil, errors.Join(err, r.letGo())
	}
	r.setLog(log)
	if r.covers != nil {
		r.covers.lookAround(fs)
	}
	return d, nil
}

func (r *real) options() wal.Options {
	o := wal.Options{Commit: wal.CommitDirect, RingSize: cmp.Or(r.c.RingSize, ringSize), FS: r.fs, Dir: logDir, Name: logName, Policy: r.c.Policy, Hardened: r.c.Hardened,
		Annotate: !r.c.Plain, BootID: r.boot, RingDir: r.c.ringDir(), Wake: r.wake}
	if r.c.Ring {
		o.Commit = wal.CommitRing
	}
	if r.covers != nil {
		o.Cover = r.covers
	}
	return o
}

func (r *real) setLog(log *wal.Log) {
	r.mu.Lock()
	r.log = log
	r.mu.Unlock()
	log.CoverMoved() // it may have moved before
}

// coverMoved passes on that more is covered.
func (r *real) coverMoved() {
	r.mu.Lock()
	log := r.log
	r.mu.Unlock()
	if log != nil {
		log.CoverMoved()
	}
}

// letGo ends what is not the log.
func (r *real) letGo() error {
	var errs []error
	if r.ledger != nil {
		errs = append(errs, r.ledger.Close())
	}
	if r.covers != nil {
		errs = append(errs, r.covers.k.Close())
	}
	return errors.Join(append(errs, r.lock.Close())...)
}

func (r *real) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func appendCommand(p []byte, args ...string) []byte {
	p = append(strconv.AppendInt(append(p, '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		p = append(strconv.AppendInt(append(p, '$'), int64(len(a)), 10), "\r\n"...)
		p = append(append(p, a...), "\r\n"...)
	}
	return p
}

func (r *real) Commit(u unit) {
	p := r.buf[:0]
	if u.db != r.db {
		p = appendCommand(p, "SELECT", strconv.Itoa(u.db))
		r.db = u.db
	}
	if len(u.cmds) > 1 {
		p = appendCommand(p, "MULTI")
	}
	for _, c := range u.cmds {
		p = appendCommand(p, c...)
	}
	if len(u.cmds) > 1 {
		p = appendCommand(p, "EXEC")
	}
	r.buf = p
	switch {
	case r.held != nil:
		r.held.Commit(p, u.db)
	case r.away.Load():
		r.log.Commit(p, u.db)
	default:
		if finish := r.log.CommitIdle(p, u.db); finish != nil {
			r.finish(finish)
		}
	}
}

// finish does what a commit left to be done, as the executor's thread does: with most another one is the executor before it is over.
func (r *real) finish(finish func()) {
	if r.tries++; r.tries%3 == 0 {
		finish()
		return
	}
	r.away.Store(true)
	r.lent.Go(func() {
		finish()
		r.away.Store(false)
	})
}

// ringSize is small: a few commits go round it.
const ringSize = 64 << 10

func (r *real) Settle() error {
	left := patience(cmp.Or(r.c.Patience, defaultPatience))
	for r.log.Released() != r.log.End() {
		if err := r.log.Err(); errors.Is(err, wal.ErrFatal) {
			return err
		}
		if !left.wait(r.woken) && r.log.Released() != r.log.End() {
			return r.stuck()
		}
	}
	return nil
}

// stuck says how far a log came that does not get on. It asks for nothing that takes a lock of the log.
func (r *real) stuck() error {
	err := fmt.Errorf("lab: the log does not get on: released %d of %d, written %d, durable %d, error %v",
		r.log.Released(), r.log.End(), r.log.Written(), r.log.Durable(), r.log.Err())
	if r.c.Patience == 0 { // else being stuck is expected
		err = fmt.Errorf("%w (goroutines: %s)", err, writeStacks())
	}
	return err
}

// switchOver changes to the next increment; ready: everything that can be is made before, as a server does.
func (r *real) switchOver(ready bool) (wal.LSN, error) {
	if ready {
		made := make(chan struct{})
		r.log.PrepareSwitch(func() { close(made) })
		<-made
	}
	done := make(chan error, 1)
	at, err := r.log.Switch(func(err error) { done <- err })
	if err == nil {
		err = <-done
	}
	return at, err
}

func (r *real) Switch() error {
	_, err := r.switchOver(false)
	return err
}

func (r *real) Rewrite(d *data) error { return r.rewrite(d, nil) }

// rewrite is Rewrite; stop says whether it is given up (wal.NewBase).
func (r *real) rewrite(d *data, stop func() bool) error {
	at, err := r.switchOver(true)
	if err != nil {
		return err
	}
	base, err := r.writeBase(d, at)
	if err != nil {
		return err
	}
	base.Stop = stop
	return r.log.Install(base)
}

// Relog ends the log and begins another in its place, as when it is turned off and on while a server runs.
func (r *real) Relog(d *data) error {
	if err := r.log.Close(true); err != nil {
		return err
	}
	return r.begin(d, nil)
}

// RelogHeld is Relog while clients go on: meanwhile commits, once while the base is made and once when the log has its files.
func (r *real) RelogHeld(d *data, stop func() bool, meanwhile func() error) error {
	if err := r.log.Close(true); err != nil {
		return err
	}
	return r.beginHeld(d, stop, meanwhile)
}

// beginHeld is begin with what meanwhile commits.
func (r *real) beginHeld(d *data, stop func() bool, meanwhile func() error) error {
	at, base, err := r.beginning(d, stop)
	if err != nil {
		return err
	}
	db := r.db
	held := wal.NewHeld(r.options(), at, db)
	r.held = held
	defer func() { r.held = nil }()
	defer held.Close()
	if err := meanwhile(); err != nil {
		return err
	}
	log, err := wal.Begin(r.options(), at, db, base, held)
	if err != nil {
		return err
	}
	err = meanwhile()
	r.setLog(log)
	held.Rest(log)
	return err
}

// begin begins a log where the one that has ended did; stop says whether that is given up (wal.NewBase).
func (r *real) begin(d *data, stop func() bool) error {
	at, base, err := r.beginning(d, stop)
	if err != nil {
		return err
	}
	log, err := wal.Begin(r.options(), at, r.db, base, nil)
	if err == nil {
		r.setLog(log)
	}
	return err
}

// beginning makes the base of a log that begins where the one that has ended did.
func (r *real) beginning(d *data, stop func() bool) (wal.Position, wal.NewBase, error) {
	at := r.log.End()
	base, err := r.writeBase(d, at)
	if err != nil {
		return wal.Position{}, base, err
	}
	base.Stop = stop
	e, err := wal.ReadEpoch(r.fs, logDir, logName)
	return wal.Position{ID: wal.NewReplID(), Epoch: e.Epoch + 1, LSN: at}, base, err
}

// writeBase writes the state at a position to a temporary file.
func (r *real) writeBase(d *data, at wal.LSN) (wal.NewBase, error) {
	ks := d.keyspace()
	defer ks.Close()
	frozen := ks.Freeze()
	defer frozen.Close()
	temp := r.log.TempName("rewriteaof-bg-1.aof")
	var sum wal.Digest
	err := snapshot.WriteTemp(snapshot.SaveOptions{FS: r.fs, Dir: logDir, Temp: filepath.Base(temp),
		Through: func(w io.Writer) io.Writer { return io.MultiWriter(w, &sum) }}, frozen, snapshot.Meta{AOFBase: true}, false)
	return wal.NewBase{Path: temp, At: at, Sum: sum.Sum(), Size: sum.Len(), HasSum: true}, err
}

func (r *real) Save(d *data) error {
	err := save(r.fs, d, r.Settle, nil)
	if err == nil && r.covers != nil {
		r.covers.Replaced(filepath.Join(dataDir, dumpRDB))
	}
	return err
}

func (r *real) Always() bool { return r.c.Policy == wal.Always }

func (r *real) End() uint64 {
	if r.held != nil {
		return uint64(r.held.End())
	}
	return uint64(r.log.End())
}

func (r *real) Promised() Promise {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Durable is read first: it only grows, and what it covers was released or will be.
	durable := r.log.Durable()
	return Promise{Released: uint64(r.log.Released()), Durable: uint64(durable)}
}

func (r *real) Stop() error {
	if r.log == nil {
		return nil
	}
	err := r.log.Close(true)
	r.lent.Wait()
	return errors.Join(err, r.letGo())
}
