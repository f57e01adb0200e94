package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"frankenredis/heal"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// look examines the directory.
func (d *doctor) look() error {
	if err := d.find(); err != nil {
		return err
	}
	for _, m := range d.logs {
		d.lookAtLog(m)
	}
	for _, path := range d.olds {
		d.lookAtOldLog(path)
	}
	d.lookAtDumps()
	if len(d.logs) == 0 && len(d.olds) == 0 && len(d.dumps) == 0 {
		d.say(advised, "log", time.Time{}, "start the server with --appendonly yes", "There is no data here: neither an append-only file nor a snapshot.")
		return nil
	}
	d.lookAtCover()
	d.lookAtLedger()
	d.say(good, "copies", time.Time{}, "", "What is here is one copy: a lost disk takes all of it, a replica or a copy elsewhere does not.")
	return nil
}

// find lists what is in the directory and one level below: appenddirname may be any.
func (d *doctor) find() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, name := range oldLogs(disk.OS(), d.dir) {
		d.olds = append(d.olds, filepath.Join(d.dir, name))
	}
	dirs := []string{d.dir}
	for _, e := range entries {
		if e.IsDir() && e.Name() != heal.Folder && e.Name() != "ledger" && e.Name() != "quarantine" {
			dirs = append(dirs, filepath.Join(d.dir, e.Name()))
		}
	}
	for _, dir := range dirs {
		names, err := disk.OS().List(dir)
		if err != nil {
			continue // somebody else's
		}
		for _, n := range names {
			switch {
			case strings.HasSuffix(n, ".manifest"):
				d.logs = append(d.logs, filepath.Join(dir, n))
			case dir == d.dir && strings.HasSuffix(n, ".rdb") && !strings.HasPrefix(n, "temp-"):
				d.dumps = append(d.dumps, filepath.Join(dir, n))
			}
		}
	}
	return nil
}

// lookAtLog says what an append-only file holds and how far it is durable.
func (d *doctor) lookAtLog(manifest string) {
	fsys, dir := disk.OS(), filepath.Dir(manifest)
	name := strings.TrimSuffix(filepath.Base(manifest), ".manifest")
	check := "frctl check " + dir
	l, err := wal.ReadDirectory(fsys, dir, name)
	if err != nil || l.Manifest == nil {
		d.say(urgent, "log", time.Time{}, check, "The append-only file in %s cannot be read: %v.", dir, err)
		return
	}
	var size int64
	var newest time.Time
	refs := l.Manifest.Incrs
	if l.Manifest.Base != nil {
		refs = append([]wal.FileRef{*l.Manifest.Base}, refs...)
	}
	for _, r := range refs {
		path := filepath.Join(dir, r.Name)
		d.files = append(d.files, path)
		info, err := os.Stat(path)
		if err != nil {
			d.say(urgent, "log", time.Time{}, check, "The manifest names %s, which is not there: a start is refused.", path)
			continue
		}
		size += info.Size()
		newest = later(newest, info.ModTime())
	}
	d.say(good, "log", time.Time{}, "", "The append-only file in %s holds %s in %s, last written %s ago.", dir, sizeText(size), count(int64(len(refs)), "file"), ago(d.now.Sub(newest)))
	w, err := wal.ReadWatermark(fsys, dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || l.Facts == nil:
		d.say(advised, "log", time.Time{}, "start the server on it once: it writes down what it finds and how far that is durable",
			"A stock server wrote it last, or our lines are turned off: where it ends durably is written nowhere, so a torn end cannot be told from damage.")
	case err != nil:
		d.say(advised, "log", time.Time{}, check, "How far it is durable cannot be read: %v.", err)
	case w.Clean && grown(dir, refs, w) > 0:
		d.say(advised, "log", time.UnixMilli(w.Millis), "start the server on it once: it writes down what it finds and how far that is durable",
			"Up to LSN %d everything is durable: our server was stopped in order. Another one has appended %s since, of which nothing is known.", w.LSN, sizeText(grown(dir, refs, w)))
	case w.Clean:
		d.say(good, "log", time.UnixMilli(w.Millis), "", "All of it, up to LSN %d, is durable: the server was stopped in order.", w.LSN)
	default:
		d.say(good, "log", time.UnixMilli(w.Millis), "", "Everything up to LSN %d is durable, against a power cut too; what came later is as safe as appendfsync says. The server runs, or did not end in order.", w.LSN)
	}
	if l.Mending {
		d.say(advised, "log", time.Time{}, "start the server: it finishes the repair", "A repair after an I/O error was cut short; nothing is lost.")
	}
}

// lookAtOldLog says what becomes of an append-only file from before Redis 7.
func (d *doctor) lookAtOldLog(path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // gone meanwhile
	}
	if len(d.logs) > 0 {
		d.say(good, "log", info.ModTime(), "", "The append-only file %s is from before Redis 7, in %s: a start reads the log with the manifest, not this.", path, sizeText(info.Size()))
		return
	}
	d.files = append(d.files, path)
	d.say(advised, "log", info.ModTime(), "start the server with --appendonly yes, and --appendfilename "+filepath.Base(path)+", on a copy first",
		"The append-only file %s, as Redis wrote it before 7, holds %s: a start takes it into a folder of its own, from where Redis before 7 does not read it.", path, sizeText(info.Size()))
}

// grown is how many bytes stand behind the durable end.
func grown(dir string, refs []wal.FileRef, w wal.Watermark) (n int64) {
	for _, r := range refs {
		if info, err := os.Stat(filepath.Join(dir, r.Name)); err == nil && r.Type == wal.IncrFile && r.Seq >= w.Seq {
			n += info.Size()
			if r.Seq == w.Seq {
				n -= w.Pos
			}
		}
	}
	return n
}

func (d *doctor) lookAtDumps() {
	for _, path := range d.dumps {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		d.files = append(d.files, path)
		if len(d.logs)+len(d.olds) > 0 {
			d.say(good, "snapshot", info.ModTime(), "", "The snapshot %s holds the data as it was then, in %s; with appendonly yes a start does not read it.", path, sizeText(info.Size()))
			continue
		}
		d.say(advised, "snapshot", info.ModTime(), "redis-cli CONFIG SET appendonly yes, and CONFIG REWRITE",
			"The snapshot %s is all there is, %s: what was written after it is lost when the process ends otherwise than in order.", path, sizeText(info.Size()))
	}
}

// lookAtCover says which of the files could be brought back after damage.
func (d *doctor) lookAtCover() {
	protect := "frctl protect " + d.dir
	s, err := heal.Open(heal.Options{FS: disk.OS(), Root: d.dir}, false)
	if errors.Is(err, fs.ErrPermission) {
		d.cannotRead("cover", "Which files have a sidecar", err)
		return
	}
	if err != nil {
		d.say(advised, "cover", time.Time{}, protect, "No file has a sidecar (%v): damage is found where a format has a checksum, and nothing can be brought back.", err)
		return
	}
	defer s.Close()
	if n := s.CatalogDamaged(); n > 0 {
		d.say(advised, "cover", time.Time{}, "frctl scrub "+d.dir, "Of the three copies of the sidecars' catalog %d cannot be read.", n)
	}
	covered, oldest, bare := d.covered(s)
	keeper := ""
	if len(bare) > 0 {
		if keeper = d.keeper(bare); keeper != "" {
			covered, oldest, bare = d.awaitCover(covered, oldest, bare)
		}
	}
	switch {
	case len(bare) > 0 && keeper != "":
		d.say(advised, "cover", time.Time{}, "redis-cli FR.SCRUB STATUS, and the server's log", "The server at %s looks after the sidecars, and has none for: %s.", keeper, strings.Join(bare, ", "))
		if covered == 0 {
			return
		}
	case covered == 0:
		d.say(advised, "cover", time.Time{}, protect, "No file has a sidecar: damage is found where a format has a checksum, and nothing can be brought back.")
		return
	case len(bare) > 0:
		d.say(advised, "cover", time.Time{}, protect, "Without a sidecar, so that nothing of it can be brought back: %s.", strings.Join(bare, ", "))
	}
	d.say(good, "cover", oldest, "", "%s a sidecar: bytes that change or vanish there, within its budget, come back exactly. Each was read whole, or covered.", has(covered))
	const long = 30 * 24 * time.Hour
	if d.now.Sub(oldest) > long {
		d.say(advised, "cover", time.Time{}, "frctl scrub "+d.dir, "Damage adds up unseen until somebody looks: it is long ago that somebody did.")
	}
}

// covered counts the files that s has sidecars of, says when the one that was not looked at for longest was, and names those without.
func (d *doctor) covered(s *heal.Store) (n int, oldest time.Time, bare []string) {
	for _, path := range d.files {
		e, ok := s.Entry(s.NameOf(path))
		if !ok {
			if info, err := os.Stat(path); err != nil || info.Size() > 0 { // what is empty has nothing to lose
				bare = append(bare, path)
			}
			continue
		}
		n++
		if seen := time.UnixMilli(e.Seen()); oldest.IsZero() || seen.Before(oldest) {
			oldest = seen
		}
	}
	return n, oldest, bare
}

// keeper is the address of the server that looks after the sidecars; "": none answers. One that has just begun to write bare says a moment later
// where it is.
func (d *doctor) keeper(bare []string) string {
	young := slices.ContainsFunc(bare, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && d.now.Sub(info.ModTime()) < 3*time.Second
	})
	c, err := askServer(d.dir)
	for end := time.Now().Add(time.Second); err != nil && young && time.Now().Before(end); c, err = askServer(d.dir) {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return ""
	}
	defer c.Close() // nothing was written
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.do("PING"); err != nil && !strings.HasPrefix(err.Error(), "NOAUTH") && !strings.HasPrefix(err.Error(), "LOADING") {
		return ""
	}
	return c.RemoteAddr().String()
}

// awaitCover looks again until everything has a sidecar, for some seconds: a server covers a new file up to a second behind.
func (d *doctor) awaitCover(n int, oldest time.Time, bare []string) (int, time.Time, []string) {
	for end := time.Now().Add(3 * time.Second); len(bare) > 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s, err := heal.Open(heal.Options{FS: disk.OS(), Root: d.dir}, false)
		if err != nil {
			continue // the server is just writing it
		}
		n, oldest, bare = d.covered(s)
		_ = s.Close() // it was only read
	}
	return n, oldest, bare
}

func has(n int) string {
	if n == 1 {
		return "One file has"
	}
	return count(int64(n), "file") + " have"
}

// lookAtLedger says how the last start and stop went, and what was found since.
func (d *doctor) lookAtLedger() {
	dir, err := ledgerIn(d.dir)
	if errors.Is(err, fs.ErrPermission) {
		d.cannotRead("ledger", "The ledger", err)
		return
	}
	if err != nil {
		d.say(advised, "ledger", time.Time{}, "start the server on it; fr-ledger-limit is above 0 unless it was set otherwise", "There is no ledger: what was cut, refused or replaced here is told by log files at best.")
		return
	}
	var started, failing *ledger.Record
	var told []ledger.Record // what a person should know, since the last start before it
	rep, err := ledger.Walk(disk.OS(), dir, func(r *ledger.Record) error {
		switch r.Rule {
		case ledger.Started.Number:
			started, failing = new(*r), nil
		case ledger.LogFailed.Number, ledger.SaveFailed.Number:
			failing = new(*r)
		case ledger.LogHealed.Number:
			failing = nil
		}
		if slices.Contains([]ledger.Decision{ledger.Cut, ledger.Quarantine, ledger.SetAside}, r.Decision) || r.Decision == ledger.Refuse && r.Rule < ledger.Protocol.Number && r.Rule != ledger.Started.Number {
			told = append(told, *r)
		}
		return nil
	})
	if err != nil {
		d.say(advised, "ledger", time.Time{}, "frctl evidence verify "+dir, "The ledger cannot be read: %v.", err)
		return
	}
	if !rep.Sound() {
		d.say(advised, "ledger", time.Time{}, "frctl evidence verify "+dir, "The ledger is damaged: its records do not prove what they say.")
	}
	if started != nil {
		if started.Decision == ledger.Refuse {
			d.say(urgent, "ledger", started.Time, "frctl evidence show "+d.dir+"; frctl explain REASON", "The last start was refused: %s.", started.Detail)
		} else {
			d.say(good, "ledger", started.Time, "", "The last start took the data as it is: %s.", started.Detail)
		}
	}
	if failing != nil {
		d.say(advised, "ledger", failing.Time, "frctl explain "+failing.Reason, "Since that start something cannot be written: %s %s.", failing.Artifact, failing.Detail)
	}
	const most = 3
	if more := len(told) - most; more > 0 {
		d.say(good, "ledger", time.Time{}, "frctl evidence show "+d.dir, "%d earlier records tell of what was cut, set aside, repaired or refused.", more)
		told = told[more:]
	}
	for _, r := range told {
		d.say(good, "ledger", r.Time, "frctl explain "+r.Reason, "%s: %s %s %s.", r.Decision, r.Reason, r.Artifact, r.Detail)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
