package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/wal/disk"
	"frankenredis/wire/config"
)

// The configuration, the ACL file and nodes.conf are rewritten by the server and edited by people. Each is compared with its sidecar before the
// server goes by it or writes it anew. What is damaged for certain is refused, and in hardened mode brought back; anything else is taken for an
// edit: it is covered as it is and never changed back, and what it was is kept. The ledger is compared before it is gone on with.

// errStale says that the configuration was brought back after it had been read: the process has to begin anew.
var errStale = errors.New("the configuration was repaired, and had been read before")

// maxText bounds a text in bytes; config refuses a larger one.
const maxText = 64 << 20

// changedText is a text that is not as its sidecar says.
type changedText struct {
	path, name string
	r          heal.Report
	why        string // why that is damage; "": it may be an edit
	was        []byte // what is covered; nil: that is lost
}

func (t *changedText) gone() bool { return t.r.Found < 0 }

// changed compares a text with its sidecar; nil: it is as covered, or not covered.
func (c *covers) changed(st *heal.Store, path string) (*changedText, error) {
	name := st.NameOf(path)
	e, ok := st.Entry(name)
	if !ok {
		return nil, nil
	}
	r, err := st.Verify(name)
	if err != nil || r.State == heal.Clean || r.State == heal.Sidecar {
		return nil, err
	}
	t := &changedText{path: path, name: name, r: r}
	if t.was, err = st.Was(name, maxText); err != nil && !errors.Is(err, heal.ErrBeyond) {
		return nil, err
	}
	if t.gone() {
		t.why = "it is gone"
		return t, nil
	}
	is, err := disk.ReadFile(c.s.fs, path, maxText)
	if err != nil {
		return nil, err
	}
	if c.untouched(path, time.UnixMilli(e.Made)) {
		t.why = "nobody has written to it since it was covered"
	} else {
		t.why = damageOfText(t.was, is)
	}
	return t, nil
}

// untouched says that the file at path was neither written nor replaced since made: the system has no later time of change of it, which nobody
// can set. Where a link leads there the file may be another than it was.
func (c *covers) untouched(path string, made time.Time) bool {
	const tick = 20 * time.Millisecond // times of change are this coarse at most
	if to, err := filepath.EvalSymlinks(path); err != nil || to != filepath.Clean(path) {
		return false
	}
	info, err := c.s.fs.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && time.Unix(st.Ctim.Unix()).Add(tick).Before(made)
}

// edited says whether a text that is not what st has covered may be an edit. What it was is kept then, as far as that goes. The worker of sidecars.
func (c *covers) edited(st *heal.Store, path string) bool {
	t, err := c.changed(st, path)
	if err != nil || t == nil || t.why != "" {
		return false
	}
	if kept := c.keep(st, t); kept != "" {
		c.s.logger.Info("What " + path + " was is in " + kept)
	}
	return true
}

// keep puts what a text was into the quarantine and returns where; "": it is lost, or cannot be written.
func (c *covers) keep(st *heal.Store, t *changedText) string {
	if t.was == nil {
		return ""
	}
	kept, err := st.Keep(t.name, t.was)
	if err != nil {
		c.s.logger.Warn("What " + t.path + " was cannot be kept: " + err.Error())
		return ""
	}
	return kept
}

// compares says that there are sidecars to compare with. Where another server looks after the folder they may be older than the files.
func (c *covers) compares() bool { return c != nil && c.loading != nil && c.loading.Writes() }

// judgeTexts judges the configuration, the ACL file and the ledger. An error was logged; with errStale the process is to begin anew.
func (s *server) judgeTexts() error {
	if !s.covers.compares() {
		return nil
	}
	stale := false
	if conf := s.cfg.File(); conf != "" {
		for _, path := range []string{conf, config.OwnFile(conf)} {
			mended, err := s.judgeText(path, path != conf)
			if err != nil {
				return err
			}
			stale = stale || mended
		}
	}
	if stale {
		s.recordNow()
		if err := s.covers.loading.Close(); err != nil {
			return err
		}
		s.logger.Warn("The configuration is as it was covered. Starting anew with it.")
		return errStale
	}
	if path := s.cfg.Path("aclfile"); path != "" {
		if _, err := s.judgeText(path, false); err != nil {
			return err
		}
	}
	return s.judgeLedger()
}

// judgeNodes judges nodes.conf, whose lock the server has. An error was logged.
func (s *server) judgeNodes() error {
	mended, err := s.judgeText(s.nodes.path, true)
	if err != nil || !mended {
		return err
	}
	// The file may be another by now.
	if err := s.nodes.lock.Close(); err != nil {
		return s.refuse("%v", err)
	}
	s.nodes.lock = nil
	if err := s.nodes.takeLock(); err != nil {
		return s.refuse("%v", err)
	}
	return nil
}

// judgeText judges one text. mended says that it was brought back. Without an optional one the server goes on as it would without it ever having
// been there, unless its mode is hardened; of another the reader says that it is gone. An empty nodes.conf is as good as none, as in Redis.
func (s *server) judgeText(path string, optional bool) (mended bool, err error) {
	c := s.covers
	if !c.compares() {
		return false, nil
	}
	st := c.loading
	t, err := c.changed(st, path)
	switch {
	case err != nil:
		s.logger.Warn(path + " cannot be compared with its sidecar: " + err.Error()) // whoever reads it will tell more
		return false, nil
	case t == nil:
		return false, nil
	case t.why == "":
		s.takeEdit(t)
		return false, nil
	}
	hardened := s.cfg.Enum("fr-mode") == "hardened"
	text := recovery.DescribeDamage(&t.r)
	if !t.gone() {
		text += " (" + t.why + ")"
	}
	x := ledger.Entry{Rule: ledger.CoverDamage, Decision: ledger.Refuse, Artifact: path, Kind: "cover", Class: string(t.r.State), Bytes: t.r.Size, Detail: text, Replay: "frctl verify " + path}
	if len(t.r.Bad) > 0 {
		x.Pos = t.r.Bad[0].Pos
	}
	without := optional && (t.gone() || t.r.Found == 0)
	switch {
	case without && !hardened:
		kept := c.keep(st, t)
		if err := st.Forget(t.name); err != nil {
			s.logger.Warn(path + ": " + err.Error())
		}
		x.Rule, x.Decision = ledger.MissingFile, ledger.Accept
		s.evidence.early = append(s.evidence.early, x)
		s.logger.Warn(fmt.Sprintf("%s is gone or empty, and had %d bytes: starting without them. What it was is in %s", path, t.r.Size, kept))
		return false, nil
	case t.gone() && !optional:
		s.logger.Warn(fmt.Sprintf("%s is gone, and had %d bytes. To bring it back: %s", path, t.r.Size, s.healCommand("repair", t)))
		return false, nil
	case hardened && !without && t.r.State != heal.Beyond:
		r, err := st.Repair(t.name, true)
		if err != nil {
			x.Detail += ": " + err.Error()
			s.recordNow(x)
			return false, s.refuse("%s is damaged and can't be repaired: %v", path, err)
		}
		x.Rule, x.Decision = ledger.Repaired, ledger.Change
		s.evidence.early = append(s.evidence.early, x)
		s.logger.Warn(fmt.Sprintf("%s was damaged and is repaired: %s. What was there is in %s", path, text, strings.Join(r.Quarantine, ", ")))
		return true, nil
	case t.r.State == heal.Beyond:
		s.recordNow(x)
		return false, s.refuse("%s is damaged beyond what its sidecar can repair: %s. Nothing was changed. If it is meant to be so: %s", path, text, s.healCommand("protect --forget", t))
	}
	s.recordNow(x)
	return false, s.refuse("%s is damaged: %s. Nothing was changed. To bring it back: %s. If it is meant to be so: %s", path, text,
		s.healCommand("repair", t), s.healCommand("protect --forget", t))
}

// takeEdit covers a text as it is.
func (s *server) takeEdit(t *changedText) {
	c := s.covers
	text := t.path + " is not what its sidecar described, and reads as a text: it is taken for an edit and covered as it is"
	kept := c.keep(c.loading, t)
	if kept != "" {
		text += ". What it was is in " + kept
	}
	s.logger.Info(text)
	if _, err := c.loading.Protect(t.name); err != nil {
		s.logger.Warn("No sidecar for " + t.path + ": " + err.Error())
	}
	s.evidence.early = append(s.evidence.early, ledger.Entry{Rule: ledger.FileReplaced, Decision: ledger.Accept, Artifact: t.path, Kind: "cover", Class: string(t.r.State),
		Bytes: t.r.Found, Detail: "it is taken for an edit: " + recovery.DescribeDamage(&t.r), Replay: "frctl verify " + t.path})
}

// healCommand is the command line of frctl that does what on a text.
func (s *server) healCommand(what string, t *changedText) string {
	words := []string{"frctl", what}
	if what == "repair" && t.r.Found > t.r.Size {
		words = append(words, "--cut")
	}
	if dir := filepath.Dir(t.path); dir != s.dir && filepath.Dir(dir) != s.dir {
		words = append(words, "--root", s.dir)
	}
	if key := s.cfg.Path("fr-integrity-key-file"); key != "" {
		words = append(words, "--key-file", key)
	}
	return strings.Join(append(words, t.path), " ")
}

// judgeLedger judges the segment of the ledger that is about to be gone on with. What is beyond repair the ledger itself sets apart and tells.
func (s *server) judgeLedger() error {
	if s.cfg.Bytes("fr-ledger-limit") == 0 {
		return nil
	}
	names, err := s.fs.List(s.dataPath(ledgerDir))
	if err != nil {
		return nil // there is none, or the ledger says why it cannot be read
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".jsonl") })
	if len(names) == 0 {
		return nil
	}
	st := s.covers.loading
	path := s.dataPath(filepath.Join(ledgerDir, slices.Max(names)))
	r, err := st.Verify(st.NameOf(path))
	if err != nil || r.State != heal.Damaged {
		return nil
	}
	text := recovery.DescribeDamage(&r)
	if s.cfg.Enum("fr-mode") != "hardened" {
		return s.refuse("%s is damaged: %s. Nothing was changed. To bring it back: %s. To do without: move it away", path, text,
			s.healCommand("repair", &changedText{path: path, r: heal.Report{}}))
	}
	if _, err := st.RepairFound(r, false); err != nil {
		return s.refuse("%s is damaged and can't be repaired: %v", path, err)
	}
	s.logger.Warn(path + " was damaged and is repaired: " + text)
	s.evidence.early = append(s.evidence.early, ledger.Entry{Rule: ledger.Repaired, Decision: ledger.Change, Artifact: path, Kind: "cover", Class: string(r.State), Bytes: r.Size,
		Detail: text, Replay: "frctl verify " + path})
	return nil
}

// recordNow records what is known, and entries, before the process ends: the ledger is not open yet.
func (s *server) recordNow(entries ...ledger.Entry) {
	s.openLedger()
	s.recordEarly()
	for _, e := range entries {
		s.record(e)
	}
	s.closeLedger()
	s.evidence.book = nil
}

// hintAtCover says on w, of a configuration file that cannot be read as one, whether it is as its sidecar says.
func hintAtCover(w io.Writer, conf, dir string) {
	if conf == "" {
		return
	}
	roots := []string{filepath.Dir(conf), dir}
	if text, err := config.ReadText(disk.OS(), conf); err == nil {
		for line := range strings.Lines(text) {
			if words := strings.Fields(line); len(words) == 2 && words[0] == "dir" {
				roots = append(roots, filepath.Join("/", strings.Trim(words[1], `"'`)))
			}
		}
	}
	for _, root := range slices.Compact(roots) {
		st, err := heal.Open(heal.Options{FS: disk.OS(), Root: root}, false)
		if err != nil {
			continue
		}
		for _, path := range []string{conf, config.OwnFile(conf)} {
			if r, err := st.Verify(st.NameOf(path)); err == nil && (r.State == heal.Damaged || r.State == heal.Extended) {
				fmt.Fprintf(w, "%s is not what its sidecar describes (%s). If nobody has edited it: frctl repair --root %s %s\n", path, recovery.DescribeDamage(&r), root, path)
			}
		}
	}
}
