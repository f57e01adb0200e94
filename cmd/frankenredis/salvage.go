package main

import (
	"errors"
	"slices"

	"frankenredis/wire/engine"
)

// errSalvaging refuses what would write while a damaged log is served.
var errSalvaging = errors.New("the server was started with --salvage: it serves what is left of a damaged log and writes nothing")

// salvageArgument takes the flag --salvage for the directive it stands for.
func salvageArgument(argv []string) []string {
	i := slices.Index(argv, "--salvage")
	if i < 1 || i+1 < len(argv) && (argv[i+1] == "yes" || argv[i+1] == "no") {
		return argv
	}
	return slices.Concat(argv[:i], []string{"--fr-salvage", "yes"}, argv[i+1:])
}

// salvaging says that the server serves a prefix of its log, read-only: it has no log, saves nothing, follows nobody, and nobody may
// follow it (I22).
func (s *server) salvaging() bool { return s.cfg.Bool("fr-salvage") && s.cfg.Bool("appendonly") }

func (s *server) infoSalvage(w *engine.InfoWriter) {
	if !s.salvaging() || s.load.result == nil || s.load.result.Salvaged == nil {
		return
	}
	v := s.load.result.Salvaged
	w.Field("fr_salvaged_up_to_lsn", uint64(v.LSN))
	w.Field("fr_salvaged_file", v.Path)
	w.Field("fr_salvaged_pos", v.Pos)
	w.Field("fr_salvaged_proven", bit(v.Proven || v.Path == ""))
	w.Field("fr_salvaged_lost_bytes", v.Lost)
}
