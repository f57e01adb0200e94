package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// modelBit reads a bit of a plain byte slice.
func modelBit(s []byte, i int) uint64 {
	if i>>3 >= len(s) {
		return 0
	}
	return uint64(s[i>>3]>>(7-i&7)) & 1
}

// modelSet writes one, the slice growing as needed.
func modelSet(s []byte, i int, bit uint64) []byte {
	if n := i>>3 + 1; n > len(s) {
		s = append(s, make([]byte, n-len(s))...)
	}
	s[i>>3] = s[i>>3]&^(0x80>>(i&7)) | byte(bit<<(7-i&7))
	return s
}

// Bits read, written, counted and found are those of a plain slice, whatever shape the value has, also while a view is open.
func TestBitsAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			ks := New(Options{Databases: 1, RandomSeed: seed})
			defer ks.Close()
			db := ks.DB(0)
			key := []byte("bits")
			most := []int{40, 600, 70000, 8 * 5 * chunkSize, 8 * 3000 * chunkSize, 100}[seed]
			var model []byte
			if seed%2 == 1 {
				model = []byte("-12345")
				db.SetString(key, model, false)
				model = bytes.Clone(model)
			}
			for step := range 600 {
				if step == 300 {
					f := ks.Freeze()
					defer f.Close()
				}
				off, width, v := rng.IntN(most), 1+rng.IntN(64), rng.Uint64()
				if rng.IntN(4) == 0 {
					v = 0
				}
				end := (off + width + 7) >> 3
				b, grown, err := db.OpenBits(key, end)
				if err != nil {
					t.Fatal(err)
				}
				if grown != (end > len(model)) {
					t.Fatalf("step %d: grown %v from %d to %d bytes", step, grown, len(model), end)
				}
				var was uint64
				for i := range width {
					was = was<<1 | modelBit(model, off+i)
				}
				if got := b.Field(off, width); got != was {
					t.Fatalf("step %d: field %d+%d is %x, want %x", step, off, width, got, was)
				}
				b.SetField(off, width, v)
				for i := range width {
					model = modelSet(model, off+i, v>>(width-1-i)&1)
				}
				if n := (off + width + 7) >> 3; n > len(model) {
					model = append(model, make([]byte, n-len(model))...)
				}
				if step%20 == 0 {
					checkBits(t, db, key, model, rng)
				}
			}
			checkBits(t, db, key, model, rng)
			if e, _ := db.Lookup(key, NoTouch); e.Encoding() != Raw {
				t.Errorf("encoding %v", e.Encoding())
			}
			db.Delete(key)
			for ks.LazyFree(1 << 30) {
			}
			if total, tables := db.Bytes(); total != tables {
				t.Errorf("%d bytes are left", total-tables)
			}
		})
	}
}

func checkBits(t *testing.T, db *DB, key, model []byte, rng *rand.Rand) {
	t.Helper()
	e, _ := db.Lookup(key, NoTouch)
	if e.StringLen() != len(model) || len(model) < 1<<20 && !bytes.Equal(e.AppendString(nil), model) {
		t.Fatalf("the value is not the model: %d bytes, want %d", e.StringLen(), len(model))
	}
	n := 8 * len(model)
	for range 10 {
		from := rng.IntN(n + 1)
		to := from + rng.IntN(min(n-from, 200000)+1)
		count, first := 0, [2]int{-1, -1}
		for i := from; i < to; i++ {
			bit := modelBit(model, i)
			count += int(bit)
			if first[bit] < 0 {
				first[bit] = i
			}
		}
		if got := e.CountBits(from, to); got != count {
			t.Fatalf("CountBits(%d, %d) = %d, want %d", from, to, got, count)
		}
		for bit, want := range first {
			if got := e.FindBit(bit == 1, from, to); got != want {
				t.Fatalf("FindBit(%d, %d, %d) = %d, want %d", bit, from, to, got, want)
			}
		}
	}
}

func TestOpenBitsOfAnotherType(t *testing.T) {
	ks := New(Options{})
	defer ks.Close()
	db := ks.DB(0)
	h, err := db.EditHash([]byte("h"))
	if err != nil {
		t.Fatal(err)
	}
	h.Set([]byte("f"), []byte("v"))
	h.Done()
	if _, _, err := db.OpenBits([]byte("h"), 1); err != ErrWrongType {
		t.Errorf("got %v", err)
	}
}

// One bit far out costs a chunk and the tables above it, not the string.
func TestSparseBitsAreCheap(t *testing.T) {
	ks := New(Options{})
	defer ks.Close()
	db := ks.DB(0)
	key := []byte("k")
	const far = 8<<29 - 1
	b, _, _ := db.OpenBits(key, far>>3+1)
	b.SetField(far, 1, 1)
	e, _ := db.Lookup(key, NoTouch)
	if e.StringLen() != 512<<20 || e.CountBits(0, far+1) != 1 || e.FindBit(true, 0, far+1) != far || e.Bytes() > 64<<10 {
		t.Errorf("%d bytes long, %d set, first %d, %d bytes in use", e.StringLen(), e.CountBits(0, far+1), e.FindBit(true, 0, far+1), e.Bytes())
	}
}

func BenchmarkSetBit(b *testing.B) {
	for _, size := range []int{16, 1 << 20, 512 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ks := New(Options{})
			defer ks.Close()
			db := ks.DB(0)
			key := []byte("k")
			b.ReportAllocs()
			for i := range b.N {
				bits, _, _ := db.OpenBits(key, size)
				bits.SetField(i*7919%(8*size), 1, 1)
			}
		})
	}
}

func BenchmarkCountBits(b *testing.B) {
	ks := New(Options{})
	defer ks.Close()
	key := []byte("k")
	e := ks.DB(0).SetString(key, bytes.Repeat([]byte("bits"), 1<<20), false)
	b.SetBytes(4 << 20)
	for b.Loop() {
		e.CountBits(3, 8<<22-3)
	}
}
