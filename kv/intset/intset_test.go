package intset

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var seed = flag.Uint64("seed", 0, "seed of the random test; 0: fixed ones")

func build(values ...int64) []byte {
	p := New(nil)
	for _, n := range values {
		p, _ = Add(p, n)
	}
	return p
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
		want   string
	}{
		{"empty", nil, "0200000000000000"},
		{"in order", []int64{5, -1, 3}, "0200000003000000" + "ffff03000500"},
		{"twice", []int64{5, 5}, "0200000001000000" + "0500"},
		{"16 bits", []int64{32767, -32768}, "0200000002000000" + "0080ff7f"},
		{"above 16 bits", []int64{1, 32768}, "0400000002000000" + "0100000000800000"},
		{"below 16 bits", []int64{1, -32769}, "0400000002000000" + "ff7fffff01000000"},
		{"32 bits", []int64{math.MaxInt32, math.MinInt32}, "0400000002000000" + "00000080ffffff7f"},
		{"above 32 bits", []int64{-1, 1 << 31}, "0800000002000000" + "ffffffffffffffff" + "0000008000000000"},
		{"below 32 bits", []int64{2, -1<<31 - 1}, "0800000002000000" + "ffffff7fffffffff" + "0200000000000000"},
		{"64 bits", []int64{math.MaxInt64, math.MinInt64}, "0800000002000000" + "0000000000000080" + "ffffffffffffff7f"},
		{"16 to 64 bits", []int64{1, 2, 1 << 40}, "0800000003000000" + "0100000000000000" + "0200000000000000" + "0000000000010000"},
	} {
		if got := hex.EncodeToString(build(c.values...)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRemoveKeepsEncoding(t *testing.T) {
	p, removed := Remove(build(1, 1<<40), 1<<40)
	if got := hex.EncodeToString(p); !removed || got != "08000000010000000100000000000000" {
		t.Errorf("%v %s", removed, got)
	}
	if p, removed = Remove(p, 1<<40); removed {
		t.Errorf("removed twice: %x", p)
	}
	// What does not fit the encoding is not there.
	small := build(0, -1)
	for _, n := range []int64{65535, 65536, math.MaxInt64, math.MinInt64} {
		if q, removed := Remove(small, n); removed || Contains(q, n) {
			t.Errorf("found %d", n)
		}
	}
}

func TestModel(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if *seed != 0 {
		seeds = []uint64{*seed}
	}
	for _, s := range seeds {
		rng := rand.New(rand.NewPCG(s, 1))
		p := New(nil)
		var sorted []int64
		width := 2
		for step := range 500 {
			n := int64(rng.IntN(100) - 50)
			if rng.IntN(20) == 0 {
				n = int64(rng.Uint64()) >> (8 * rng.IntN(8))
			} else if len(sorted) > 0 && rng.IntN(4) == 0 {
				n = sorted[rng.IntN(len(sorted))]
			}
			i, found := slices.BinarySearch(sorted, n)
			if Contains(p, n) != found {
				t.Fatalf("seed %d, step %d: %d found: %v", s, step, n, !found)
			}
			near := rng.IntN(len(sorted) + 1)
			if at, ok := Seek(p, near, n); at != i || ok != found {
				t.Fatalf("seed %d, step %d: %d sought from %d: at %d %v, want %d %v", s, step, n, near, at, ok, i, found)
			}
			if rng.IntN(5) < 3 {
				var added bool
				if p, added = Add(p, n); added == found {
					t.Fatalf("seed %d, step %d: %d added: %v", s, step, n, added)
				}
				if !found {
					sorted = slices.Insert(sorted, i, n)
				}
				width = max(width, widthOf(n))
			} else {
				var removed bool
				if p, removed = Remove(p, n); removed != found {
					t.Fatalf("seed %d, step %d: %d removed: %v", s, step, n, removed)
				}
				if found {
					sorted = slices.Delete(sorted, i, i+1)
				}
			}
			got := make([]int64, Len(p))
			for i := range got {
				got[i] = At(p, i)
			}
			if !slices.Equal(got, sorted) || int(p[0]) != width {
				t.Fatalf("seed %d, step %d: %d of %d bytes, want %d of %d", s, step, got, p[0], sorted, width)
			}
			if n := len(sorted); Validate(p) != (n > 0) || (n > 0 && (Min(p) != sorted[0] || Max(p) != sorted[n-1])) {
				t.Fatalf("seed %d, step %d: % x", s, step, p)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	p := New(make([]byte, 0, 256))
	at := &p[0]
	if n := testing.AllocsPerRun(5, func() {
		p, _ = Add(p, 1)
		p, _ = Add(p, -70000)
		p, _ = Remove(p, 1)
	}); n != 0 || &p[0] != at {
		t.Errorf("%v allocations, moved %v", n, &p[0] != at)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      bool
	}{
		{"one", "02000000010000000500", true},
		{"not in the shortest form", "080000000100000005000000000000" + "00", true},
		{"nothing", "", false},
		{"half a header", "02000000010000", false},
		{"empty", "0200000000000000", false},
		{"encoding 3", "0300000001000000050000", false},
		{"encoding 0", "0000000001000000", false},
		{"encoding in the third byte", "02000100010000000500", false},
		{"too short", "020000000100000005", false},
		{"too long", "0200000001000000050000", false},
		{"length that overflows", "0800000000000020", false},
		{"length of 4 G", "02000000ffffffff0500", false},
		{"twice", "020000000200000005000500", false},
		{"out of order", "020000000200000005000400", false},
		{"negative ones last", "02000000020000000500ffff", false},
	} {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := Validate(p); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Valid bytes are those that adding their values makes, in some encoding.
func FuzzValidate(f *testing.F) {
	f.Add(build(1, 2, 3))
	f.Add(build(-1, 70000))
	f.Add(build(-1, 1<<40))
	f.Fuzz(func(t *testing.T, p []byte) {
		if !Validate(p) {
			return
		}
		q := New(nil)
		for i := range Len(p) {
			n := At(p, i)
			if !Contains(p, n) {
				t.Fatalf("%x: %d is lost", p, n)
			}
			q, _ = Add(q, n)
		}
		if w := width(p); w > width(q) {
			q = widen(q, w)
		}
		if !bytes.Equal(p, q) {
			t.Fatalf("%x, built anew %x", p, q)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 8<<10)
	p := New(buf)
	for i := range b.N {
		if i%512 == 0 {
			p = New(p)
		}
		p, _ = Add(p, int64(i*7919%10007))
	}
}

func BenchmarkContains(b *testing.B) {
	p := New(nil)
	for i := range 512 {
		p, _ = Add(p, int64(i*3))
	}
	for i := range b.N {
		Contains(p, int64(i%1536))
	}
}
