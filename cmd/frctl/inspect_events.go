package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"frankenredis/snapshot"
	"frankenredis/wal"
)

// An event is one thing that inspect tells: a JSON object, or a few words for a person.
type event interface{ text() string }

// printer prints events. The first error is kept and everything after it dropped.
type printer struct {
	w    *bufio.Writer
	json bool
	err  error
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: bufio.NewWriterSize(w, 64<<10), json: asJSON}
}

func (p *printer) event(e event) {
	if p.err != nil {
		return
	}
	if !p.json {
		_, p.err = fmt.Fprintln(p.w, e.text())
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = p.w.Write(append(line, '\n'))
	}
	p.err = err
}

func (p *printer) flush() error {
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

// words joins what is not empty.
func words(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p)
	}
	return b.String()
}

// count is "1 key", "2 keys".
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

func label(kind string) string { return fmt.Sprintf("%-10s ", kind) }

// timeText is a Unix time in milliseconds for a person; empty for zero.
func timeText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

type directoryEvent struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
	Log  string `json:"log"`
}

func (e *directoryEvent) text() string { return label("directory") + e.Path + ", log " + e.Log }

type manifestEvent struct {
	Kind       string   `json:"kind"`
	File       string   `json:"file"`
	Bytes      int      `json:"bytes"`
	Base       string   `json:"base,omitempty"`
	Increments []string `json:"increments"`
	History    []string `json:"history,omitempty"`
	// Repair says that a repair after an I/O error was cut short: this is its manifest, which the next start puts in force.
	Repair bool   `json:"repair,omitempty"`
	Error  string `json:"error,omitempty"`
	Line   string `json:"line,omitempty"`
}

func newManifestEvent(path string, d *wal.Directory) *manifestEvent {
	e := &manifestEvent{Kind: "manifest", File: path, Bytes: len(d.ManifestBytes), Increments: []string{}, Repair: d.Mending}
	if d.Manifest.Base != nil {
		e.Base = d.Manifest.Base.Name
	}
	for _, f := range d.Manifest.Incrs {
		e.Increments = append(e.Increments, f.Name)
	}
	for _, f := range d.Manifest.History {
		e.History = append(e.History, f.Name)
	}
	return e
}

func (e *manifestEvent) text() string {
	if e.Error != "" {
		s := label("manifest") + "CORRUPT: " + e.Error
		if e.Line != "" {
			s += ": " + strconv.Quote(e.Line)
		}
		return s
	}
	base := "no base"
	if e.Base != "" {
		base = "base " + e.Base
	}
	history := ""
	if len(e.History) > 0 {
		history = "history: " + strings.Join(e.History, " ")
	}
	repair := ""
	if e.Repair {
		repair = "of a half-done repair, not in force yet"
	}
	return label("manifest") + words(fmt.Sprintf("%d bytes", e.Bytes), repair, base, count(int64(len(e.Increments)), "increment"), history)
}

type companionEvent struct {
	Kind       string `json:"kind"`
	File       string `json:"file,omitempty"`
	InForce    bool   `json:"in_force"`
	Generation uint64 `json:"generation"`
	UUID       string `json:"uuid,omitempty"`
	ID         string `json:"id,omitempty"`
	Epoch      uint64 `json:"epoch,omitempty"`
	LSN        uint64 `json:"lsn"`
	Cut        string `json:"cut,omitempty"`
	Error      string `json:"error,omitempty"`
}

func (e *companionEvent) text() string {
	if e.Error != "" {
		return label("companion") + words(e.File, "DAMAGED or not in force: "+e.Error)
	}
	cut := ""
	if e.Cut != "" {
		cut = "an I/O error spoiled the end of " + e.Cut
	}
	return label("companion") + words(fmt.Sprintf("generation %d", e.Generation), "log "+e.UUID, "id "+e.ID, fmt.Sprintf("epoch %d", e.Epoch),
		fmt.Sprintf("opened at LSN %d", e.LSN), cut)
}

type epochEvent struct {
	Kind  string `json:"kind"`
	Epoch uint64 `json:"epoch"`
	ID    string `json:"id,omitempty"`
	ID2   string `json:"id2,omitempty"`
	End2  uint64 `json:"end2,omitempty"`
	Boot  string `json:"boot_id,omitempty"`
	Error string `json:"error,omitempty"`
}

func (e *epochEvent) text() string {
	if e.Error != "" {
		return label("epoch") + "DAMAGED: " + e.Error
	}
	second := ""
	if e.ID2 != "" {
		second = fmt.Sprintf("before it %s up to LSN %d", e.ID2, e.End2)
	}
	return label("epoch") + words(strconv.FormatUint(e.Epoch, 10), "id "+e.ID, second, "machine boot "+e.Boot)
}

type watermarkEvent struct {
	Kind  string `json:"kind"`
	LSN   uint64 `json:"lsn"`
	ID    string `json:"id,omitempty"`
	Epoch uint64 `json:"epoch"`
	Seq   int64  `json:"seq"`
	Pos   int64  `json:"pos"`
	Time  string `json:"time,omitempty"`
	Clean bool   `json:"clean_stop"`
	Error string `json:"error,omitempty"`
}

func (e *watermarkEvent) text() string {
	if e.Error != "" {
		return label("watermark") + "DAMAGED: " + e.Error
	}
	clean := ""
	if e.Clean {
		clean = "clean stop"
	}
	return label("watermark") + words(fmt.Sprintf("durable up to LSN %d", e.LSN), fmt.Sprintf("increment %d byte %d", e.Seq, e.Pos), e.Time, clean)
}

// ringEvent is the commit ring.
type ringEvent struct {
	Kind   string `json:"kind"`
	File   string `json:"file"`
	Frames int    `json:"frames"`
	Epoch  uint64 `json:"epoch"`
	End    uint64 `json:"end_lsn"`
	Filed  uint64 `json:"filed_lsn"` // up to here the increments were durable
	Ahead  int64  `json:"ahead"`     // bytes that the increments lack
	Error  string `json:"error,omitempty"`
}

func (e *ringEvent) text() string {
	if e.Error != "" {
		return label("ring") + "DAMAGED: " + e.Error
	}
	ahead := ""
	if e.Ahead > 0 {
		ahead = fmt.Sprintf("%d bytes that the last increment lacks (a start appends them, or frctl finalize)", e.Ahead)
	}
	return label("ring") + words(fmt.Sprintf("%d frames of epoch %d", e.Frames, e.Epoch), fmt.Sprintf("up to LSN %d", e.End),
		fmt.Sprintf("increments durable up to LSN %d then", e.Filed), ahead)
}

// snapshotEvent is an RDB: a base, or a file.
type snapshotEvent struct {
	Kind         string            `json:"kind"`
	File         string            `json:"file"`
	Seq          int64             `json:"seq,omitempty"`
	Bytes        int64             `json:"bytes"`
	Whole        int64             `json:"whole"`
	State        string            `json:"state"`
	Format       string            `json:"format"`
	Version      int               `json:"rdb_version,omitempty"`
	RedisVersion string            `json:"redis_version,omitempty"`
	Created      string            `json:"created,omitempty"`
	Aux          map[string]string `json:"aux,omitempty"`
	Databases    int               `json:"databases"`
	Keys         int64             `json:"keys"`
	Expiring     int64             `json:"expiring"`
	ValueBytes   int64             `json:"value_bytes"`
	Compressed   int64             `json:"compressed"` // values held as LZF blocks
	Functions    int               `json:"functions"`
	Modules      []string          `json:"modules,omitempty"`
	Checksum     string            `json:"checksum,omitempty"`
	LSN          uint64            `json:"lsn"`
	Error        string            `json:"error,omitempty"`
}

// fill takes in what the snapshot says of itself.
func (e *snapshotEvent) fill(info *snapshot.Info, dbs int) {
	e.Format, e.Version, e.Databases, e.Functions, e.Modules = "rdb", info.Version, dbs, len(info.Functions), info.Modules
	e.RedisVersion, _ = info.AuxValue("redis-ver")
	if v, ok := info.AuxValue("valkey-ver"); ok && e.RedisVersion == "" {
		e.RedisVersion = "Valkey " + v
	}
	if text, ok := info.AuxValue("ctime"); ok {
		if sec, err := strconv.ParseInt(text, 10, 64); err == nil {
			e.Created = timeText(sec * 1000)
		}
	}
	if len(info.Aux) > 0 {
		e.Aux = map[string]string{}
		for _, a := range info.Aux {
			e.Aux[a.Name] = a.Value
		}
	}
	if e.Checksum = fmt.Sprintf("%016x", info.Checksum); info.Checksum == 0 {
		e.Checksum = "none"
	}
}

func (e *snapshotEvent) text() string {
	expiring, functions, modules := "", "", ""
	if e.Expiring > 0 {
		expiring = fmt.Sprintf("%d expiring", e.Expiring)
	}
	if e.Functions > 0 {
		functions = count(int64(e.Functions), "function library")
	}
	if len(e.Modules) > 0 {
		modules = "module data of " + strings.Join(e.Modules, " ")
	}
	position := ""
	if e.Kind == "base" {
		position = fmt.Sprintf("state at LSN %d", e.LSN)
	}
	s := label(e.Kind) + words(e.File, fmt.Sprintf("%d bytes", e.Bytes), fmt.Sprintf("RDB version %d of %s", e.Version, e.RedisVersion), e.Created,
		count(e.Keys, "key")+" in "+count(int64(e.Databases), "database"), expiring, functions, modules, "checksum "+e.Checksum, position)
	if e.Error != "" {
		return s + "\n" + label("") + strings.ToUpper(e.State) + ": " + e.Error
	}
	return s + ": " + e.State
}

// streamEvent is a file of commands, or the commands behind an RDB preamble.
type streamEvent struct {
	Kind     string `json:"kind"`
	File     string `json:"file"`
	Seq      int64  `json:"seq,omitempty"`
	Bytes    int64  `json:"bytes"`
	Whole    int64  `json:"whole"`
	State    string `json:"state"`
	Format   string `json:"format"`
	Start    uint64 `json:"start_lsn"`
	End      uint64 `json:"end_lsn"`
	Commands int64  `json:"commands"`
	Lines    int    `json:"lines"`
	// Proven: up to this byte and LSN the file's own lines prove it.
	Proven    int64  `json:"proven"`
	ProvenLSN uint64 `json:"proven_lsn"`
	Time      string `json:"time,omitempty"` // of the last line
	ID        string `json:"id,omitempty"`
	Epoch     uint64 `json:"epoch,omitempty"`
	Pos       *int64 `json:"pos,omitempty"`
	Unit      *int64 `json:"unit,omitempty"`
	Resume    *int64 `json:"resume,omitempty"`
	Error     string `json:"error,omitempty"`
}

func newStreamEvent(f *dataFile, t *wal.Tail, size int64) *streamEvent {
	e := &streamEvent{Kind: f.kind, File: baseName(f.path), Seq: f.seq, Bytes: size, Whole: t.Size, State: "clean", Format: "aof",
		Start: uint64(t.Start), End: uint64(t.LSN), Commands: t.Commands, Lines: t.Lines}
	if t.Lines > 0 {
		e.Proven, e.ProvenLSN, e.Time = t.LastPos, uint64(t.Last.LSN), timeText(t.Last.Millis)
		e.ID, e.Epoch = t.Last.ID.String(), t.Last.Epoch
	}
	return e
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func (e *streamEvent) text() string {
	if e.State == "missing" {
		return label(e.Kind) + e.File + "\n" + label("") + "MISSING: " + e.Error
	}
	proven := "no lines prove it"
	if e.Lines > 0 {
		proven = fmt.Sprintf("%s, proven up to byte %d (LSN %d, epoch %d, %s)", count(int64(e.Lines), "line"), e.Proven, e.ProvenLSN, e.Epoch, e.Time)
	}
	s := label(e.Kind) + words(e.File, fmt.Sprintf("%d bytes", e.Bytes), fmt.Sprintf("LSN %d to %d", e.Start, e.End), count(e.Commands, "command"), proven)
	if e.Error != "" {
		return s + "\n" + label("") + strings.ToUpper(e.State) + ": " + e.Error
	}
	return s + ": " + e.State
}

// frameEvent is one command or # line.
type frameEvent struct {
	Kind   string   `json:"kind"` // "command", "prologue", "line", "comment"
	File   string   `json:"file"`
	Pos    int64    `json:"pos"`
	Size   int64    `json:"size"`
	LSN    uint64   `json:"lsn"`
	End    uint64   `json:"end_lsn"`
	DB     int      `json:"db"`
	InUnit bool     `json:"in_unit,omitempty"`
	Args   []string `json:"args,omitempty"`
	Text   string   `json:"text,omitempty"`
	// Of a line of ours.
	ID      string `json:"id,omitempty"`
	Epoch   uint64 `json:"epoch,omitempty"`
	Time    string `json:"time,omitempty"`
	Covers  int64  `json:"covers,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Durable uint64 `json:"durable_lsn,omitempty"`
	// Bytes are the first of it, in hexadecimal; of frctl dump.
	Bytes string `json:"bytes,omitempty"`
}

// newFrameEvent shows a frame; show makes text of bytes.
func newFrameEvent(file string, fr *wal.Frame, db int, show func([]byte) string) *frameEvent {
	e := &frameEvent{Kind: "command", File: file, Pos: fr.Pos, Size: fr.Size, LSN: uint64(fr.LSN), End: uint64(fr.End), DB: db, InUnit: fr.InUnit}
	switch fr.Kind {
	case wal.PrologueFrame:
		e.Kind = "prologue"
	case wal.LineFrame:
		l := fr.Line
		e.Kind, e.ID, e.Epoch, e.Time, e.Covers, e.Digest, e.Durable = "line", l.ID.String(), l.Epoch, timeText(l.Millis), l.Len, l.Sum.String(), uint64(l.Durable)
	case wal.CommentFrame:
		e.Kind, e.Text = "comment", show(fr.Text)
		if fr.Unix > 0 {
			e.Time = timeText(fr.Unix * 1000)
		}
	}
	for _, a := range fr.Args {
		e.Args = append(e.Args, show(a))
	}
	return e
}

func (e *frameEvent) text() string {
	s := fmt.Sprintf("  byte %-10d LSN %-10d ", e.Pos, e.LSN)
	if e.Bytes != "" {
		s = fmt.Sprintf("  byte %-10d size %-8d %s  LSN %-10d ", e.Pos, e.Size, e.Bytes, e.LSN)
	}
	switch e.Kind {
	case "line":
		return s + fmt.Sprintf("#     covers %d bytes, digest %s, epoch %d, %s, durable up to LSN %d", e.Covers, e.Digest, e.Epoch, e.Time, e.Durable)
	case "comment":
		return s + "#     " + e.Text
	case "prologue":
		s += "(head) "
	default:
		s += fmt.Sprintf("db %-2d ", e.DB)
	}
	if e.InUnit {
		s += "| "
	}
	return s + `"` + strings.Join(e.Args, `" "`) + `"`
}

// clip keeps the first width bytes of p (all if width is 0), and says how many there were.
func clip(p []byte, width int) (shown []byte, rest string) {
	if width > 0 && len(p) > width {
		return p[:width], fmt.Sprintf("... (%d bytes)", len(p))
	}
	return p, ""
}

// plain shows bytes inside JSON: as they are if they are text, else escaped.
func plain(p []byte, width int) string {
	shown, rest := clip(p, width)
	if utf8.Valid(shown) {
		return string(shown) + rest
	}
	return escape(p, width)
}

// escape shows bytes on a terminal: printable ASCII as it is, quotes and backslashes with a backslash, the rest as \xHH.
func escape(p []byte, width int) string {
	shown, rest := clip(p, width)
	var b strings.Builder
	for _, c := range shown {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String() + rest
}

// gapEvent is an increment that does not begin where what is before it ends.
type gapEvent struct {
	Kind  string `json:"kind"`
	File  string `json:"file"`
	Start uint64 `json:"start_lsn"`
	End   uint64 `json:"end_before_lsn"`
}

func (e *gapEvent) text() string {
	return label(e.Kind) + fmt.Sprintf("%s begins at LSN %d, what is before it ends at %d", e.File, e.Start, e.End)
}

type summaryEvent struct {
	Kind  string `json:"kind"`
	State string `json:"state"`
	Exit  int    `json:"exit"`
}

func (e *summaryEvent) text() string { return label("summary") + e.State }
