package crc64

import (
	"fmt"
	stdcrc "hash/crc64"
	"math/rand/v2"
	"testing"
)

func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
	}{
		{"", 0},
		{"123456789", 0xe9c6d914c4b8d9ca},
	} {
		if got := Checksum([]byte(c.in)); got != c.want {
			t.Errorf("Checksum(%q) = %#x, want %#x", c.in, got, c.want)
		}
	}
}

// The standard library with the same polynomial, its two inversions undone, is an independent witness.
func TestAgreesWithStandardLibrary(t *testing.T) {
	std := stdcrc.MakeTable(reflected)
	rnd := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 5000)
	for i := range buf {
		buf[i] = byte(rnd.Uint32())
	}
	for n := 0; n < len(buf); n += 1 + n/20 {
		start := rnd.Uint64()
		if got, want := Update(start, buf[:n]), ^stdcrc.Update(^start, std, buf[:n]); got != want {
			t.Fatalf("%d bytes: %#x, want %#x", n, got, want)
		}
		cut := n / 3
		if got, want := Update(Update(0, buf[:cut]), buf[cut:n]), Checksum(buf[:n]); got != want {
			t.Fatalf("%d bytes cut at %d: %#x, want %#x", n, cut, got, want)
		}
	}
}

// Every length and every place in memory by which folding may go otherwise, beside the tables alone.
func TestFoldingAgreesWithTables(t *testing.T) {
	if !folds {
		t.Log("this processor does not multiply polynomials: the tables are all there is")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	buf := make([]byte, 1100)
	for i := range buf {
		buf[i] = byte(rnd.Uint32())
	}
	for n := range 1024 {
		p, start := buf[n%17:][:n], rnd.Uint64()
		if got, want := Update(start, p), byTables(start, p); got != want {
			t.Fatalf("%d bytes behind %#x: %#x, want %#x", n, start, got, want)
		}
	}
}

func TestUpdateDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 1000)
	if n := testing.AllocsPerRun(10, func() { Checksum(buf) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{32, 128, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			buf := make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				Update(1, buf)
			}
		})
	}
}

func ExampleChecksum() {
	fmt.Printf("%016x\n", Checksum([]byte("123456789")))
	// Output: e9c6d914c4b8d9ca
}
