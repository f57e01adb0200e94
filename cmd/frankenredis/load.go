package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// loadState is what is known of the start.
type loadState struct {
	began      time.Time
	startBytes int64 // memory in use before anything was loaded
	freezeUsec int64 // of the last frozen view
	// delayedBefore is how many delayed syncs the log counted before the counters were set back.
	delayedBefore int64
	expireTime    time.Duration // spent in the active expiry cycle
	aside         string
	result        *recovery.Result
	loader        session.Session // carries the database from one command of the log to the next
	rates         rates
	empty         int64 // keys without elements passed over

	delay  atomic.Int64 // key-load-delay
	pace   func() error // of the loading goroutine, made for paceOf
	paceOf int64

	progress atomic.Pointer[recovery.Progress] // written by the loading goroutine
	quit     chan struct{}                     // closed by shutdown: the loading goroutine gives up
	reply    chan error                        // the executor answers the loading goroutine, which waits
}

// startLoading brings the data set back in the background while the executor answers LOADING; finishLoading goes on from there.
func (s *server) startLoading() {
	s.load.began = time.Now()
	s.load.startBytes = s.eng.UsedMemory()
	s.load.delay.Store(s.cfg.Int("key-load-delay"))
	s.load.quit, s.load.reply = make(chan struct{}), make(chan error, 1)
	s.load.loader.Conn = silentConn{}
	s.load.loader.W.Proto = 2
	s.eng.SetLoading(true)
	// Like Redis, a server that has little to load answers nobody before that is there: who connects early waits, and sees no
	// LOADING.
	s.reactor.HoldListeners(true)
	o := s.recoveryOptions(s.onExecutor)
	report := s.newLoadReport()
	interval, opened := s.cfg.Int("loading-process-events-interval-bytes"), false
	o.Progress = func(p recovery.Progress) {
		s.load.progress.Store(&p)
		report.tell(p)
		if !opened && (p.Commands > 0 || p.Loaded >= interval) {
			opened = true
			s.eng.Post(func() { s.reactor.HoldListeners(false) })
		}
	}
	if s.covers != nil {
		o.Covers = s.covers.loading
	}
	logOptions, preamble, used := s.logOptions(), s.cfg.Bool("aof-use-rdb-preamble"), s.ks.UsedBytes()
	// Not at a low priority like other work in the background: the executor has nothing to do but what comes from here.
	go func() {
		result, err := recovery.Boot(o)
		report.end()
		if err == nil && !o.Salvage {
			s.removeStale()
		}
		var log *wal.Log
		if err == nil && o.AOF && !o.Salvage {
			err = s.onExecutor(once(func() error { // a new log's base waits for its sidecar
				s.covers.begin()
				return nil
			}))
		}
		if err == nil && o.AOF && !o.Salvage {
			log, err = result.OpenLog(logOptions, preamble, used)
			if err != nil {
				s.logger.Warn("Can't open the append-only file: " + err.Error())
			}
		}
		s.eng.Post(func() { s.finishLoading(result, log, err) })
	}()
}

// recoveryOptions are recovery's, from the parameters. on runs a function on the executor.
func (s *server) recoveryOptions(on func(step) error) recovery.Options {
	return recovery.Options{
		FS: s.fs, Dir: s.dir,
		AppendDir: s.cfg.String("appenddirname"), AppendName: s.cfg.String("appendfilename"), DBFile: s.cfg.String("dbfilename"),
		RingDir: s.ringDir(), AOF: s.cfg.Bool("appendonly"), LoadTruncated: s.cfg.Bool("aof-load-truncated"), Annotate: s.cfg.Bool("fr-log-annotations"),
		Databases: s.ks.Len(), MaxString: s.cfg.Live.ProtoMaxBulkLen, SkipChecksum: s.skipChecksum(), Hardened: s.cfg.Enum("fr-mode") == "hardened",
		Salvage: s.salvaging(), KeepExpired: s.eng.Following(), Keys: s.eng.Commands().KeyPositions,
		Hash: func(key []byte) uint64 { return dict.Hash(&s.hashSeed, key) },
		LoadItems: func(items []snapshot.Item) error {
			return inTurns(s, on, items, itemPiece, func(some []snapshot.Item) error { return s.insert(some, false) })
		},
		Apply: func(batch []recovery.Command) error {
			return inTurns(s, on, batch, commandPiece, s.apply)
		},
		LoadFunctions: func(codes [][]byte) error {
			return on(once(func() error { return s.eng.LoadLibraries(codes, false, true) }))
		},
		Progress: func(p recovery.Progress) { s.load.progress.Store(&p) },
		Logger:   s.logger,
	}
}

// step is a piece of work for the executor, which answers clients before it takes the next one, if there is more.
type step func() (more bool, err error)

// once is work that is done in one step.
func once(f func() error) step {
	return func() (bool, error) { return false, f() }
}

// steps returns what the executor runs: one step of work after another, a turn each. It tells done how that ended.
func (s *server) steps(work step, done func(error)) func() {
	var run func()
	run = func() {
		if more, err := work(); !more || err != nil {
			done(err)
			return
		}
		s.eng.Post(run)
	}
	return run
}

const (
	loadBudget = time.Millisecond // of a turn, for what is loaded
	loadPiece  = 64               // items or commands between two looks at the clock
	loadElems  = 4096             // likewise elements of large values
)

// itemPiece is how many of some items there are between two looks at the clock.
func itemPiece(items []snapshot.Item) (n int) {
	for elems := 0; n < min(loadPiece, len(items)) && elems < loadElems; n++ {
		if c := items[n].Coll; c != nil {
			elems += len(c.Elems)
		}
	}
	return n
}

// commandPiece is itemPiece for commands.
func commandPiece(batch []recovery.Command) int { return min(loadPiece, len(batch)) }

// inTurns has what is loaded taken up by the executor, a part each turn, or with key-load-delay one by one and slowly. on runs the steps there
// and waits; piece says how many it takes before it looks at the clock. The loading goroutine only.
func inTurns[T any](s *server, on func(step) error, all []T, piece func([]T) int, take func([]T) error) error {
	at := 0
	some := func(n int) error {
		err := take(all[at : at+n])
		var failed *recovery.CommandError
		if errors.As(err, &failed) {
			failed.Index += at
		}
		at += n
		return err
	}
	for at < len(all) {
		delay := s.load.delay.Load()
		if delay == 0 {
			err := on(func() (bool, error) {
				for began := time.Now(); at < len(all); {
					if err := some(piece(all[at:])); err != nil {
						return false, err
					}
					if time.Since(began) >= loadBudget {
						break
					}
				}
				return at < len(all) && s.load.delay.Load() == 0, nil
			})
			if err != nil {
				return err
			}
			continue
		}
		if err := on(once(func() error { return some(1) })); err != nil {
			return err
		}
		if s.load.paceOf != delay {
			s.load.paceOf, s.load.pace = delay, pacer(delay, s.load.stopped)
		}
		if err := s.load.pace(); err != nil {
			return err
		}
	}
	return nil
}

// stopped is an error once the loading is to be given up.
func (l *loadState) stopped() error {
	select {
	case <-l.quit:
		return recovery.ErrStopped
	default:
		return nil
	}
}

// skipChecksum says whether checksums of RDB files are passed over. Hardened mode is not to be turned off by halves.
func (s *server) skipChecksum() bool {
	return !s.cfg.Bool("rdbchecksum") && s.cfg.Enum("fr-mode") != "hardened" || s.eng.Debug().SkipChecksums
}

// onExecutor runs work on the executor and waits for its end. The loading goroutine only.
func (s *server) onExecutor(work step) error {
	s.eng.Post(s.steps(work, func(err error) { s.load.reply <- err }))
	select {
	case err := <-s.load.reply:
		return err
	case <-s.load.quit:
		return recovery.ErrStopped
	}
}

// duplicateKey says that a key of a snapshot is there already.
type duplicateKey struct {
	key []byte
	db  int
}

func (d *duplicateKey) Error() string {
	return fmt.Sprintf("key %q in database %d: it is there already, from this file or from before", d.key, d.db)
}

// insert puts keys of a snapshot into the keyspace. Unless merge, each must be new: a key that comes twice means that the
// file is not what was written.
func (s *server) insert(items []snapshot.Item, merge bool) error {
	return s.insertInto(nil, items, merge)
}

// insertInto is insert into databases of their own; nil: those that are served.
func (s *server) insertInto(dbs []*kv.DB, items []snapshot.Item, merge bool) error {
	for i := range items {
		it := &items[i]
		if it.DB >= s.ks.Len() {
			return fmt.Errorf("key in database %d: the server is configured to have %d", it.DB, s.ks.Len())
		}
		db := s.ks.DB(it.DB)
		if dbs != nil {
			db = dbs[it.DB]
		}
		if it.Coll != nil && it.Coll.Empty {
			s.skipEmpty(it)
			continue
		}
		hash := it.Hash
		if hash == 0 { // not computed ahead
			hash = db.Hash(it.Key)
		}
		if it.Begins() && !db.Absent(hash, it.Key) {
			if !merge {
				return &duplicateKey{it.Key, it.DB}
			}
			db.Delete(it.Key)
		}
		if err := it.StoreNew(db, hash); err != nil {
			return fmt.Errorf("key %q in database %d: %w", it.Key, it.DB, err)
		}
	}
	return nil
}

// skipEmpty passes over a key without elements: older servers could leave such behind. The first few are named, as in Redis.
func (s *server) skipEmpty(it *snapshot.Item) {
	const named = 10
	if s.load.empty++; s.load.empty <= named {
		s.logger.Info("rdbLoadObject skipping empty key: " + string(it.Key))
	}
}

// apply runs commands of the log.
func (s *server) apply(batch []recovery.Command) error {
	for i := range batch {
		if i%warmAtOnce == 0 {
			s.warm(batch[i:min(i+warmAtOnce, len(batch))])
		}
		c := &batch[i]
		if c.DB >= s.ks.Len() {
			return &recovery.CommandError{Index: i, Err: fmt.Errorf("database %d: the server is configured to have %d", c.DB, s.ks.Len())}
		}
		s.load.loader.DB = c.DB
		if err := s.eng.Apply(&s.load.loader, c.Args); err != nil {
			return &recovery.CommandError{Index: i, Unknown: errors.Is(err, engine.ErrUnknown), Err: err}
		}
	}
	return nil
}

// warmAtOnce is for how many commands together the keys are brought into the processor's caches.
const warmAtOnce = 16

// warm brings the keys of commands that come next into the processor's caches: in a large data set finding a key is waiting for memory, and
// so they are waited for together.
func (s *server) warm(next []recovery.Command) {
	var hashes [warmAtOnce]uint64
	db := next[0].DB
	if db >= s.ks.Len() {
		return // apply says so
	}
	n := 0
	for i := range next {
		if c := &next[i]; c.DB == db && len(c.Args) > 1 {
			hashes[n] = c.Hash
			n++
		}
	}
	s.ks.DB(db).Warm(hashes[:n])
}

// finishLoading runs on the executor when the data set is back, or will not be.
func (s *server) finishLoading(result *recovery.Result, log *wal.Log, err error) {
	if s.eng.Stopping() {
		if log != nil {
			_ = log.Close(true) // nothing was committed to it
		}
		return
	}
	if errors.Is(err, recovery.ErrStopped) {
		return
	}
	if err != nil {
		s.recordRefusal(err)
		// The log's last line says why. Nothing was changed that would make the next start different.
		s.exit = 1
		s.eng.Stop()
		return
	}
	s.load.result = result
	s.recordStart(result.Evidence)
	s.load.aside = result.Aside
	s.eng.SetReadOnly(result.Salvaged != nil)
	s.load.progress.Store(nil)
	s.saves.keys, s.saves.expired = result.Keys, result.Expired
	if result.Source == recovery.Snapshot {
		s.saves.size = result.Bytes
	}
	s.eng.Saved(s.eng.DirtyCount())
	s.claimSlots()
	if log != nil {
		s.log = log
		s.eng.SetLog(log)
	}
	s.covers.begin()
	s.covers.lookAround()
	s.beginFollowing()
	s.ready()
	s.tendPrimary()
}

func (s *server) infoLoading(w *engine.InfoWriter) {
	var p recovery.Progress
	if now := s.load.progress.Load(); now != nil {
		p = *now
	}
	w.Field("loading_start_time", s.load.began.Unix())
	w.Field("loading_total_bytes", p.Total)
	w.Field("loading_rdb_used_mem", s.ks.UsedBytes())
	w.Field("loading_loaded_bytes", p.Loaded)
	perc := 0.0
	if p.Total > 0 { // else a snapshot is coming whose length nobody knows
		perc = 100 * float64(p.Loaded) / float64(p.Total)
	}
	w.Fieldf("loading_loaded_perc", "%.2f", perc)
	w.Field("loading_eta_seconds", secondsLeft(p, time.Since(s.load.began)))
}

// dataPath is a path below the data directory.
func (s *server) dataPath(name string) string { return filepath.Join(s.dir, name) }

// silentConn is the connection of the session that replays the log: there is nobody at the other end.
type silentConn struct{}

func (silentConn) Close(bool)           {}
func (silentConn) Resumed()             {}
func (silentConn) Room(int)             {}
func (silentConn) Overflowing(int) bool { return false }
func (silentConn) Usage() session.Usage { return session.Usage{} }
