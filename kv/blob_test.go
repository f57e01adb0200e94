package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"frankenredis/kv/arena"
)

// bytesHeld walks the tree of a blob and adds up its blocks, checking its invariants.
func (b *blob) bytesHeld(t *testing.T, a *arena.Arena) int64 {
	var walk func(r arena.Ref, height, size int) int64
	walk = func(r arena.Ref, height, size int) int64 {
		if r == 0 {
			return 0
		}
		sum, room := int64(a.Usable(r)), a.Usable(r)
		if height == 0 {
			if room < size {
				t.Fatalf("a chunk of %d bytes for %d", room, size)
			}
			return sum
		}
		n := slots(size, height)
		if room < 8*n || n > fanout {
			t.Fatalf("a table of %d bytes for %d slots", room, n)
		}
		child := span(height - 1)
		for i := range n {
			sum += walk(arena.Ref(a.Load64(word(r, i))), height-1, min(size-i*child, child))
		}
		return sum
	}
	if b.size > span(b.height) || b.height > 0 && b.size <= span(b.height-1) {
		t.Fatalf("height %d for %d bytes", b.height, b.size)
	}
	return walk(b.top, b.height, b.size)
}

func checkBlob(t *testing.T, db *DB, key, want []byte, rnd *rand.Rand) {
	t.Helper()
	e, ok := db.Lookup(key, 0)
	if !ok || e.StringLen() != len(want) {
		t.Fatalf("found %v, %d bytes of %d", ok, e.StringLen(), len(want))
	}
	if e.h.bigValue() {
		b := e.blob(db.ks.a)
		if held := b.bytesHeld(t, db.ks.a); held != b.bytes {
			t.Fatalf("holds %d bytes, accounts for %d", held, b.bytes)
		}
	}
	from := rnd.IntN(len(want) + 1)
	to := min(len(want), from+rnd.IntN(100_000))
	if !bytes.Equal(e.AppendRange(nil, from, to), want[from:to]) {
		t.Fatalf("bytes %d..%d differ", from, to)
	}
}

// TestBig plays writes on one large string, with views opened and closed on the way.
func TestBig(t *testing.T) {
	const limit = 40 << 20
	ks := newTest(t, 1)
	db, key := ks.DB(0), []byte("big")
	rnd := rand.New(rand.NewPCG(1, 2))
	model := make([]byte, 0, limit)
	data := make([]byte, 2<<20)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	var view *Frozen
	var viewed []byte
	rounds := 1500
	if testing.Short() {
		rounds = 200
	}
	for round := range rounds {
		n := 1 + rnd.IntN(1<<rnd.IntN(21))
		part := data[rnd.IntN(len(data)-n):][:n]
		if rnd.IntN(8) == 0 {
			part = zeroChunk[:min(n, chunkSize)]
		}
		if rnd.IntN(3) == 0 && len(model)+len(part) <= limit {
			model = append(model, part...)
			db.AppendString(key, part)
		} else {
			off := rnd.IntN(limit - n)
			if rnd.IntN(8) > 0 {
				off = rnd.IntN(len(model) + 1)
			}
			if end := off + len(part); end > len(model) {
				if end > limit {
					continue
				}
				model = append(model, make([]byte, end-len(model))...)
			}
			copy(model[off:], part)
			db.SetRange(key, off, part)
		}
		checkBlob(t, db, key, model, rnd)
		if round%200 == 100 {
			view, viewed = ks.Freeze(), bytes.Clone(model)
		}
		if round%200 == 150 {
			view.DB(0).Each(func(it Item) bool {
				if !bytes.Equal(it.AppendString(nil), viewed) {
					t.Fatal("a view has changed")
				}
				return true
			})
			view.Close()
			view = nil
		}
	}
	if view != nil {
		view.Close()
	}
	e, _ := db.Lookup(key, 0)
	if !bytes.Equal(e.AppendString(nil), model) {
		t.Fatal("the value differs")
	}
	db.CopyTo(key, db, []byte("copy"))
	checkBlob(t, db, []byte("copy"), model, rnd)
	db.Rename([]byte("copy"), []byte("renamed"))
	checkBlob(t, db, []byte("renamed"), model, rnd)
}

func TestBlobEqual(t *testing.T) {
	ks := newTest(t, 1)
	s := bytes.Repeat([]byte("0123456789"), 3000)
	b := makeBlob(ks.a, s)
	if !b.equal(ks.a, s) {
		t.Error("differs from itself")
	}
	for _, other := range [][]byte{nil, s[:len(s)-1], s[1:], append(bytes.Clone(s), 'x'), append(bytes.Clone(s[:len(s)-1]), 'x')} {
		if b.equal(ks.a, other) {
			t.Errorf("equals %d other bytes", len(other))
		}
	}
}

// TestSparse: the longest string Redis allows costs next to nothing until it is written to, and reads as zeros.
func TestSparse(t *testing.T) {
	ks := newTest(t, 1)
	db, key := ks.DB(0), []byte("k")
	before := ks.UsedBytes()
	if n := db.SetRange(key, 512<<20-1, []byte{7}); n != 512<<20 {
		t.Fatal(n)
	}
	if used := ks.UsedBytes() - before; used > 64<<10 {
		t.Errorf("takes %d bytes", used)
	}
	e, _ := db.Lookup(key, 0)
	if got := e.AppendRange(nil, 512<<20-3, 512<<20); !bytes.Equal(got, []byte{0, 0, 7}) {
		t.Errorf("ends with %v", got)
	}
	if got := e.AppendRange(nil, 100<<20, 100<<20+5); !bytes.Equal(got, make([]byte, 5)) {
		t.Errorf("has %v in the middle", got)
	}
	db.SetRange(key, 300<<20, []byte{9})
	e, _ = db.Lookup(key, 0)
	b := e.blob(ks.a)
	if held := b.bytesHeld(t, ks.a); held != b.bytes {
		t.Errorf("holds %d bytes, accounts for %d", held, b.bytes)
	}
	pieces, sum := 0, 0
	e.Walk(299<<20, 301<<20, func(p []byte) bool {
		for _, c := range p {
			sum += int(c)
		}
		pieces++
		return pieces < 1000
	})
	if sum != 9 || pieces != 256 {
		t.Errorf("%d pieces, sum %d", pieces, sum)
	}
}

// TestGrowth: a string that grows in small steps neither wastes memory nor is copied again and again.
func TestGrowth(t *testing.T) {
	ks := newTest(t, 1)
	db, key := ks.DB(0), []byte("key:000000000000")
	base := ks.UsedBytes()
	for n := 0; n < 300_000; {
		n = db.AppendString(key, []byte("0123456789")[:1+n%7])
		if used := ks.UsedBytes() - base; used > int64(n+n/4+256) && n < 8000 || used > int64(n+2*chunkSize) {
			t.Fatalf("%d bytes take %d", n, used)
		}
	}
}

func TestBigKeys(t *testing.T) {
	ks := newTest(t, 2)
	db := ks.DB(0)
	base := ks.UsedBytes()
	for _, n := range []int{4000, 4094, 4095, 4096, 8192, 100_000, 20 << 20} {
		key := bytes.Repeat([]byte("k"), n)
		other := append(bytes.Clone(key[1:]), 'x')
		db.SetString(key, []byte("v"), false)
		db.SetString(other, []byte("w"), false)
		db.SetExpire(key, testNow+1000)
		db.AppendString(key, bytes.Repeat([]byte("v"), 9000))
		db.Persist(key)
		if e, ok := db.Lookup(key, 0); !ok || e.StringLen() != 9001 || !bytes.Equal(e.Key(), key) {
			t.Fatalf("%d: %v", n, ok)
		}
		if v, _ := get(db, string(other)); v != "w" {
			t.Fatalf("%d: a key of the same length has %.10q", n, v)
		}
		if !db.Move(key, ks.DB(1)) || !ks.DB(1).Rename(key, other) {
			t.Fatalf("%d: lost", n)
		}
		if v, _ := get(ks.DB(1), string(other)); len(v) != 9001 {
			t.Fatalf("%d: a value of %d bytes", n, len(v))
		}
		db.Delete(other)
		ks.DB(1).Delete(other)
		if used := ks.UsedBytes(); used != base {
			t.Fatalf("%d: %d bytes remain", n, used-base)
		}
		for ks.LazyFree(0) {
		}
	}
}

func BenchmarkBigRead(b *testing.B) {
	ks := newTest(b, 1)
	db := ks.DB(0)
	for _, n := range []int{10_000, 1 << 20} {
		db.SetString([]byte("k"), bytes.Repeat([]byte("v"), n), false)
		dst := make([]byte, 0, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				e, _ := db.Lookup([]byte("k"), 0)
				dst = e.AppendString(dst[:0])
			}
		})
	}
}
