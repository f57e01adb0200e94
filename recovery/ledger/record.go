package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"frankenredis/wal/disk"
)

// Entry is what a caller of Record says. Only Rule and Decision are needed. Texts longer than their bound lose
// their end, and control characters become question marks.
type Entry struct {
	Rule     Rule
	Decision Decision
	Artifact string // the file in question, or where else: a client's address; 1024 bytes
	Kind     string // what kind of artifact; 64 bytes
	Class    string // what it was found to be: clean, torn, ...; 64 bytes
	// Pos and Bytes say which part of the artifact.
	Pos, Bytes int64
	// From and To are the range of the stream it is about.
	From, To uint64
	// Input is the digest of what was decided on, Before and After those of the artifact around a change; see the package comment. 80 bytes.
	Input, Before, After string
	Replay               string // a command that shows the same again; 1024 bytes
	Detail               string // 1024 bytes
}

// Record is an entry as a line tells it.
type Record struct {
	Prev     string    `json:"prev"`
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"` // UTC, in milliseconds
	Mode     string    `json:"mode"` // strict or hardened
	Rule     int       `json:"rule"`
	Threat   Threat    `json:"threat"`
	Decision Decision  `json:"decision"`
	Reason   string    `json:"reason"`
	Artifact string    `json:"artifact,omitempty"`
	Kind     string    `json:"kind,omitempty"`
	Class    string    `json:"class,omitempty"`
	Pos      int64     `json:"pos,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	From     uint64    `json:"from_lsn,omitempty"`
	To       uint64    `json:"to_lsn,omitempty"`
	Input    string    `json:"input,omitempty"`
	Before   string    `json:"before,omitempty"`
	After    string    `json:"after,omitempty"`
	Replay   string    `json:"replay,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Durable  uint64    `json:"durable"`
	Hash     string    `json:"hash,omitempty"`
}

const (
	// MaxLine bounds a line, its line feed included.
	MaxLine = 16 << 10

	hashSize   = 2 * sha256.Size
	hashPrefix = `,"hash":"`
	hashSuffix = `"}`
	hashPart   = len(hashPrefix) + hashSize + len(hashSuffix)
)

// firstPrev is what the first line of all has for the hash of the one before.
var firstPrev = strings.Repeat("0", hashSize)

var errNoLine = errors.New("no whole line")

// fill makes a record of an entry, everything bounded.
func (e *Entry) fill(r *Record) {
	text := func(s string, most int) string {
		if len(s) > most {
			s = s[:most]
		}
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == utf8.RuneError {
				return '?'
			}
			return r
		}, s)
	}
	r.Rule, r.Threat, r.Reason, r.Decision = e.Rule.Number, e.Rule.Threat, e.Rule.Reason, e.Decision
	r.Artifact, r.Kind, r.Class = text(e.Artifact, 1024), text(e.Kind, 64), text(e.Class, 64)
	r.Pos, r.Bytes, r.From, r.To = e.Pos, e.Bytes, e.From, e.To
	r.Input, r.Before, r.After = text(e.Input, 80), text(e.Before, 80), text(e.After, 80)
	r.Replay, r.Detail = text(e.Replay, 1024), text(e.Detail, 1024)
}

// appendLine appends the record's line to p and sets its Hash.
func (r *Record) appendLine(p []byte) []byte {
	r.Hash = ""
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		panic(err) // strings and numbers
	}
	head := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	sum := sha256.Sum256(head)
	r.Hash = hex.EncodeToString(sum[:])
	p = append(p, head...)
	return append(p, hashPrefix+r.Hash+hashSuffix+"\n"...)
}

// parseLine reads the line that p begins with and returns its size.
func parseLine(p []byte) (r Record, size int, err error) {
	end := bytes.IndexByte(p[:min(len(p), MaxLine)], '\n')
	if end < hashPart {
		return r, 0, errNoLine
	}
	head, tail := p[:end-hashPart], string(p[end-hashPart:end])
	if !strings.HasPrefix(tail, hashPrefix) || !strings.HasSuffix(tail, hashSuffix) {
		return r, 0, errNoLine
	}
	sum := sha256.Sum256(head)
	if want := hex.EncodeToString(sum[:]); tail[len(hashPrefix):len(hashPrefix)+hashSize] != want {
		return r, 0, fmt.Errorf("its hash should be %s", want)
	}
	if err := json.Unmarshal(p[:end], &r); err != nil {
		return r, 0, err
	}
	return r, end + 1, nil
}

// Digest is the digest of p, as records give it.
func Digest(p []byte) string {
	sum := sha256.Sum256(p)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// TailDigest is the digest of a file's size and last bytes, as records give it.
func TailDigest(f disk.File) (string, error) {
	const most = 4096
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	p := make([]byte, 8+min(size, most))
	binary.LittleEndian.PutUint64(p, uint64(size))
	if n, err := f.ReadAt(p[8:], size-int64(len(p)-8)); err != nil && !(err == io.EOF && n == len(p)-8) {
		return "", err
	}
	sum := sha256.Sum256(p)
	return "tail:" + hex.EncodeToString(sum[:]), nil
}
