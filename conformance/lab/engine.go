package lab

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"frankenredis/recovery"
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
	Patience time.Duration // how long a log may not get on before it counts as stuck; 0: half a minute
}

// real is our engine: recovery, wal and snapshot as the server puts them together.
type real struct {
	c      Config
	fs     disk.FS
	log    *wal.Log
	lock   io.Closer
	db     int // the stream's database; -1: none selected yet
	woken  chan struct{}
	buf    []byte
	lastAt wal.LSN // of the last recovery
}

// NewReal makes our engine.
func NewReal(c Config) Engine { return &real{c: c} }

// recoverOn runs a recovery over the disk; whoever calls it owns Result.Lock.
func recoverOn(fs disk.FS, boot string, hardened, aof bool) (*data, *recovery.Result, error) {
	d := newData()
	res, err := recovery.Boot(recovery.Options{FS: fs, Dir: dataDir, AOF: aof, LoadTruncated: true, Annotate: true, Databases: 16,
		LoadItems: d.load, Apply: d.replay, Hardened: hardened, BootID: boot, BootTime: time.Unix(1, 0)})
	return d, res, err
}

func (r *real) Start(fs disk.FS, boot string) (*data, error) {
	r.fs, r.woken, r.db = fs, make(chan struct{}, 1), -1
	d, res, err := recoverOn(fs, boot, r.c.Hardened, true)
	if err != nil {
		return nil, err
	}
	r.lock, r.lastAt = res.Lock, res.Position.LSN
	mode := wal.CommitDirect
	if r.c.Ring {
		mode = wal.CommitRing
	}
	r.log, err = res.OpenLog(wal.Options{Commit: mode, RingSize: ringSize, FS: fs, Dir: logDir, Name: logName, Policy: r.c.Policy, Hardened: r.c.Hardened, Annotate: true,
		BootID: boot, Wake: r.wake}, true, 1<<20)
	if err != nil {
		return nil, errors.Join(err, r.lock.Close())
	}
	return d, nil
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
	r.log.Commit(p, u.db)
	r.buf = p
}

// ringSize is small: a few commits go round it.
const ringSize = 64 << 10

const defaultPatience = 30 * time.Second

func (r *real) Settle() error {
	patience := r.c.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for r.log.Released() != r.log.End() {
		if err := r.log.Err(); errors.Is(err, wal.ErrFatal) {
			return err
		}
		select {
		case <-r.woken:
		case <-time.After(5 * time.Millisecond):
		case <-deadline.C:
			return fmt.Errorf("lab: the log does not get on: %w", r.log.Err())
		}
	}
	return nil
}

func (r *real) switchOver() (wal.LSN, error) {
	done := make(chan error, 1)
	at, err := r.log.Switch(func(err error) { done <- err })
	if err == nil {
		err = <-done
	}
	return at, err
}

func (r *real) Switch() error {
	_, err := r.switchOver()
	return err
}

func (r *real) Rewrite(d *data) error {
	at, err := r.switchOver()
	if err != nil {
		return err
	}
	ks := d.keyspace()
	defer ks.Close()
	frozen := ks.Freeze()
	defer frozen.Close()
	temp := r.log.TempName("rewriteaof-bg-1.aof")
	var sum wal.Digest
	err = snapshot.WriteTemp(snapshot.SaveOptions{FS: r.fs, Dir: logDir, Temp: filepath.Base(temp),
		Through: func(w io.Writer) io.Writer { return io.MultiWriter(w, &sum) }}, frozen, snapshot.Meta{AOFBase: true}, false)
	if err != nil {
		return err
	}
	return r.log.Install(wal.NewBase{Path: temp, At: at, Sum: sum.Sum(), Size: sum.Len(), HasSum: true})
}

func (r *real) Save(d *data) error { return save(r.fs, d, r.Settle) }

func (r *real) Always() bool { return r.c.Policy == wal.Always }

func (r *real) End() uint64 { return uint64(r.log.End()) }

func (r *real) Promised() Promise {
	// Durable is read first: it only grows, and what it covers was released or will be.
	durable := r.log.Durable()
	return Promise{Released: uint64(r.log.Released()), Durable: uint64(durable)}
}

func (r *real) Stop() error {
	if r.log == nil {
		return nil
	}
	return errors.Join(r.log.Close(true), r.lock.Close())
}

// leftovers are the files in the log's folder that nothing accounts for when a server has stopped in order, and that no later
// switch or rewrite takes the names of: they would use up the disk in the end.
func leftovers(fs disk.FS) ([]string, error) {
	d, err := wal.ReadDirectory(fs, logDir, logName)
	if err != nil || d.Manifest == nil {
		return nil, err
	}
	known := map[string]bool{wal.ManifestName(logName): true, wal.EpochName(logName): true, wal.WatermarkName(logName): true,
		wal.RingName(logName): true, recovery.LockName(logName): true}
	for _, aof := range []bool{false, true} {
		known[wal.BaseName(logName, d.Manifest.BaseSeq+1, aof)] = true
	}
	known[wal.IncrName(logName, d.Manifest.IncrSeq+1)] = true
	refs := append(d.Manifest.Incrs, d.Manifest.History...)
	if b := d.Manifest.Base; b != nil {
		refs = append(refs, *b)
	}
	for _, ref := range refs {
		known[ref.Name] = true
	}
	if d.Facts != nil {
		known[wal.FactsName(logName, d.Facts.Generation)] = true
	}
	names, err := fs.List(logDir)
	var left []string
	for _, name := range names {
		if info, err := fs.Stat(filepath.Join(logDir, name)); err == nil && !info.IsDir() && !known[name] {
			left = append(left, name)
		}
	}
	for _, h := range d.Manifest.History {
		left = append(left, h.Name+" (history)")
	}
	return left, err
}
