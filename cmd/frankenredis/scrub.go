package main

import (
	"path/filepath"
	"time"

	"frankenredis/heal"
	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// errNoSidecars is what FR.SCRUB says without any.
const errNoSidecars = engine.ReplyError("ERR This server keeps no sidecars: fr-sidecars is no, or the data set is being loaded")

// scrub is FR.SCRUB.
func (s *server) scrub(c *engine.Call, q engine.ScrubRequest) error {
	var k *heal.Keeper
	if s.covers != nil {
		s.covers.mu.Lock()
		k = s.covers.keeper
		s.covers.mu.Unlock()
	}
	if k == nil {
		return errNoSidecars
	}
	switch q.What {
	case engine.ScrubStart:
		k.Scrub(false)
		c.W.Simple("Scrub started")
	case engine.ScrubStop:
		if !k.StopScrub() {
			return engine.ReplyError("ERR No scrub is under way")
		}
		c.W.OK()
	case engine.ScrubRepair:
		if q.Path == "" {
			k.Scrub(true)
		} else {
			path := q.Path
			if !filepath.IsAbs(path) {
				path = s.dataPath(path)
			}
			k.Repair(filepath.Clean(path))
		}
		c.W.Simple("Repair started")
	default:
		writeScrubStatus(c, k.Status(), &s.covers.names)
	}
	return nil
}

// writeScrubStatus replies a map of how things are.
func writeScrubStatus(c *engine.Call, st heal.KeeperStatus, names *naming) {
	numbers := scrubNumbers(st, names)
	c.W.Map(len(numbers) + 2)
	writeNumbers(c, numbers)
	c.W.BulkString("current")
	c.W.BulkString(st.Current)
	c.W.BulkString("damaged")
	c.W.Array(len(st.Damaged))
	for _, r := range st.Damaged {
		e := names.of(r.Name)
		if e != nil {
			c.W.Map(5 + extentFields)
		} else {
			c.W.Map(5)
		}
		for _, t := range []struct{ name, value string }{{"file", r.Name}, {"state", string(r.State)}} {
			c.W.BulkString(t.name)
			c.W.BulkString(t.value)
		}
		at := int64(0)
		if len(r.Bad) > 0 {
			at = r.Bad[0].Pos
		}
		writeNumbers(c, []scrubNumber{{"cells", int64(r.Cells)}, {"first-byte", at}, {"lost-bytes", lostBytes(&r)}})
		if e != nil {
			writeExtent(c, e)
		}
	}
}

type scrubNumber struct {
	name  string
	value int64
}

// writeNumbers writes the fields of a map.
func writeNumbers(c *engine.Call, numbers []scrubNumber) {
	for _, n := range numbers {
		c.W.BulkString(n.name)
		c.W.Int(n.value)
	}
}

// scrubNumbers are the figures of FR.SCRUB STATUS and INFO.
func scrubNumbers(st heal.KeeperStatus, names *naming) []scrubNumber {
	unix := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	return []scrubNumber{{"files", int64(st.Files)}, {"growing", int64(st.Growing)}, {"bytes", st.Bytes}, {"bytes-behind", st.Behind}, {"waiting", int64(st.Waiting)},
		{"scrubbing", int64(bit(st.Scrubbing))}, {"left", int64(st.Left)}, {"scrubs", st.Scrubs}, {"last-scrub", unix(st.LastScrub)},
		{"oldest-unscrubbed", unix(st.Oldest)}, {"bytes-read", st.BytesRead}, {"damaged-files", int64(len(st.Damaged))},
		{"damaged-cells-found", st.CellsFound}, {"files-repaired", st.Repaired}, {"files-beyond-repair", st.FilesBeyond},
		{"sidecars-made-anew", st.CoversMade}, {"files-replaced", st.Replaced},
		{"naming", int64(names.left())}}
}

// infoCovers shows how the sidecars are.
func (s *server) infoCovers(w *engine.InfoWriter) {
	w.Field("fr_sidecars_enabled", bit(s.covers != nil))
	if s.covers == nil {
		return
	}
	s.covers.mu.Lock()
	k := s.covers.keeper
	s.covers.mu.Unlock()
	if k == nil {
		return
	}
	st := k.Status()
	w.Field("fr_sidecars_status", status(st.Err != nil))
	for _, n := range scrubNumbers(st, &s.covers.names) {
		w.Field("fr_sidecars_"+underscored(n.name), n.value)
	}
}

// underscored is a name as INFO has them.
func underscored(name string) string {
	p := []byte(name)
	for i := range p {
		if p[i] == '-' {
			p[i] = '_'
		}
	}
	return string(p)
}

// coverOf says how the end of the log is covered, of which lsn is said to be.
func (s *server) coverOf(lsn wal.LSN) string {
	switch {
	case s.covers == nil:
		return "none"
	case lsn == wal.MaxLSN:
		return "adrift"
	}
	return "kept"
}
