package wal

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// FileType is what a file is to its manifest: the letter that stands there.
type FileType byte

// The file types.
const (
	BaseFile    FileType = 'b' // the state at one position
	IncrFile    FileType = 'i' // the stream from there on
	HistoryFile FileType = 'h' // replaced; to be deleted
)

// FileRef is one file that a manifest names.
type FileRef struct {
	Name string // in the manifest's folder; never a path
	Seq  int64  // counts base files and increments separately, from 1
	Type FileType
}

// Manifest says which files make up the data set and in which order they are loaded: the base, then the increments.
type Manifest struct {
	Base    *FileRef  // nil: none
	History []FileRef // may be deleted; some may be missing already
	Incrs   []FileRef // in loading order, Seq ascending; only the last is written to
	BaseSeq int64     // of the last base made
	IncrSeq int64     // of the last increment made
}

// The texts are Redis's own: tools match them.
const (
	textManifestFormat    = "Invalid AOF manifest file format"
	textManifestMonotonic = "Found a non-monotonic sequence number"
	textManifestDuplicate = "Found duplicate base file information"
	textManifestType      = "Unknown AOF file type"
	textManifestEmpty     = "Found an empty AOF manifest"
	textManifestPath      = "File can't be a path, just a filename"
)

// ManifestLineTooLong is the one reason for which Redis does not say which line it is.
const ManifestLineTooLong = "The AOF manifest file contains too long line"

// maxManifestLine is the longest line a manifest may have, in bytes with its newline: Redis reads that much at a time.
const maxManifestLine = 1024

// ManifestError is a manifest that Redis refuses to load.
type ManifestError struct {
	Reason string // Redis's text
	Line   int    // from 1; 0: no line was read
	Pos    int64  // byte at which that line begins
	Text   string // that line, trimmed; empty if it was not looked at
}

// Error implements error.
func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("%s (line %d, byte %d)", e.Reason, e.Line, e.Pos)
}

// ParseManifest reads a manifest as Redis 7.2 does, with its limits and errors (*ManifestError).
func ParseManifest(p []byte) (*Manifest, error) {
	if len(p) == 0 {
		return nil, &ManifestError{Reason: textManifestEmpty}
	}
	m := &Manifest{}
	maxSeq := int64(0)
	size := len(p)
	for n := 1; len(p) > 0; n++ {
		pos := int64(size - len(p))
		line := p[:min(len(p), maxManifestLine)]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		p = p[len(line):]
		if line[0] == '#' {
			continue
		}
		// A C string ends at a NUL; what has no newline before it is too long to Redis, and so is a last line without one.
		if i := bytes.IndexByte(line, 0); i >= 0 {
			line = line[:i]
		}
		if !bytes.HasSuffix(line, []byte{'\n'}) {
			return nil, &ManifestError{Reason: ManifestLineTooLong, Line: n, Pos: pos}
		}
		text := strings.Trim(string(line), " \t\r\n")
		f, reason := parseManifestLine(text)
		if reason == "" {
			reason = m.add(f, &maxSeq)
		}
		if reason != "" {
			return nil, &ManifestError{Reason: reason, Line: n, Pos: pos, Text: text}
		}
	}
	return m, nil
}

// parseManifestLine reads "file <name> seq <n> type <letter>" in any order, with further pairs skipped. The reason is
// empty if all is well.
func parseManifestLine(text string) (f FileRef, reason string) {
	args, ok := resp.SplitWords(text)
	if !ok {
		return f, textManifestFormat
	}
	return parseManifestWords(args)
}

// parseManifestWords is parseManifestLine for a line that was split.
func parseManifestWords(args []string) (f FileRef, reason string) {
	if len(args) < 6 || len(args)%2 != 0 {
		return f, textManifestFormat
	}
	named := false
	for i := 0; i < len(args); i += 2 {
		value := args[i+1]
		switch strings.ToLower(args[i]) {
		case "file":
			if strings.ContainsAny(value, "/\\") {
				return f, textManifestPath
			}
			if strings.IndexByte(value, 0) >= 0 {
				return f, textManifestFormat
			}
			f.Name, named = value, true
		case "seq":
			f.Seq = leadingInt(value)
		case "type":
			f.Type = 0
			if value != "" {
				f.Type = FileType(value[0])
			}
		}
	}
	if !named || f.Seq == 0 || f.Type == 0 {
		return f, textManifestFormat
	}
	return f, ""
}

// add takes one line's file in.
func (m *Manifest) add(f FileRef, maxSeq *int64) (reason string) {
	switch f.Type {
	case BaseFile:
		if m.Base != nil {
			return textManifestDuplicate
		}
		m.Base, m.BaseSeq = &f, f.Seq
	case HistoryFile:
		m.History = append(m.History, f)
	case IncrFile:
		if f.Seq <= *maxSeq {
			return textManifestMonotonic
		}
		m.Incrs = append(m.Incrs, f)
		m.IncrSeq, *maxSeq = f.Seq, f.Seq
	default:
		return textManifestType
	}
	return ""
}

// leadingInt reads a number as C's atoll does: what follows the digits is ignored, no digits are 0. Beyond the range of
// 64 bits it stops at the end of the range.
func leadingInt(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil && n != math.MaxInt64 && n != math.MinInt64 {
		return 0
	}
	return n
}

// AppendTo appends the manifest as Redis 7.2 writes it: base, history, increments.
func (m *Manifest) AppendTo(dst []byte) []byte {
	for _, f := range m.files() {
		dst = append(f.appendFields(dst), '\n')
	}
	return dst
}

// files are all files in the order of the manifest's lines.
func (m *Manifest) files() []FileRef {
	var all []FileRef
	if m.Base != nil {
		all = append(all, *m.Base)
	}
	all = append(all, m.History...)
	return append(all, m.Incrs...)
}

// appendFields appends a file's line without the newline.
func (f *FileRef) appendFields(dst []byte) []byte {
	dst = append(dst, "file "...)
	dst = resp.AppendWord(dst, f.Name)
	dst = append(dst, " seq "...)
	dst = strconv.AppendInt(dst, f.Seq, 10)
	return append(append(dst, " type "...), byte(f.Type))
}

// Last is the increment that is written to; nil if there is none.
func (m *Manifest) Last() *FileRef {
	if len(m.Incrs) == 0 {
		return nil
	}
	return &m.Incrs[len(m.Incrs)-1]
}

// Clone is a copy that shares nothing.
func (m *Manifest) Clone() *Manifest {
	c := *m
	if m.Base != nil {
		base := *m.Base
		c.Base = &base
	}
	c.History = append([]FileRef(nil), m.History...)
	c.Incrs = append([]FileRef(nil), m.Incrs...)
	return &c
}

// addIncr names the next increment of a log called name.
func (m *Manifest) addIncr(name string) (FileRef, error) {
	seq, err := nextSeq(m.IncrSeq)
	if err != nil {
		return FileRef{}, err
	}
	m.IncrSeq = seq
	f := FileRef{Name: IncrName(name, seq), Seq: seq, Type: IncrFile}
	m.Incrs = append(m.Incrs, f)
	return f, nil
}

// nextSeq counts on. A manifest from outside may have brought the count to its end, where Redis would go on with negative
// numbers, which its own loader then refuses.
func nextSeq(seq int64) (int64, error) {
	if seq < 0 || seq == math.MaxInt64 {
		return 0, fmt.Errorf("no sequence number follows %d", seq)
	}
	return seq + 1, nil
}

// setBase names the next base. The one before it becomes history, and so do the increments up to and with seq through,
// in the order in which Redis lists them.
func (m *Manifest) setBase(name string, aof bool, through int64) (FileRef, error) {
	seq, err := nextSeq(m.BaseSeq)
	if err != nil {
		return FileRef{}, err
	}
	var old []FileRef
	for len(m.Incrs) > 0 && m.Incrs[0].Seq <= through {
		old = append(old, m.Incrs[0])
		m.Incrs = m.Incrs[1:]
	}
	if m.Base != nil {
		old = append(old, *m.Base)
	}
	for i := range old {
		old[i].Type = HistoryFile
	}
	m.History = append(old, m.History...)
	m.BaseSeq = seq
	f := FileRef{Name: BaseName(name, seq, aof), Seq: seq, Type: BaseFile}
	m.Base = &f
	return f, nil
}

// IncrName is the file name of increment seq of the log called name (appendfilename).
func IncrName(name string, seq int64) string {
	return name + "." + strconv.FormatInt(seq, 10) + ".incr.aof"
}

// BaseName is the file name of base seq: an RDB, or with aof commands.
func BaseName(name string, seq int64, aof bool) string {
	suffix := ".base.rdb"
	if aof {
		suffix = ".base.aof"
	}
	return name + "." + strconv.FormatInt(seq, 10) + suffix
}

// isDataName tells whether file is what IncrName or BaseName call one.
func isDataName(name, file string) bool {
	rest, ok := strings.CutPrefix(file, name+".")
	digits, _, _ := strings.Cut(rest, ".")
	seq, err := strconv.ParseInt(digits, 10, 64)
	return ok && err == nil && (file == IncrName(name, seq) || file == BaseName(name, seq, true) || file == BaseName(name, seq, false))
}

// ManifestName is the file name of the manifest.
func ManifestName(name string) string { return name + ".manifest" }

// tempPrefix begins the names of files that are being made; as in Redis. Such a file is nobody's unless this package's
// own recovery says so (heal.go).
const tempPrefix = "temp-"
