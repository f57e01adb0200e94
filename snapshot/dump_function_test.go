package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"frankenredis/snapshot/crc64"
)

// A payload of libraries reads back; cut or changed anywhere it is refused, also when its footer was made to fit.
func TestFunctionDump(t *testing.T) {
	codes := [][]byte{[]byte("#!lua name=a\nx()"), bytes.Repeat([]byte("#!lua name=b\n"), 50)}
	for _, compress := range []bool{false, true} {
		whole := AppendFunctionDump(nil, codes, compress)
		got, err := ParseFunctionDump(whole)
		if err != nil || !slices.EqualFunc(got, codes, bytes.Equal) {
			t.Fatalf("%q, %v", got, err)
		}
		for i := range whole {
			if _, err := ParseFunctionDump(whole[:i]); !errors.Is(err, ErrDumpFooter) {
				t.Errorf("cut at %d: %v", i, err)
			}
			bad := bytes.Clone(whole)
			bad[i] ^= 0x20
			if _, err := ParseFunctionDump(bad); !errors.Is(err, ErrDumpFooter) {
				t.Errorf("byte %d changed: %v", i, err)
			}
		}
		body := whole[:len(whole)-dumpFooter]
		for i := range body {
			p := binary.LittleEndian.AppendUint16(bytes.Clone(body[:i]), Version)
			p = binary.LittleEndian.AppendUint64(p, crc64.Checksum(p))
			if got, err := ParseFunctionDump(p); err == nil && len(got) == len(codes) {
				t.Errorf("cut at %d, with a footer that fits: %d libraries", i, len(got))
			}
		}
	}
	if _, err := ParseFunctionDump(func() []byte {
		p := binary.LittleEndian.AppendUint16([]byte{typeString, 1, 'x'}, Version)
		return binary.LittleEndian.AppendUint64(p, crc64.Checksum(p))
	}()); !errors.Is(err, ErrNotFunction) {
		t.Errorf("a string: %v", err)
	}
}
