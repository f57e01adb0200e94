package recovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

// bootSnapshot recovers from the RDB file.
func (b *boot) bootSnapshot() error {
	started := time.Now()
	path := filepath.Join(b.o.Dir, b.o.DBFile)
	b.res.Position.ID = wal.NewReplID()
	file, err := b.o.FS.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b.missesSnapshot(path)
	}
	a := Artifact{Path: path, Kind: "snapshot", Class: Unreadable}
	var size int64
	if err == nil {
		defer file.Close()
		size, err = file.Size()
	}
	if err != nil {
		a.Detail = err.Error()
		b.ev.saw(a)
		b.ev.decided(ledger.Unreadable, ledger.Refuse, path, 0, "%v", err)
		b.warnUnread(path, err)
		return b.refuse(err, msgRDBOpen, b.o.DBFile, reason(err))
	}
	a.Class, a.Size = Clean, size
	b.prog.File, b.prog.Total = b.o.DBFile, size
	info, end, err := b.loadSnapshot(io.NewSectionReader(file, 0, size), size, false)
	b.res.BaseRead.add(end, started)
	a.Keys, a.Whole = info.Keys, end
	if err == nil {
		err = b.proven(info)
	}
	if err != nil {
		return b.refuseSnapshot(&a, err, nil)
	}
	if end < size {
		// Redis never looks behind the end either.
		a.Detail = fmt.Sprintf("%d bytes follow behind its end", size-end)
		if b.o.Hardened {
			b.ev.saw(a)
			b.ev.decided(ledger.BehindEnd, ledger.Refuse, path, end, "%s", a.Detail)
			return b.refuse(nil, "%d bytes follow behind the end of the RDB file %s at offset %d: hardened mode does not load it. Cut them off, or start "+
				"with fr-mode strict.", size-end, path, end)
		}
	}
	b.ev.saw(a)
	b.ev.decided(ledger.Identity, ledger.New, path, 0, "a snapshot does not say that the server was stopped in order")
	b.replicationOf(info)
	b.res.Source = Snapshot
	b.info(msgLoadedRDB, time.Since(started).Seconds())
	return nil
}

// replicationOf makes the position that a snapshot carries the end of the second history, as Redis does on a primary.
func (b *boot) replicationOf(info *snapshot.Info) {
	text, _ := info.AuxValue("repl-id")
	id, err := wal.ParseReplID(text)
	if err != nil {
		return
	}
	text, _ = info.AuxValue("repl-offset")
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return
	}
	db, _ := info.AuxValue("repl-stream-db")
	if db == "" || db == "-1" {
		return // older servers wrote a position here that was none
	}
	b.res.ID2, b.res.End2, b.res.Position.LSN = id, wal.LSN(offset), wal.LSN(offset)
	if n, err := strconv.Atoi(db); err == nil && n >= 0 && (b.o.Databases == 0 || n < b.o.Databases) {
		b.res.DB = n
	}
}

// loadSnapshot loads an RDB from r, which has size bytes, and returns what it said of itself and the position behind it. The error is the
// reader's, or an *applyError. base says that it is the base of a log: then expired keys are loaded too (I20).
func (b *boot) loadSnapshot(r io.Reader, size int64, base bool) (*snapshot.Info, int64, error) {
	order := b.o.Hash != nil && size >= orderFrom
	so := snapshot.Options{MaxString: b.o.MaxString, SkipChecksum: b.o.SkipChecksum, Databases: b.o.Databases, Hash: b.o.Hash, Later: true}
	rd, finisher := snapshot.NewReader(r, so), snapshot.NewFinisher(so)
	defer rd.Close()
	now := b.o.Now().UnixMilli()
	drop := !base && !b.o.KeepExpired
	told := false
	produce := func(batch *itemBatch) error {
		err := batch.fill(rd, order, size)
		if !told && (err == nil || err == io.EOF) {
			told = true
			b.tellAux(rd.Info())
		}
		return err
	}
	var unfinished *snapshot.Error
	finish := func(batch *itemBatch) error {
		err := batch.finish(finisher, order)
		errors.As(err, &unfinished)
		return err
	}
	var kept, expired int64
	var dropped []snapshot.Item
	load := func(items []snapshot.Item) error {
		if drop {
			items, dropped = splitExpired(items, dropped[:0], now)
		}
		loaded := countKeys(items)
		kept += loaded
		expired += countKeys(dropped)
		if len(items) > 0 {
			if err := b.o.LoadItems(items); err != nil {
				return &applyError{pos: items[0].Pos, err: err}
			}
		}
		if len(dropped) > 0 && b.o.DropExpired != nil {
			if err := b.o.DropExpired(dropped); err != nil {
				return &applyError{pos: dropped[0].Pos, err: err}
			}
		}
		b.prog.Keys += loaded
		return nil
	}
	consume := func(batch *itemBatch) error {
		if err := load(batch.items); err != nil {
			return err
		}
		b.prog.Loaded = b.done + batch.end
		b.o.Progress(b.prog)
		return nil
	}
	batches := depth
	if order {
		batches = largeDepth
	}
	err := pipeline(batches, produce, finish, consume)
	b.res.Keys += kept
	b.res.Expired += expired
	info := rd.Info()
	if unfinished != nil { // the reader was ahead
		info.Keys = finisher.Keys()
		return info, unfinished.At, err
	}
	if err != nil {
		return info, rd.Pos(), err
	}
	if len(info.Modules) > 0 {
		return info, rd.Pos(), &moduleError{info.Modules[0]}
	}
	b.res.Functions = append(b.res.Functions, info.Functions...)
	if b.o.LoadFunctions != nil && len(info.Functions) > 0 {
		if err := b.o.LoadFunctions(info.Functions); err != nil {
			return info, rd.Pos(), &applyError{err: err}
		}
	}
	if info.Version >= 5 && info.Checksum == 0 && !b.o.SkipChecksum {
		b.warn(msgRDBNoChecksum)
	}
	b.info("%s", DescribeLoaded(kept, expired))
	return info, rd.Pos(), nil
}

// errNoChecksum says that nothing proves a snapshot.
var errNoChecksum = errors.New("it carries no checksum")

// proven refuses, in hardened mode, a snapshot that carries no checksum.
func (b *boot) proven(info *snapshot.Info) error {
	if b.o.Hardened && (info.Version < 5 || info.Checksum == 0) {
		return errNoChecksum
	}
	return nil
}

// countKeys counts keys: a large collection comes in several items.
func countKeys(items []snapshot.Item) (n int64) {
	for i := range items {
		if items[i].Begins() {
			n++
		}
	}
	return n
}

// splitExpired moves the items that expired before now to the end of dropped, and closes the gaps.
func splitExpired(items, dropped []snapshot.Item, now int64) (kept, expired []snapshot.Item) {
	kept = items[:0]
	for _, it := range items {
		if it.ExpireMs != snapshot.NoExpiry && it.ExpireMs < now {
			dropped = append(dropped, it)
		} else {
			kept = append(kept, it)
		}
	}
	return kept, dropped
}

// tellAux logs what Redis logs of the aux fields.
func (b *boot) tellAux(info *snapshot.Info) {
	for _, line := range DescribeAux(info, b.o.Now()) {
		b.info("%s", line)
	}
}

// DescribeAux is what Redis logs of the aux fields of an RDB file that is loaded now, a line each.
func DescribeAux(info *snapshot.Info, now time.Time) (lines []string) {
	for _, a := range info.Aux {
		n, err := strconv.ParseInt(a.Value, 10, 64)
		switch {
		case a.Name == "redis-ver":
			lines = append(lines, fmt.Sprintf(msgRDBVersion, a.Value))
		case a.Name == "ctime" && err == nil:
			lines = append(lines, fmt.Sprintf(msgRDBAge, max(now.Unix()-n, 0)))
		case a.Name == "used-mem" && err == nil:
			lines = append(lines, fmt.Sprintf(msgRDBMemory, float64(n)/(1<<20)))
		case a.Name == "aof-base" && a.Value == "1":
			lines = append(lines, msgRDBBase)
		}
	}
	return lines
}

// DescribeLoaded is what Redis logs when an RDB file is loaded.
func DescribeLoaded(kept, expired int64) string { return fmt.Sprintf(msgRDBDone, kept, expired) }

// moduleError says that a snapshot holds data of a module, which nothing here can load.
type moduleError struct{ name string }

// Error describes the failure.
func (e *moduleError) Error() string { return "data of module " + e.name }

// refuseSnapshot refuses over an RDB file, the base of a log if f is not nil.
func (b *boot) refuseSnapshot(a *Artifact, err error, f *logFile) error {
	if errors.Is(err, ErrStopped) {
		return err
	}
	a.Class, a.Detail = Corrupt, err.Error()
	if errors.Is(err, errNoChecksum) {
		a.Class = Unproven
		b.ev.saw(*a)
		b.ev.decided(ledger.NoChecksum, ledger.Refuse, a.Path, 0, "%v", err)
		return b.refuse(err, "No checksum proves the RDB file %s: hardened mode does not load it. To load it once, start with fr-mode strict, "+
			"and then SAVE or BGREWRITEAOF.", a.Path)
	}
	var apply *applyError
	var module *moduleError
	var bad *snapshot.Error
	switch {
	case errors.As(err, &apply), errors.As(err, &module):
		a.Class = Clean
	case !errors.As(err, &bad) || !isFormat(bad):
		a.Class = Unreadable
	}
	b.ev.saw(*a)
	rule, pos := ledger.Snapshot, int64(0)
	switch {
	case module != nil, errors.Is(err, snapshot.ErrVersion):
		rule = ledger.TooNew
	case a.Class == Unreadable:
		rule = ledger.Unreadable
	case bad != nil:
		pos = bad.Pos
	}
	b.ev.decided(rule, ledger.Refuse, a.Path, pos, "%v", err)
	switch {
	case apply != nil:
		return b.refuse(err, "Can't load the RDB file %s: %v", a.Path, err)
	case module != nil:
		return b.refuse(err, msgRDBModule, module.name)
	case a.Class == Unreadable:
		b.warn(msgReadFailed, a.Path, reason(err))
		b.warnUnread(a.Path, err)
		return b.refuse(err, msgRDBTerminate)
	}
	last := msgRDBTerminate
	switch {
	case errors.Is(bad, snapshot.ErrSignature), errors.Is(bad, snapshot.ErrVersion):
		if errors.Is(bad, snapshot.ErrSignature) {
			b.warn(msgRDBSignature)
		} else {
			var version *snapshot.VersionError
			errors.As(bad, &version)
			b.warn(msgRDBFormat, version.Version)
		}
		last = msgRDBFatal
		if f != nil {
			what := "base file"
			if f.oldStyle {
				what = "preamble"
			}
			last = fmt.Sprintf(msgRDBAborted, what, f.name)
		}
	case errors.Is(bad, snapshot.ErrDatabase):
		last = fmt.Sprintf(msgRDBDatabases, b.o.Databases)
	case errors.Is(bad, snapshot.ErrTruncated):
		b.warn(msgRDBShort)
		b.warn(msgRDBInternal, bad.Pos, "Unexpected EOF reading RDB file")
	case errors.Is(bad, snapshot.ErrChecksum):
		var sum *snapshot.ChecksumError
		errors.As(bad, &sum)
		b.warn(msgRDBChecksum, sum.Computed, sum.Recorded)
		b.warn(msgRDBInternal, bad.Pos, "RDB CRC error")
	default:
		b.warn(msgRDBInternal, bad.Pos, bad.Error())
	}
	if a.Class == Corrupt && !errors.Is(bad, snapshot.ErrVersion) && !errors.Is(bad, snapshot.ErrUnsupported) && !errors.Is(bad, snapshot.ErrDatabase) {
		b.warn("The RDB file %s is damaged at or before byte %d. Nothing was changed; 'frctl inspect %s' shows what can be read.", a.Path, bad.At, a.Path)
		switch {
		case b.hasSidecar(a.Path): // what the sidecar can do about it is told when all files have been looked at
		case f == nil:
			b.warn("No sidecar covers it, so that it cannot be repaired: put a copy of it in its place, from a backup or by 'redis-cli --rdb' from a replica, and start again.")
		default:
			b.warn("No sidecar covers it, so that it cannot be repaired: put the file of this name from a backup of %s in its place, or let a replica that has the data "+
				"be the primary, and start again.", b.dir())
		}
	}
	return b.refuse(err, "%s", last)
}

// isFormat says whether an error of the snapshot reader is about the bytes, not about reading them.
func isFormat(e *snapshot.Error) bool {
	for _, kind := range []error{snapshot.ErrCorrupt, snapshot.ErrTruncated, snapshot.ErrChecksum, snapshot.ErrSignature,
		snapshot.ErrVersion, snapshot.ErrDatabase, snapshot.ErrUnsupported} {
		if errors.Is(e, kind) {
			return true
		}
	}
	return false
}
