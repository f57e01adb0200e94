package lzf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	var e Encoder
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		src := sample(rnd, rnd.IntN(1200))
		limit := len(src) - 4
		if i%3 == 0 {
			limit = len(src) + len(src)/16 + 8
		}
		packed := e.Compress(nil, src, limit)
		if packed == nil {
			continue
		}
		if len(packed) > limit {
			t.Fatalf("%d bytes over the limit %d", len(packed), limit)
		}
		if int64(len(src)) > MaxExpanded(len(packed)) {
			t.Fatalf("%d bytes made %d, above MaxExpanded %d", len(packed), len(src), MaxExpanded(len(packed)))
		}
		back := make([]byte, len(src))
		if err := Expand(back, packed); err != nil || !bytes.Equal(back, src) {
			t.Fatalf("case %d: %d bytes: %v", i, len(src), err)
		}
	}
}

// sample makes bytes with repeats at varying distances.
func sample(rnd *rand.Rand, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		if len(out) > 3 && rnd.IntN(3) > 0 {
			back := 1 + rnd.IntN(len(out))
			for range min(n-len(out), 1+rnd.IntN(60)) {
				out = append(out, out[len(out)-back])
			}
			continue
		}
		for range min(n-len(out), 1+rnd.IntN(8)) {
			out = append(out, byte(rnd.Uint32N(200)))
		}
	}
	return out
}

// What Redis 7.0.15 writes for these values (taken from DUMP): the compressor must write the same.
func TestSameBytesAsRedis(t *testing.T) {
	var e Encoder
	for _, c := range redisBlocks {
		if got := e.Compress(nil, []byte(c.in), len(c.in)-4); string(got) != c.out {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.out)
		}
	}
}

var redisBlocks = []struct{ in, out string }{
	{strings.Repeat("a", 21), "\x01aa\xe0\x0a\x00"},
	{strings.Repeat("a", 22), "\x01aa\xe0\x0a\x00\x00a"},
	{strings.Repeat("a", 300), "\x01aa\xe0\xff\x00\xe0\x17\x00\x01aa"},
	{strings.Repeat("Frankenstein ", 4), "\x0dFrankenstein F\xe0\x1b\x0c\x01n "},
	{"012345678901234567890123456789xyz", "\x0a01234567890\xe0\x0a\x09\x02xyz"},
	{"abcabcababcabcababcabcabc", "\x03abca@\x02`\x04 \x0a`\x04 \x07\x00c"},
	{"aaaabaaabaaabaaaabbbaaa", "\x04aaaab\xe0\x02\x03\x02abb \x0e\x00a"},
	{"user:1000:name=user:1001:name=user:1002:name=", "\x0fuser:1000:name=u\xa0\x0e\x001\xe0\x05\x0e\x002@\x0e\x01e="},
}

// A block fed to one encoder after others comes out as from a fresh one.
func TestEncoderForgets(t *testing.T) {
	var used Encoder
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		src := sample(rnd, 30+rnd.IntN(400))
		fresh := new(Encoder)
		if a, b := used.Compress(nil, src, len(src)-4), fresh.Compress(nil, src, len(src)-4); !bytes.Equal(a, b) {
			t.Fatalf("%q and %q", a, b)
		}
	}
	used.base = 1<<32 - 5
	src := bytes.Repeat([]byte("abc"), 30)
	if !bytes.Equal(used.Compress(nil, src, 80), new(Encoder).Compress(nil, src, 80)) {
		t.Fatal("differs after the table was cleared")
	}
}

func TestExpandRefusesDamage(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"empty", ""}, {"literal cut", "\x03ab"}, {"literal too long", "\x09abcdefghij"}, {"copy without offset", "\x01ab\x20"},
		{"long copy without length", "\x01ab\xe0"}, {"copy from before the start", "\x00a\x20\x05"},
		{"copy too long", "\x00a\xe0\xff\x00"}, {"too short", "\x00a"},
	} {
		if err := Expand(make([]byte, 9), []byte(c.in)); err != ErrCorrupt {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add([]byte("\x01aa\xe0\x07\x00\x01aa"), 21)
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		if n < 0 || n > 1<<16 {
			return
		}
		if err := Expand(make([]byte, n), src); err == nil && int64(n) > MaxExpanded(len(src)) {
			t.Fatalf("%d bytes made %d", len(src), n)
		}
	})
}

func FuzzCompress(f *testing.F) {
	f.Add([]byte("hello hello hello hello"))
	var e Encoder
	f.Fuzz(func(t *testing.T, src []byte) {
		packed := e.Compress(nil, src, len(src)+len(src)/16+8)
		if packed == nil {
			return
		}
		back := make([]byte, len(src))
		if err := Expand(back, packed); err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%q: %v", src, err)
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	var e Encoder
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{64, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, dst := sample(rnd, n), make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				e.Compress(dst, src, n-4)
			}
		})
	}
}

func BenchmarkExpand(b *testing.B) {
	var e Encoder
	src := sample(rand.New(rand.NewPCG(7, 8)), 4096)
	packed, dst := e.Compress(nil, src, 4092), make([]byte, 4096)
	b.SetBytes(4096)
	for b.Loop() {
		if err := Expand(dst, packed); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	text := bytes.Repeat([]byte("Frankenstein "), 4)
	var e Encoder
	packed := e.Compress(nil, text, len(text)-4)
	back := make([]byte, len(text))
	fmt.Println(len(text), len(packed), Expand(back, packed), bytes.Equal(back, text))
	// Output: 52 21 <nil> true
}
