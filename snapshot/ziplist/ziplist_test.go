package ziplist

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// text is an entry as the tests compare them: an integer in brackets.
func text(s []byte, n int64, isInt bool) string {
	if isInt {
		return "[" + strconv.FormatInt(n, 10) + "]"
	}
	return string(s)
}

func read(p []byte) (all []string, ok bool) {
	ok = Read(p, func(s []byte, n int64, isInt bool) bool {
		all = append(all, text(s, n, isInt))
		return true
	})
	return all, ok
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return b
}

func TestRead(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, hex string
		want      []string
	}{
		{"empty", "0b000000 0a000000 0000 ff", nil},
		{"string", "0e000000 0a000000 0100 000161 ff", []string{"a"}},
		{"two", "13000000 0d000000 0200 000161 03036e6f77 ff", []string{"a", "now"}},
		{"small integers", "11000000 0e000000 0300 00f1 02fd 02f2 ff", []string{"[0]", "[12]", "[1]"}},
		{"8 bits", "0e000000 0a000000 0100 00fe80 ff", []string{"[-128]"}},
		{"16 bits", "0f000000 0a000000 0100 00c0ff7f ff", []string{"[32767]"}},
		{"24 bits", "10000000 0a000000 0100 00f0000080 ff", []string{"[-8388608]"}},
		{"32 bits", "11000000 0a000000 0100 00d0ffffff7f ff", []string{"[2147483647]"}},
		{"64 bits", "15000000 0a000000 0100 00e00000000000000080 ff", []string{"[-9223372036854775808]"}},
		{"14-bit length", "0f000000 0a000000 0100 00400161 ff", []string{"a"}},
		{"32-bit length", "12000000 0a000000 0100 00800000000161 ff", []string{"a"}},
		{"32-bit length, other bits in its first byte", "12000000 0a000000 0100 00bf0000000161 ff", []string{"a"}},
		{"empty string", "0d000000 0a000000 0100 0000 ff", []string{""}},
		{"count unknown", "0e000000 0a000000 ffff 000161 ff", []string{"a"}},
		{"long length of a short entry before it", "15000000 0d000000 0200 000161 fe03000000 0162 ff", []string{"a", "b"}},
		{"long entry", "41010000 39010000 0200 00412c" + hex.EncodeToString([]byte(long)) + "fe2f010000 0162 ff", []string{long, "b"}},
	} {
		p := unhex(t, c.hex)
		got, ok := read(p)
		if !ok || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %.60q, want %.60q", c.name, ok, got, c.want)
		}
		if !Read(p, nil) {
			t.Errorf("%s: not valid when nobody looks", c.name)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, hex string }{
		{"nothing", ""},
		{"header only", "0a000000 0a000000 0000"},
		{"total too small", "0d000000 0a000000 0100 000161 ff"},
		{"total too large", "0f000000 0a000000 0100 000161 ff"},
		{"no end mark", "0e000000 0a000000 0100 000161 fe"},
		{"end mark inside", "0f000000 0a000000 0000 ff000161 ff"},
		{"last entry elsewhere", "0e000000 0b000000 0100 000161 ff"},
		{"last entry outside", "0e000000 0e000000 0100 000161 ff"},
		{"last entry of none outside", "0b000000 0b000000 0000 ff"},
		{"count too small", "0e000000 0a000000 0000 000161 ff"},
		{"count too large", "0e000000 0a000000 0200 000161 ff"},
		{"first with a length before it", "0e000000 0a000000 0100 010161 ff"},
		{"wrong length before", "11000000 0d000000 0200 000161 040162 ff"},
		{"string beyond the end", "0e000000 0a000000 0100 000261 ff"},
		{"string of 4 GB", "12000000 0a000000 0100 0080ffffffff61 ff"},
		{"half a length before", "0d000000 0a000000 0100 fe00 ff"},
		{"length before and no more", "0c000000 0a000000 0100 00 ff"},
		{"half a 14-bit length", "0d000000 0a000000 0100 0040 ff"},
		{"half a 32-bit length", "0f000000 0a000000 0100 00800000 ff"},
		{"half an integer", "0e000000 0a000000 0100 00c000 ff"},
		{"unknown encoding", "0e000000 0a000000 0100 00c100 ff"},
	} {
		if got, ok := read(unhex(t, c.hex)); ok {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	n := 0
	if Read(unhex(t, "11000000 0e000000 0300 00f1 02fd 02f2 ff"), func([]byte, int64, bool) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("stopped after %d", n)
	}
}

// Cut anywhere a ziplist is refused; with a bit turned it is refused or read, and nothing outside it is looked at.
func TestReadDamaged(t *testing.T) {
	p := unhex(t, "21000000 1d000000 0500 000161 03f1 02c00100 04400162 fe04000000 0163 ff")
	p[0], p[4] = byte(len(p)), byte(len(p)-1-7)
	if all, ok := read(p); !ok || fmt.Sprint(all) != "[a [0] [1] b c]" {
		t.Fatalf("%v %q", ok, all)
	}
	damage(t, p, func(q []byte) bool { return Read(q, nil) })
}

func damage(t *testing.T, p []byte, valid func([]byte) bool) {
	t.Helper()
	for n := range p {
		if valid(slices.Clip(bytes.Clone(p[:n]))) {
			t.Errorf("valid when cut at %d", n)
		}
	}
	for i := range p {
		for bit := range 8 {
			q := slices.Clip(bytes.Clone(p))
			q[i] ^= 1 << bit
			valid(q)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(unhex(f, "11000000 0e000000 0300 00f1 02fd 02f2 ff"))
	f.Add(unhex(f, "12000000 0a000000 0100 00bf0000000161 ff"))
	f.Add(unhex(f, "15000000 0d000000 0200 000161 fe03000000 0162 ff"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > headerLen { // most bytes would be refused for their header
			p = bytes.Clone(p)
			last, at, tail := len(p)-1, headerLen, headerLen
			p[last] = endMark
			for e, ok := readEntry(p[:last], at); ok; e, ok = readEntry(p[:last], at) {
				tail, at = at, e.end
			}
			binary.LittleEndian.PutUint32(p, uint32(len(p)))
			binary.LittleEndian.PutUint32(p[4:], uint32(tail))
			binary.LittleEndian.PutUint16(p[8:], uncounted)
		}
		size := 0
		if Read(p, func(s []byte, n int64, isInt bool) bool {
			size += 2 + len(s)
			return true
		}) && size+headerLen+1 > len(p) {
			t.Fatalf("%x: entries of %d bytes at least", p, size)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var values []string
	for i := range 256 {
		values = append(values, fmt.Sprintf("value:%012d", i))
	}
	p := write(nil, values)
	b.SetBytes(int64(len(p)))
	for range b.N {
		if !Read(p, nil) {
			b.Fatal("not valid")
		}
	}
}
