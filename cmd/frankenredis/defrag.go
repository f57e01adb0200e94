package main

import (
	"fmt"
	"time"

	"frankenredis/kv/arena"
	"frankenredis/wire/engine"
)

// With activedefrag on, the executor moves blocks out of pages that are mostly empty (kv.Keyspace.Defrag), when and as hard as the
// active-defrag-* parameters say in Redis, but in slices: Redis's share of a tick would stop it for 25 ms and more at a time.

// defragSlice is how long blocks are moved at a time; between two slices is as much time as the share of the processor says.
const defragSlice = 500 * time.Microsecond

// defragState is what the server remembers of active defragmentation.
type defragState struct {
	percent int           // of the processor, while blocks are moved; else 0
	since   time.Time     // when that began
	total   time.Duration // of all former such times
	hits    int64         // when the pass under way began
}

// defragLevel says how hard to defragment now: 0 where it is not worth while.
func (s *server) defragLevel() int {
	if !s.cfg.Bool("activedefrag") {
		return 0
	}
	percent, bytes := s.fragmentation()
	lower, upper := float64(s.cfg.Int("active-defrag-threshold-lower")), float64(s.cfg.Int("active-defrag-threshold-upper"))
	if percent < lower || bytes < s.cfg.Bytes("active-defrag-ignore-bytes") {
		return 0
	}
	least, most := s.cfg.Int("active-defrag-cycle-min"), s.cfg.Int("active-defrag-cycle-max")
	level := float64(least)
	if upper > lower {
		level += (percent - lower) * float64(most-least) / (upper - lower)
	}
	return int(min(max(level, float64(least)), float64(most)))
}

// fragmentation is by how much the pages are larger than the blocks in them.
func (s *server) fragmentation() (percent float64, bytes int64) {
	st := s.ks.Arena().Stats()
	pages := st.Pages * arena.PageSize
	return 100*float64(pages)/float64(max(st.UsedBytes, 1)) - 100, pages - st.UsedBytes
}

// defragPause is the time until defragment is called next.
func (s *server) defragPause() time.Duration {
	d := &s.defrag
	switch {
	case d.percent == 0:
		return time.Second
	case s.ks.Arena().Views() > 0:
		return 100 * time.Millisecond
	}
	return defragSlice * time.Duration(100-d.percent) / time.Duration(d.percent)
}

// defragment does a slice if there is something to be gained, which is looked into once a second, and after each pass.
func (s *server) defragment() {
	d := &s.defrag
	if s.eng.Loading() {
		return
	}
	if d.percent == 0 {
		d.percent = s.defragLevel()
		if d.percent == 0 {
			return
		}
		d.since, d.hits = time.Now(), s.ks.DefragStats().Hits
		percent, bytes := s.fragmentation()
		s.logger.Debug(fmt.Sprintf("Starting active defrag, frag=%.0f%%, frag_bytes=%d, cpu=%d%%", percent, bytes, d.percent))
	} else if !s.cfg.Bool("activedefrag") {
		s.ks.StopDefrag()
	}
	began := time.Now()
	more := s.ks.Defrag(defragSlice, int(s.cfg.Int("active-defrag-max-scan-fields")))
	s.eng.SampleLatency("active-defrag-cycle", time.Since(began))
	if more {
		d.percent = max(d.percent, s.defragLevel())
		return
	}
	// A pass is over. Another one at once only if this one has moved something and there is still reason to.
	moved := s.ks.DefragStats().Hits - d.hits
	level := s.defragLevel()
	if moved > 0 && level > 0 {
		d.hits += moved
		d.percent = level
		return
	}
	percent, bytes := s.fragmentation()
	s.logger.Debug(fmt.Sprintf("Active defrag done in %dms, reallocated=%d, frag=%.0f%%, frag_bytes=%d", time.Since(d.since).Milliseconds(),
		moved, percent, bytes))
	d.total += time.Since(d.since)
	d.percent = 0
}

// defragTime is how long the data has been fragmented enough for blocks to be moved, ever and since it last began to be.
func (s *server) defragTime() (total, current time.Duration) {
	if s.defrag.percent > 0 {
		current = time.Since(s.defrag.since)
	}
	return s.defrag.total + current, current
}

func (s *server) infoDefrag(w *engine.InfoWriter) {
	st := s.ks.DefragStats()
	w.Field("active_defrag_hits", st.Hits)
	w.Field("active_defrag_misses", st.Misses)
	w.Field("active_defrag_key_hits", st.KeyHits)
	w.Field("active_defrag_key_misses", st.KeyMisses)
	total, current := s.defragTime()
	w.Field("total_active_defrag_time", total.Milliseconds())
	w.Field("current_active_defrag_time", current.Milliseconds())
}
