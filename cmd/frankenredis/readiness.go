package main

import (
	"frankenredis/recovery"
	"frankenredis/wire/engine"
)

// The pace of a start for a server that has not loaded enough to know its own, in bytes a second of snapshots and of commands: what a busy
// machine of two cores reached.
const (
	usualBasePace = 60 << 20
	usualLogPace  = 40 << 20
)

// readiness predicts what a start would take now.
type readiness struct {
	base, log int64 // bytes to read
	seconds   float64
	measured  bool // at the pace of the last start, not at a usual one
}

// readiness is what a start after a stop at this moment would have to read. Executor only.
func (s *server) readiness() readiness {
	var r readiness
	switch {
	case s.log != nil:
		st := s.log.Status()
		r.base = min(s.baseSize(), st.Size)
		r.log = st.Size - r.base
	default:
		r.base = s.saves.size
	}
	r.measured = true
	var read recovery.Result
	if s.load.result != nil {
		read = *s.load.result
	}
	for _, part := range []struct {
		bytes int64
		read  recovery.Read
		usual float64
	}{{r.base, read.BaseRead, usualBasePace}, {r.log, read.LogRead, usualLogPace}} {
		if part.bytes == 0 {
			continue
		}
		seconds, ok := part.read.Seconds(part.bytes)
		if !ok {
			r.measured = false
			seconds = float64(part.bytes) / part.usual
		}
		r.seconds += seconds
	}
	return r
}

// baseSize is the size of the log's base in bytes: what the last rewrite wrote, or the start found.
func (s *server) baseSize() int64 {
	if s.rewrites.size > 0 {
		return s.rewrites.size
	}
	if s.load.result != nil {
		return s.load.result.BaseRead.Bytes
	}
	return 0
}

// infoReadiness shows how long the next start will take, before it is needed.
func (s *server) infoReadiness(w *engine.InfoWriter) {
	if s.eng.Loading() {
		if p := s.load.progress.Load(); p != nil {
			w.Field("fr_loading_file", p.File)
			w.Field("fr_loading_keys", p.Keys)
			w.Field("fr_loading_commands", p.Commands)
		}
		return
	}
	if r := s.load.result; r != nil {
		w.Field("fr_loaded_keys", r.Keys)
		w.Field("fr_loaded_commands", r.Commands)
		w.Field("fr_loaded_bytes", r.Bytes)
	}
	r := s.readiness()
	basis := "usual"
	if r.measured {
		basis = "measured"
	}
	w.Field("fr_restart_snapshot_bytes", r.base)
	w.Field("fr_restart_log_bytes", r.log)
	w.Fieldf("fr_restart_seconds", "%.1f", r.seconds)
	w.Field("fr_restart_pace", basis)
}
