package wal

import (
	"bytes"
	"fmt"
)

// frameState is what looking at the bytes of one frame came to.
type frameState int

const (
	frameWhole frameState = iota
	frameShort            // the bytes end within it
	frameOver             // it claims more than there can be
	frameBad              // it is no frame
)

// frameScan is the outcome of scanFrame.
type frameScan struct {
	state  frameState
	n      int    // whole: its length
	need   int    // short: at least so many bytes it must have
	pos    int    // bad: the offset of the first wrong byte; short and over: of what is not all there
	wanted string // unless whole
}

// argSpread is the least that one more argument takes: "$0\r\n\r\n".
const argSpread = 6

// scanFrame looks at the RESP multibulk at the beginning of p, as the log's own writer and Redis make it: decimal counts
// without sign or leading zero, CR LF everywhere. Each argument's bounds within p are appended to spans if it is not nil.
// left is how many bytes there can be at most: a header that claims more is found out at once, so that no memory is spent
// on a mere claim.
func scanFrame(p []byte, left int64, spans *[]span) frameScan {
	if spans != nil {
		*spans = (*spans)[:0]
	}
	count, at, ok := parseHeader(p, 0, '*')
	if !ok || count == 0 {
		return judgeHeader(p, 0, '*', 1)
	}
	for i := int64(0); i < count; i++ {
		if least := (count - i) * argSpread; least > left-int64(at) || least < 0 {
			return frameScan{state: frameOver, pos: at, wanted: fmt.Sprintf("%d arguments", count)}
		}
		length, begin, ok := parseHeader(p, at, '$')
		if !ok {
			return judgeHeader(p, at, '$', 0)
		}
		if length > left-int64(begin)-2 {
			return frameScan{state: frameOver, pos: begin, wanted: fmt.Sprintf("%d bytes of an argument", length)}
		}
		end := begin + int(length)
		switch {
		case end < len(p) && p[end] != '\r':
			return frameScan{state: frameBad, pos: end, wanted: "CR LF behind an argument"}
		case end+1 >= len(p):
			return frameScan{state: frameShort, need: end + 2, pos: len(p), wanted: "the rest of an argument"}
		case p[end+1] != '\n':
			return frameScan{state: frameBad, pos: end + 1, wanted: "LF behind an argument"}
		}
		if spans != nil {
			*spans = append(*spans, span{begin, end})
		}
		at = end + 2
	}
	return frameScan{state: frameWhole, n: at}
}

// span is the place of an argument: offsets of its first byte and of the one behind it.
type span struct{ from, to int }

// maxDigits is how many a count or length may have: it stays below 2^63.
const maxDigits = 18

// parseHeader reads mark, a decimal number and CR LF at p[at:]; begin is the offset behind it. If it is not ok,
// judgeHeader says why.
func parseHeader(p []byte, at int, mark byte) (n int64, begin int, ok bool) {
	if at >= len(p) || p[at] != mark {
		return 0, 0, false
	}
	i := at + 1
	for ; i < len(p) && p[i]-'0' <= 9; i++ {
		n = n*10 + int64(p[i]-'0')
	}
	digits := i - at - 1
	if i+1 >= len(p) || p[i] != '\r' || p[i+1] != '\n' || digits == 0 || digits > maxDigits || digits > 1 && p[at+1] == '0' {
		return 0, 0, false
	}
	return n, i + 2, true
}

// judgeHeader says what is wrong with a header that parseHeader did not take, or with its number if that is below least.
func judgeHeader(p []byte, at int, mark byte, least int) frameScan {
	if at < len(p) && p[at] != mark {
		return frameScan{state: frameBad, pos: at, wanted: fmt.Sprintf("%q", mark)}
	}
	i := at + 1
	for ; i < len(p) && p[i]-'0' <= 9; i++ {
		if i-at > maxDigits || i == at+2 && p[at+1] == '0' {
			return frameScan{state: frameBad, pos: i, wanted: "a number without leading zeros below 10^18"}
		}
	}
	switch {
	case i >= len(p) || i+1 >= len(p) && p[i] == '\r' && i > at+1:
		return frameScan{state: frameShort, need: len(p) + 1, pos: len(p), wanted: "the rest of a header"}
	case i == at+1 || p[i] != '\r':
		return frameScan{state: frameBad, pos: i, wanted: "a number and CR LF"}
	case p[i+1] != '\n':
		return frameScan{state: frameBad, pos: i + 1, wanted: "LF"}
	}
	return frameScan{state: frameBad, pos: at + 1, wanted: fmt.Sprintf("a number from %d", least)}
}

// maxForeignLine bounds a `#` line that is not ours, with its newline: stock loaders read it into a buffer of 1024 bytes
// and take what is left over for a frame.
const maxForeignLine = 1023

// scanComment looks at the `#` line at the beginning of p. A zero byte ends it as in C, where a string does: it is what a
// file system leaves where bytes have not arrived.
func scanComment(p []byte) frameScan {
	end := bytes.IndexByte(p[:min(len(p), maxForeignLine)], '\n')
	text := p[:min(len(p), maxForeignLine)]
	if end >= 0 {
		text = text[:end]
	}
	switch zero := bytes.IndexByte(text, 0); {
	case zero >= 0:
		return frameScan{state: frameBad, pos: zero, wanted: "the rest of a line"}
	case end >= 0:
		return frameScan{state: frameWhole, n: end + 1}
	case len(p) < maxForeignLine:
		return frameScan{state: frameShort, need: len(p) + 1, pos: len(p), wanted: "the rest of a line"}
	}
	return frameScan{state: frameBad, pos: maxForeignLine, wanted: "a line of at most 1023 bytes"}
}
