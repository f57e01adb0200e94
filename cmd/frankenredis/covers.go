package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// covers are the sidecars of the files in the data directory: who writes one tells it here, and a worker of low priority does the rest.
// Its methods may be called from any goroutine; on nil they do nothing (fr-sidecars no).
type covers struct {
	s   *server
	key []byte

	keeps atomic.Pointer[heal.Keeper] // keeper, for whoever must not wait
	floor atomic.Uint64               // what keepers before had covered of the stream

	mu     sync.Mutex
	keeper *heal.Keeper
	early  []func(*heal.Keeper) // told before there was a keeper: the data set was being loaded
	old    []<-chan struct{}    // keepers of other directories that are ending

	names naming // of what is damaged

	loading *heal.Store // for the load that is under way; nil: nothing is covered yet, or somebody else has the folder

	// The executor's.
	segment uint64 // of the ledger
	scrubs  scrubParameters
}

// scrubParameters are for the worker, which asks between files.
type scrubParameters struct {
	mu    sync.Mutex
	every time.Duration
	rate  int64
}

// openCovers opens the sidecars that there are, for the load. An error was logged.
func (s *server) openCovers() error {
	if !s.cfg.Bool("fr-sidecars") || s.salvaging() {
		return nil // what is salvaged is beyond what they can bring back, and nothing is to be written
	}
	c := &covers{s: s}
	c.names.c = c
	if path := s.cfg.Path("fr-integrity-key-file"); path != "" {
		key, err := heal.ReadKey(s.fs, path)
		if err != nil {
			return s.refuse("Can't read the integrity key: %v", err)
		}
		c.key = key
	}
	s.covers = c
	s.cfg.OnApply("fr-scrub-cycle", c.followScrub, "fr-scrub-rate")
	_ = c.followScrub()
	folder := filepath.Join(s.dir, heal.Folder)
	store, lost, why, err := heal.OpenThere(c.options(s.dir))
	if lost {
		s.logger.Warn("The catalog of sidecars in " + folder + " is lost. It is made anew from the sidecars.")
	}
	switch {
	case err != nil:
		return s.refuse("Can't read the sidecars: %v. They are not taken for absent: what they cover would be loaded unverified. Move %s away to start "+
			"without them.", err, folder)
	case store == nil && why != nil:
		s.logger.Warn("Files are loaded without their sidecars: " + why.Error())
	case why != nil && !errors.Is(why, disk.ErrLocked): // many servers may share a directory; one of them looks after its files
		s.logger.Warn("Sidecars are read, and can't be written: " + why.Error())
	}
	c.loading = store
	return nil
}

func (c *covers) options(dir string) heal.Options {
	return heal.Options{FS: c.s.fs, Root: dir, Key: c.key, Finish: heal.KeepOwner, Yield: engine.Yielder()}
}

func (c *covers) followScrub() error {
	c.scrubs.mu.Lock()
	defer c.scrubs.mu.Unlock()
	c.scrubs.every = time.Duration(c.s.cfg.Int("fr-scrub-cycle")) * time.Second
	c.scrubs.rate = c.s.cfg.Bytes("fr-scrub-rate")
	return nil
}

// begin starts the worker, when the data set is loaded. The executor only.
func (c *covers) begin() {
	if c == nil || c.keeps.Load() != nil {
		return
	}
	store := c.loading
	c.loading = nil
	c.start(c.s.dir, store)
}

func (c *covers) start(dir string, store *heal.Store) {
	if store != nil && !store.Writes() {
		_ = store.Close() // somebody else keeps them; the worker waits for its turn
		store = nil
	}
	appendDir, appendName := filepath.Join(dir, c.s.cfg.String("appenddirname")), c.s.cfg.String("appendfilename")
	texts := map[string]bool{}
	for _, path := range c.s.textFiles() {
		texts[path] = true
	}
	k := heal.StartKeeper(heal.KeeperOptions{Store: c.options(dir), Opened: store, Address: c.s.ownAddress(), Repair: c.s.cfg.Enum("fr-mode") == "hardened",
		Genuine: func(st *heal.Store, path string) bool {
			if texts[path] {
				return c.edited(st, path)
			}
			return recovery.Genuine(c.s.fs, appendDir, appendName, path)
		},
		Gone: func(path string) bool {
			return recovery.Gone(c.s.fs, appendDir, appendName, c.s.evidence.dir, path)
		},
		Go: engine.Background, Told: c.told, Moved: c.moved,
		Every: func() time.Duration {
			c.scrubs.mu.Lock()
			defer c.scrubs.mu.Unlock()
			return c.scrubs.every
		},
		Rate: func() int64 {
			c.scrubs.mu.Lock()
			defer c.scrubs.mu.Unlock()
			return c.scrubs.rate
		}})
	c.mu.Lock()
	defer c.mu.Unlock() // whoever has more to tell waits until this was told: a file that grew and was sealed must not grow again
	for _, tell := range c.early {
		tell(k)
	}
	c.keeper, c.early = k, nil
	c.keeps.Store(k)
}

// ownAddress is how a tool on this machine reaches the server; "": it does not.
func (s *server) ownAddress() string {
	if path := s.cfg.Path("unixsocket"); path != "" {
		return "unix " + path
	}
	if port := s.cfg.Int("port"); port != 0 {
		host := "127.0.0.1"
		if bind := s.cfg.Strings("bind"); len(bind) > 0 && strings.TrimPrefix(bind[0], "-") != "*" && strings.TrimPrefix(bind[0], "-") != "::*" {
			host = strings.TrimPrefix(bind[0], "-")
		}
		return "tcp " + net.JoinHostPort(host, strconv.FormatInt(port, 10))
	}
	return ""
}

// lookAround has everything that is worth a sidecar looked at. Only what already has one, where nothing persistent was asked for: a
// server that keeps nothing leaves nothing behind. The executor only.
func (c *covers) lookAround() {
	if c == nil {
		return
	}
	s := c.s
	if s.cfg.Bool("appendonly") || len(s.cfg.SavePoints()) > 0 {
		c.look(s.dataPath(s.cfg.String("dbfilename")))
	}
	dir := s.logOptions().Dir
	if s.log != nil {
		if d, err := wal.ReadDirectory(s.fs, dir, s.cfg.String("appendfilename")); err == nil { // what cannot be read cannot be covered
			for _, name := range d.Names(s.cfg.String("appendfilename")) {
				c.look(filepath.Join(dir, name))
			}
		}
	}
	if s.cluster != nil {
		c.look(s.cfg.Path("cluster-config-file"))
	}
	for _, path := range append(s.textFiles(), s.dataPath(s.cfg.String("dbfilename"))) {
		c.tell(func(k *heal.Keeper) { k.Check(path) })
	}
}

// textFiles are the files that the server rewrites and people edit.
func (s *server) textFiles() (paths []string) {
	if conf := s.cfg.File(); conf != "" {
		paths = append(paths, conf, config.OwnFile(conf))
	}
	for _, parameter := range []string{"aclfile", "cluster-config-file"} {
		if path := s.cfg.Path(parameter); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// tell has f called with the keeper, now or when there is one.
func (c *covers) tell(f func(*heal.Keeper)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	k := c.keeper
	if k == nil {
		c.early = append(c.early, f)
	}
	c.mu.Unlock()
	if k != nil {
		f(k)
	}
}

// wrote says that the server has made the file at path, and that it is durable.
func (c *covers) wrote(path string) { c.tell(func(k *heal.Keeper) { k.Protect(path, nil) }) }

func (c *covers) look(path string) { c.tell(func(k *heal.Keeper) { k.Look(path) }) }

// Grown, Sealed, Await, Replaced, Removed, Covered and Hurry are the log's words (wal.Cover).
func (c *covers) Grown(path string, pos int64, lsn wal.LSN) {
	c.tell(func(k *heal.Keeper) { k.Grown(path, pos, uint64(lsn)) })
}

// Covered and Hurry are the log's, too: it asks with each commit.
func (c *covers) Covered() wal.LSN {
	to := c.floor.Load()
	if k := c.keeps.Load(); k != nil {
		to = max(to, k.Covered())
	}
	return wal.LSN(to)
}

func (c *covers) Hurry() {
	if k := c.keeps.Load(); k != nil {
		k.Hurry()
	}
}

// Await is asked before a base counts.
func (c *covers) Await(path string, size int64, stop func() bool) {
	if k := c.keeps.Load(); k != nil {
		k.Await(path, size, stop)
	}
}

// moved has the log look again at what is covered.
func (c *covers) moved() { c.s.eng.Post(c.s.lookAtCovers) }

// lookAtCovers has the log look again at what is covered. The executor only, also within a command.
func (s *server) lookAtCovers() {
	if s.log != nil {
		s.log.CoverMoved()
	}
}

// standStill goes on with what replies wait for while the executor waits for the log within a command.
func (s *server) standStill() {
	s.covers.checkPace()
	s.lookAtCovers()
}

// checkPace has nobody wait any longer for a worker that does not keep up. The executor only.
func (c *covers) checkPace() {
	if c == nil {
		return
	}
	if k := c.keeps.Load(); k != nil {
		k.CheckPace()
	}
}

// Sealed has a file covered whose digest the log knows.
func (c *covers) Sealed(path string, f wal.FileFacts) {
	c.tell(func(k *heal.Keeper) {
		k.Protect(path, func() heal.Proof { return recovery.SealedProof(path, f) })
	})
}

// Replaced has a manifest or its companion covered.
func (c *covers) Replaced(path string) { c.wrote(path) }

// Removed forgets a file.
func (c *covers) Removed(path string) { c.tell(func(k *heal.Keeper) { k.Removed(path) }) }

// tend follows the ledger, whose segments grow; once a second, the executor only.
func (c *covers) tend() {
	if c == nil {
		return
	}
	c.checkPace()
	k := c.keeps.Load()
	if k == nil || c.s.evidence.book == nil || k.Status().Files == 0 {
		return // the ledger alone is no reason to make a folder
	}
	st := c.s.evidence.book.Stats()
	if st.Segment == 0 || st.Err != nil {
		return
	}
	path := func(n uint64) string { return filepath.Join(c.s.evidence.dir, ledger.SegmentName(n)) }
	if c.segment == 0 {
		names, _ := c.s.fs.List(c.s.evidence.dir)
		for _, name := range names {
			if p := filepath.Join(c.s.evidence.dir, name); p != path(st.Segment) && strings.HasSuffix(name, ".jsonl") {
				k.Look(p)
			}
		}
	} else if c.segment != st.Segment {
		k.Protect(path(c.segment), nil)
		k.Sweep() // the oldest one was dropped
	}
	c.segment = st.Segment
	k.Grown(path(st.Segment), st.Bytes, 0)
}

// move follows a change of dir: the keeper of the old one ends behind, and another begins. The executor only.
func (c *covers) move() {
	if c == nil {
		return
	}
	c.mu.Lock()
	k := c.keeper
	moved := k != nil && k.Folder() != c.s.dir
	if moved {
		c.keeper = nil
	}
	c.mu.Unlock()
	if !moved {
		return
	}
	if to := k.Covered(); to != uint64(wal.MaxLSN) {
		c.floor.Store(max(c.floor.Load(), to))
	}
	ended := engine.Background(func() {
		if err := k.Close(); err != nil {
			c.s.logger.Warn("Closing the sidecars: " + err.Error())
		}
	})
	c.mu.Lock()
	c.old = append(c.old, ended)
	c.mu.Unlock()
	c.segment = 0
	c.start(c.s.dir, nil)
}

// closeRecords ends the sidecars and the ledger. What the worker still has to do comes first, for it may have something to record; then last,
// unless nil, and what else waits for the ledger; then the sidecar of that. The executor has ended: this waits for the disk.
func (s *server) closeRecords(last *ledger.Entry) {
	s.covers.finish()
	if last != nil {
		s.record(*last)
	}
	s.closeLedger()
	s.covers.close()
}

// finish has what waits covered, within bounds.
func (c *covers) finish() {
	if c == nil {
		return
	}
	c.tend()
	if k := c.keeps.Load(); k != nil {
		k.Finish()
	}
	c.mu.Lock()
	old := c.old
	c.mu.Unlock()
	for _, ended := range old {
		<-ended
	}
	c.names.close()
}

// close has the ledger's end covered, which nobody writes to any more, and ends the worker.
func (c *covers) close() {
	if c == nil {
		return
	}
	c.tend()
	if k := c.keeps.Load(); k != nil {
		if err := k.Close(); err != nil {
			c.s.logger.Warn("Closing the sidecars: " + err.Error())
		}
	} else if c.loading != nil {
		_ = c.loading.Close() // the load was given up
	}
}

// told writes down what the worker found and did.
func (c *covers) told(e heal.KeeperEvent) {
	r := &e.Report
	x := ledger.Entry{Artifact: e.Path, Kind: "cover", Class: string(r.State), Bytes: r.Size, Replay: "frctl verify " + e.Path}
	if len(r.Bad) > 0 {
		x.Pos = r.Bad[0].Pos
	}
	cells := fmt.Sprintf("%d damaged cells", r.Cells)
	if lost := lostBytes(r); lost > 0 {
		cells += fmt.Sprintf(", %d bytes lost or unproven", lost)
	}
	switch e.Kind {
	case heal.FoundDamage, heal.FoundLoss:
		defer c.names.name(e.Path, *r) // below this record
	case heal.MendedFile, heal.NewFile:
		c.names.forget(e.Path)
	}
	switch e.Kind {
	case heal.FoundDamage:
		x.Rule, x.Decision, x.Detail = ledger.CoverDamage, ledger.Note, cells+", within the budget"
		c.s.logger.Warn(fmt.Sprintf("%s is damaged: %s. FR.SCRUB REPAIR brings it back.", e.Path, cells))
	case heal.FoundLoss:
		x.Rule, x.Decision, x.Detail = ledger.CoverDamage, ledger.Note, cells+", beyond repair"
		c.s.logger.Warn(fmt.Sprintf("%s is damaged beyond what its sidecar can repair: %s. Rewrite it (BGSAVE, BGREWRITEAOF) while the data set "+
			"is in memory.", e.Path, cells))
	case heal.MendedFile:
		x.Rule, x.Decision, x.Detail = ledger.Repaired, ledger.Change, cells+" brought back, the result has the recorded digests"
		c.s.logger.Warn(fmt.Sprintf("%s was repaired: %s", e.Path, cells))
	case heal.MendedCover:
		x.Rule, x.Decision, x.Detail = ledger.CoverLost, ledger.New, "the sidecar was damaged or missing, and was made anew"
		c.s.logger.Info("The sidecar of " + e.Path + " was damaged, and was made anew")
	case heal.NewFile:
		x.Rule, x.Decision, x.Detail = ledger.FileReplaced, ledger.Accept, "it is not what its sidecar described, and proves itself: it is covered as it is"
		c.s.logger.Info(e.Path + " is not what its sidecar described, and proves itself: it is covered as it is")
	case heal.CatalogReset:
		x.Rule, x.Decision, x.Detail, x.Kind = ledger.CoverLost, ledger.New, "no copy of the catalog was whole: made anew from the sidecars", "directory"
	case heal.Adrift:
		x.Rule, x.Decision, x.Detail, x.Class, x.Replay = ledger.CoverAdrift, ledger.Accept, "the end of a growing file is not covered: "+e.Err.Error(), "", ""
		c.s.logger.Warn("The end of " + e.Path + " is not covered, and no reply waits for it: " + e.Err.Error())
	case heal.Unawaited:
		x.Rule, x.Decision, x.Detail, x.Class, x.Replay = ledger.CoverAdrift, ledger.Accept, "it counts before it is covered: "+e.Err.Error(), "", ""
		c.s.logger.Warn(e.Path + " counts before it is covered: " + e.Err.Error())
	case heal.CaughtUp:
		x.Rule, x.Decision, x.Detail, x.Class, x.Replay = ledger.CoverAdrift, ledger.Note, "it is covered again", "", ""
		c.s.logger.Info(e.Path + " is covered again, up to its end")
	case heal.SweptFolder:
		c.s.logger.Info(fmt.Sprintf("%s: removed %d files that a crash had left there, and the sidecars of %d files that are gone", e.Path,
			e.Swept.Removed, len(e.Swept.Forgotten)))
		return
	case heal.Failed:
		if errors.Is(e.Err, disk.ErrLocked) {
			c.s.logger.Info("Another process looks after the sidecars in " + e.Path)
		} else {
			c.s.logger.Warn("No sidecar for " + e.Path + ": " + e.Err.Error())
		}
		return
	}
	c.s.record(x)
}

// folder is the data directory whose files are kept.
func (c *covers) folder() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeper == nil {
		return c.s.dir
	}
	return c.keeper.Folder()
}

func lostBytes(r *heal.Report) (n int64) {
	for _, g := range r.Lost {
		n += g.Bytes
	}
	return n
}
