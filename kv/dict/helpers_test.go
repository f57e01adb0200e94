package dict

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"frankenredis/kv/arena"
)

// Test entries are 24 bytes: the hash, the key, a value.
const entrySize = 24

func entryHash(m arena.Mem, r arena.Ref) uint64 { return m.Load64(r) }

func entryMatch(m arena.Mem, r arena.Ref, key []byte) bool {
	return string(m.At(r+8, 8)) == string(key)
}

var testType = &Type{Match: entryMatch, Hash: entryHash}

func newEntry(a *arena.Arena, hash, key, value uint64) arena.Ref {
	r := a.Alloc(entrySize)
	b := a.Mut(r, entrySize)
	binary.LittleEndian.PutUint64(b, hash)
	binary.LittleEndian.PutUint64(b[8:], key)
	binary.LittleEndian.PutUint64(b[16:], value)
	return r
}

func keyBytes(key uint64) []byte { return binary.LittleEndian.AppendUint64(nil, key) }

// hashes are the ways tests hash: the dict must be right under the worst of them.
var hashes = map[string]func(uint64) uint64{
	"good":  mix,
	"same":  func(uint64) uint64 { return 0x0123456789abcdef },
	"zero":  func(uint64) uint64 { return 0 },
	"ones":  func(uint64) uint64 { return ^uint64(0) },
	"few":   func(k uint64) uint64 { return mix(k % 7) },
	"low":   func(k uint64) uint64 { return mix(k) >> 30 },
	"high":  func(k uint64) uint64 { return mix(k) | 0xfffffffff<<28 },
	"edges": func(k uint64) uint64 { return mix(k) >> (mix(k+1) % 64) },
	"steep": func(k uint64) uint64 { return mix(k) | ^uint64(0)<<(mix(k+1)%64) },
}

// crowded tells the hashes that put much into few chains, where each operation
// takes long; tests make fewer of them.
func crowded(name string) bool { return name != "good" }

// mix is splitmix64's finisher.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

// check verifies all that must hold of a dict's blocks.
func check(t testing.TB, d Dict) {
	t.Helper()
	c := checker{d: d, bytes: int64(d.a.Usable(d.root))}
	c.word(word(d.a.Load64(d.root+rootTop)), 0, 0)
	if c.err == nil && c.entries != d.Len() {
		c.failf("Len is %d, %d entries found", d.Len(), c.entries)
	}
	aux := d.a.Load64(d.root + rootAux)
	levels := arena.Ref(aux & refMask)
	if levels != 0 {
		c.bytes += int64(d.a.Usable(levels))
	}
	if c.err == nil && c.bytes != d.MemBytes() {
		c.failf("MemBytes is %d, %d bytes found", d.MemBytes(), c.bytes)
	}
	top := 0
	for depth, n := range c.levels {
		if depth == 0 {
			continue
		}
		if n > 0 {
			top = depth
		}
		have := uint32(0)
		if levels != 0 && (depth+1)*4 <= d.a.Usable(levels) {
			have = le32(d.a.At(levels, (depth+1)*4)[depth*4:])
		}
		if c.err == nil && int(have) != n {
			c.failf("level %d says %d, %d segments found", depth, have, n)
		}
	}
	if c.err == nil && d.deepest() != top {
		c.failf("deepest is %d, want %d", d.deepest(), top)
	}
	if c.err != nil {
		t.Fatal(c.err)
	}
}

type checker struct {
	d       Dict
	entries int
	bytes   int64
	levels  [maxDepth + 2]int
	err     error
}

func (c *checker) failf(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// word checks the part of the hash space below the prefix pre of base bits.
func (c *checker) word(w word, pre uint64, base int) {
	if w.kind() == kindNode {
		k := w.count()
		c.bytes += int64(c.d.a.Usable(w.ref()))
		needed := false
		for i := 0; i < 1<<k; {
			child := word(c.d.a.Load64(w.ref() + arena.Ref(i*wordSize)))
			n := span(child, base, k)
			if child.kind() != kindNode && (child.depth() <= base || child.depth() > base+k) {
				c.failf("child of depth %d in a node of base %d and %d bits", child.depth(), base, k)
				return
			}
			if child.kind() == kindNode && k != nodeBits {
				c.failf("a node of %d bits has a child node", k)
			}
			needed = needed || n == 1
			if i%n != 0 {
				c.failf("span of %d at %d", n, i)
			}
			for j := range n {
				if other := word(c.d.a.Load64(w.ref() + arena.Ref((i+j)*wordSize))); other != child {
					c.failf("words of one segment differ: %#x %#x", child, other)
				}
			}
			c.word(child, pre|uint64(i)<<(64-base-k), base+k)
			i += n
		}
		if !needed {
			c.failf("node of %d bits at base %d is too wide", k, base)
		}
		return
	}
	var b batch
	if w.kind() == kindChain {
		c.levels[chainLevel]++
		chainEach(c.d.a, w, func(r arena.Ref, _ []uint64) bool {
			c.bytes += int64(c.d.a.Usable(r))
			return true
		})
		if w.depth() != maxDepth {
			c.failf("chain of depth %d", w.depth())
		}
	} else {
		c.levels[w.depth()]++
		if w.count() > segmentMax {
			c.failf("segment of %d entries", w.count())
		}
		if (w.count() == 0) != (w.ref() == 0) {
			c.failf("segment of %d entries has ref %#x", w.count(), w.ref())
		}
		if w.ref() != 0 {
			c.bytes += int64(c.d.a.Usable(w.ref()))
			if w.count()*wordSize > c.d.a.Usable(w.ref()) {
				c.failf("segment of %d entries in %d bytes", w.count(), c.d.a.Usable(w.ref()))
			}
		}
	}
	slots := b.load(c.d.a, w)
	c.entries += len(slots)
	for i, e := range slots {
		hash := entryHash(c.d.a, entryRef(e))
		if e&tagMask != tagOf(hash, w.base()) {
			c.failf("tag %#x of hash %#x at base %d", e>>48, hash, w.base())
		}
		if i > 0 && e&tagMask < slots[i-1]&tagMask {
			c.failf("tags out of order")
		}
		if prefix(hash, w.depth()) != prefix(pre, w.depth()) {
			c.failf("hash %#x under the prefix %#x of %d bits", hash, pre, w.depth())
		}
	}
}
