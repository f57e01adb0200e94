package snapshot

import (
	"encoding/binary"
	"errors"

	"frankenredis/snapshot/crc64"
)

// ErrNotFunction reports a payload of FUNCTION RESTORE that holds something else.
var ErrNotFunction = errors.New("snapshot: the payload holds something that is no function library")

// AppendFunctionDump appends what FUNCTION DUMP hands out: each library as in a file, and the footer of a dumped value.
func AppendFunctionDump(dst []byte, codes [][]byte, compress bool) []byte {
	at := len(dst)
	w := memory{dst}
	e := newEncoder(&w, compress, false)
	for _, code := range codes {
		e.function(code)
	}
	e.flush()
	dst = binary.LittleEndian.AppendUint16(w.p, Version)
	return binary.LittleEndian.AppendUint64(dst, crc64.Checksum(dst[at:]))
}

// ParseFunctionDump reads what AppendFunctionDump wrote, or another server's. The error is ErrDumpFooter, ErrNotFunction, or says
// what is wrong.
func ParseFunctionDump(p []byte) ([][]byte, error) {
	body := len(p) - dumpFooter
	if body < 0 || binary.LittleEndian.Uint16(p[body:]) > MaxVersion || crc64.Checksum(p[:body+2]) != binary.LittleEndian.Uint64(p[body+2:]) {
		return nil, ErrDumpFooter
	}
	r := readerOf(p[:body], Options{})
	for r.Pos() < int64(body) {
		op, err := r.src.readByte()
		if err != nil {
			return nil, err
		}
		if op != opFunction {
			return nil, ErrNotFunction
		}
		if err := r.readFunction(); err != nil {
			return nil, err
		}
	}
	return r.info.Functions, nil
}
