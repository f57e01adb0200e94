package recovery

import (
	"fmt"
	"io"
	"path/filepath"

	"frankenredis/recovery/ledger"
)

// mode is fr-mode's word.
func (o *Options) mode() string {
	if o.Hardened {
		return "hardened"
	}
	return "strict"
}

// digestMost bounds the files whose bytes are all read once more for a digest.
const digestMost = 16 << 20

// digestOf is the digest of a small file and the tail digest of a large one; "" if it cannot be read.
func (b *boot) digestOf(path string) string {
	f, err := b.o.FS.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return ""
	}
	if size > digestMost {
		return b.tailOf(path)
	}
	p, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return ""
	}
	return ledger.Digest(p)
}

// tailOf is the tail digest of a file; "" if it cannot be read.
func (b *boot) tailOf(path string) string {
	f, err := b.o.FS.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum, err := ledger.TailDigest(f)
	if err != nil {
		return ""
	}
	return sum
}

// Entries are the records that the ledger is to have of a recovery, in the order of the evidence: what was seen, decided and done,
// and how it ended.
func (e *Evidence) Entries() []ledger.Entry {
	var out []ledger.Entry
	classes := map[string]Class{}
	for _, a := range e.Artifacts {
		classes[a.Path] = a.Class
		out = append(out, a.entry(e))
	}
	for _, d := range e.Decisions {
		out = append(out, ledger.Entry{Rule: d.Rule, Decision: d.Choice, Artifact: d.Artifact, Class: string(classes[d.Artifact]), Pos: d.Pos,
			From: uint64(d.From), To: uint64(d.To), Detail: d.Detail, Replay: e.replay(d.Artifact)})
	}
	for _, a := range e.Actions {
		x := ledger.Entry{Rule: ledger.Changed, Decision: ledger.Change, Artifact: a.Path, Kind: a.What, Pos: a.From, Bytes: a.Bytes,
			Input: a.Input, Before: a.Before, After: a.After, Detail: a.What}
		switch a.What {
		case "quarantine":
			x.Decision, x.Replay = ledger.Quarantine, "frctl dump "+a.To
		case "truncate":
			x.Decision = ledger.Cut
		}
		if a.To != "" {
			x.Detail += " to " + a.To
		}
		if a.Error != "" {
			x.Detail += ": failed: " + a.Error
		}
		out = append(out, x)
	}
	end := ledger.Entry{Rule: ledger.Started, Decision: ledger.Accept, Artifact: e.Dir, Kind: "directory", Class: e.Outcome,
		Detail: fmt.Sprintf("%s: %d files, %d decisions, %d changes on disk; machine boot %s", e.Outcome, len(e.Artifacts), len(e.Decisions),
			len(e.Actions), e.BootID)}
	if e.Outcome == "refused" {
		end.Decision, end.Detail = ledger.Refuse, e.Reason
	}
	return append(out, end)
}

func (a *Artifact) entry(e *Evidence) ledger.Entry {
	x := ledger.Entry{Rule: ledger.Classified, Decision: ledger.Note, Artifact: a.Path, Kind: a.Kind, Class: string(a.Class), Pos: a.Whole,
		Bytes: a.Size, From: uint64(a.Start), To: uint64(a.End), Input: a.Input, Detail: a.Detail, Replay: e.replay(a.Path)}
	helper := a.Kind == "companion" || a.Kind == "epoch" || a.Kind == "watermark"
	if helper && a.Class != Clean {
		x.Rule = ledger.StaleHelper
	}
	return x
}

// replay is a command that shows again what was decided on.
func (e *Evidence) replay(path string) string {
	switch {
	case path == "":
		return ""
	case filepath.Dir(path) == e.Dir:
		return "frctl check " + path
	}
	return "frctl check " + filepath.Dir(path)
}
