package wal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/zeebo/xxh3"
)

// Line is one of our `#` lines: it says of the stream bytes before it what they are and when they were written.
// Stock loaders skip it (doc.go, Layout).
type Line struct {
	Position       // of the stream behind what the line covers
	Millis   int64 // wall clock, Unix time in milliseconds
	Len      int64 // stream bytes since the previous line, or since the file's start
	Sum      Sum   // of those bytes
	Durable  LSN   // the watermark when the line was written
	Prologue int64 // bytes at the file's start that are no stream: only in a first line, else 0
}

const (
	linePrefix = "#FR1 "
	lineEnd    = "\r\n"
	// maxLine bounds a whole line in bytes. Stock loaders read lines into a buffer of 1024 bytes and call anything longer
	// a format error; ours stay well below. The longest that AppendTo makes is shorter still.
	maxLine = 512
)

// AppendTo appends the line with its CR LF. It does not allocate if dst has room for 512 bytes.
func (l *Line) AppendTo(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, linePrefix+"id="...)
	dst = append(dst, l.ID[:]...)
	dst = append(dst, " epoch="...)
	dst = strconv.AppendUint(dst, l.Epoch, 10)
	dst = append(dst, " lsn="...)
	dst = strconv.AppendUint(dst, uint64(l.LSN), 10)
	dst = append(dst, " ms="...)
	dst = strconv.AppendInt(dst, l.Millis, 10)
	dst = append(dst, " len="...)
	dst = strconv.AppendInt(dst, l.Len, 10)
	dst = append(dst, " sum="...)
	dst = hex.AppendEncode(dst, l.Sum[:])
	dst = append(dst, " durable="...)
	dst = strconv.AppendUint(dst, uint64(l.Durable), 10)
	if l.Prologue > 0 {
		dst = append(dst, " prologue="...)
		dst = strconv.AppendInt(dst, l.Prologue, 10)
	}
	dst = append(dst, ' ')
	dst = appendChecksum(dst, dst[start:])
	return append(dst, lineEnd...)
}

// appendChecksum appends "cs=" and the XXH3-64 of text.
func appendChecksum(dst, text []byte) []byte {
	sum := xxh3.Hash(text)
	dst = append(dst, "cs="...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[sum>>shift&15])
	}
	return dst
}

// errNotOurs says that a `#` line is a stock server's or somebody's own.
var errNotOurs = errors.New("not a line of ours")

// ParseLine reads one line with its CR LF. A line that does not begin with "#FR1 " gives an error too; IsLine tells them
// apart. Tokens it does not know are checked with the rest and skipped, so that a newer version may add some.
func ParseLine(p []byte) (Line, error) {
	var l Line
	if !IsLine(p) {
		return l, errNotOurs
	}
	if len(p) > maxLine {
		return l, fmt.Errorf("line of %d bytes: the limit is %d", len(p), maxLine)
	}
	body, ok := bytes.CutSuffix(p, []byte(lineEnd))
	if !ok {
		return l, errors.New("line without CR LF")
	}
	const csLen = len("cs=") + 16
	if len(body) < len(linePrefix)+csLen {
		return l, errors.New("line too short for its checksum")
	}
	text, cs := body[:len(body)-csLen], body[len(body)-csLen:]
	var want [csLen]byte
	if !bytes.Equal(appendChecksum(want[:0], text), cs) {
		return l, fmt.Errorf("line checksum %q: want %q", cs, want[:])
	}
	return l, l.parseTokens(string(text[len(linePrefix):]))
}

// parseTokens reads "name=value " pairs. The checksum was right, so an error here means another version's line.
func (l *Line) parseTokens(text string) error {
	const all = 1<<7 - 1
	seen := 0
	var err error
	for len(text) > 0 && err == nil {
		var token string
		token, text = cutByte(text, ' ')
		name, value := cutByte(token, '=')
		switch name {
		case "id":
			seen |= 1 << 0
			l.ID, err = ParseReplID(value)
		case "epoch":
			seen |= 1 << 1
			l.Epoch, err = parseUint(value)
		case "lsn":
			seen |= 1 << 2
			l.LSN, err = parseLSN(value)
		case "ms":
			seen |= 1 << 3
			l.Millis, err = parseSize(value)
		case "len":
			seen |= 1 << 4
			l.Len, err = parseSize(value)
		case "sum":
			seen |= 1 << 5
			l.Sum, err = parseSum(value)
		case "durable":
			seen |= 1 << 6
			l.Durable, err = parseLSN(value)
		case "prologue":
			l.Prologue, err = parseSize(value)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("line: %w", err)
	case seen != all:
		return errors.New("line without all of its tokens")
	case LSN(l.Len) > l.LSN || l.Durable > l.LSN:
		return errors.New("line contradicts itself")
	}
	return nil
}

// IsLine says whether p begins as our lines do.
func IsLine(p []byte) bool { return bytes.HasPrefix(p, []byte(linePrefix)) }

func cutByte(s string, sep byte) (before, after string) {
	for i := 0; i < len(s); i++ {
		if s[i] == sep {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parseUint reads a decimal number as strconv.AppendUint writes it: no sign, no leading zero.
func parseUint(s string) (uint64, error) {
	if len(s) > 1 && s[0] == '0' || len(s) > 0 && (s[0] < '0' || s[0] > '9') {
		return 0, fmt.Errorf("number %q", clip(s))
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("number %q", clip(s))
	}
	return n, nil
}

func parseLSN(s string) (LSN, error) {
	n, err := parseUint(s)
	return LSN(n), err
}

// parseSize reads a number that must fit an int64.
func parseSize(s string) (int64, error) {
	n, err := parseUint(s)
	if err == nil && n > 1<<63-1 {
		err = fmt.Errorf("number %q is too large", clip(s))
	}
	return int64(n), err
}

// HasLines tells whether there is a line of ours among the first size bytes of r, whatever stands around it.
func HasLines(r io.ReaderAt, size int64) (bool, error) {
	const window = 64 << 10
	buf := make([]byte, window+maxLine)
	for pos := int64(0); pos < size; pos += window {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-pos)], pos)
		if err != nil && err != io.EOF {
			return false, err
		}
		for p := buf[:n]; ; p = p[1:] {
			at := bytes.Index(p, []byte(linePrefix))
			if at < 0 {
				break
			}
			p = p[at:]
			if end := bytes.Index(p[:min(len(p), maxLine)], []byte(lineEnd)); end >= 0 {
				if _, err := ParseLine(p[:end+len(lineEnd)]); err == nil {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
