package wal

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// longestLine is the longest that AppendTo can make.
func longestLine() Line {
	return Line{Position: Position{testID, math.MaxUint64, math.MaxUint64}, Millis: math.MaxInt64, Len: math.MaxInt64,
		Durable: math.MaxUint64, Prologue: math.MaxInt64}
}

func TestLine(t *testing.T) {
	l := Line{Position: Position{testID, 7, 123456}, Millis: 1700000000123, Len: 65536, Sum: SumOf([]byte("x")), Durable: 100000}
	p := l.AppendTo(nil)
	const want = "#FR1 id=0123456789abcdef0123456789abcdef01234567 epoch=7 lsn=123456 ms=1700000000123 len=65536 sum="
	if !strings.HasPrefix(string(p), want) || !bytes.HasSuffix(p, []byte("\r\n")) || !bytes.Contains(p, []byte(" durable=100000 cs=")) {
		t.Errorf("line %q", p)
	}
	if got, err := ParseLine(p); err != nil || got != l {
		t.Errorf("read back %+v, %v", got, err)
	}
	long := longestLine()
	if p := long.AppendTo(nil); len(p) >= maxLine {
		t.Errorf("the longest line has %d bytes", len(p))
	} else if got, err := ParseLine(p); err != nil || got != long {
		t.Errorf("read back %+v, %v", got, err)
	}
}

// Each changed byte is found.
func TestLineFlips(t *testing.T) {
	l := Line{Position: Position{testID, 7, 123456}, Millis: 1700000000123, Len: 65536, Durable: 100000, Prologue: 23}
	p := l.AppendTo(nil)
	for i := range p {
		for bit := range 8 {
			q := bytes.Clone(p)
			q[i] ^= 1 << bit
			if got, err := ParseLine(q); err == nil {
				t.Errorf("bit %d of byte %d changed: read as %+v", bit, i, got)
			}
		}
		if _, err := ParseLine(p[:i]); err == nil {
			t.Errorf("cut at %d: read", i)
		}
	}
}

// withChecksum makes a line of any text.
func withChecksum(text string) []byte {
	p := append([]byte(linePrefix), text...)
	return append(appendChecksum(p, p), lineEnd...)
}

func TestLineVersions(t *testing.T) {
	sum := strings.Repeat("0", 32)
	good := "id=" + testID.String() + " epoch=1 lsn=10 ms=5 len=10 sum=" + sum + " durable=0 "
	if _, err := ParseLine(withChecksum(good + "later=x more= ")); err != nil {
		t.Errorf("unknown tokens: %v", err)
	}
	for name, text := range map[string]string{
		"token missing":          strings.Replace(good, "ms=5 ", "", 1),
		"twice, one missing":     strings.Replace(good, "ms=5", "len=10", 1),
		"negative":               strings.Replace(good, "ms=5", "ms=-5", 1),
		"leading zero":           strings.Replace(good, "ms=5", "ms=05", 1),
		"too large":              strings.Replace(good, "len=10", "len=9223372036854775808", 1),
		"longer than the stream": strings.Replace(good, "len=10", "len=11", 1),
		"durable ahead":          strings.Replace(good, "durable=0", "durable=11", 1),
		"capital digit":          strings.Replace(good, "sum=0", "sum=A", 1),
		"no id":                  strings.Replace(good, testID.String(), "", 1),
		"too long":               good + strings.Repeat("x", maxLine),
	} {
		if l, err := ParseLine(withChecksum(text)); err == nil {
			t.Errorf("%s: read as %+v", name, l)
		}
	}
}

func TestLineDoesNotAllocate(t *testing.T) {
	l := longestLine()
	buf := make([]byte, 0, maxLine)
	if n := testing.AllocsPerRun(100, func() { buf = l.AppendTo(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The digest of bytes that come in pieces is that of all of them at once.
func TestDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 3000)).Draw(t, "parts")
		var d Digest
		for _, p := range parts {
			copied := d // a copy goes on by itself
			copied.Write([]byte("elsewhere"))
			d.Write(p)
		}
		all := bytes.Join(parts, nil)
		if d.Sum() != SumOf(all) || d.Len() != int64(len(all)) {
			t.Fatalf("%d bytes: %v, want %v", len(all), d.Sum(), SumOf(all))
		}
		d.Reset()
		if d.Sum() != SumOf(nil) || d.Len() != 0 {
			t.Fatal("not empty after Reset")
		}
	})
}

func FuzzLine(f *testing.F) {
	l := longestLine()
	f.Add(l.AppendTo(nil))
	f.Add(withChecksum("id=" + testID.String() + " epoch=1 lsn=10 ms=5 len=10 sum=" + strings.Repeat("0", 32) + " durable=0 x=y "))
	f.Fuzz(func(t *testing.T, p []byte) {
		l, err := ParseLine(p)
		if err == nil {
			if again, err := ParseLine(l.AppendTo(nil)); err != nil || again != l {
				t.Fatalf("%q became %+v, then %+v, %v", p, l, again, err)
			}
		}
		// Behind a right checksum anything may stand.
		_, _ = ParseLine(withChecksum(string(p)))
	})
}

func TestHasLines(t *testing.T) {
	line := string((&Line{Position: Position{ID: NewReplID(), Epoch: 3, LSN: 77}, Len: 7}).AppendTo(nil))
	for _, before := range []int{0, 1, 4000, 64<<10 - 3, 64 << 10, 200_000} {
		for text, want := range map[string]bool{
			line:                true,
			"#FR1 #FR1 " + line: true,
			strings.Replace(line, "lsn=77", "lsn=78", 1): false,
			line[:len(line)-1]:                           false,
			"#FR1 ":                                      false,
		} {
			p := strings.Repeat("x", before) + text
			if got, err := HasLines(strings.NewReader(p), int64(len(p))); err != nil || got != want {
				t.Errorf("behind %d bytes, %q: %t, %v", before, text, got, err)
			}
		}
	}
}
