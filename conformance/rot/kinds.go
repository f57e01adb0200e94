// Package rot has the ways in which bytes on a disk go bad, for whoever tries what a server or a tool makes of it. It knows no format:
// a Kind is given a file's bytes and returns others. The same random numbers give the same damage.
package rot

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Cell is the unit in which disks lose bytes, and in which sidecars count.
const Cell = 4096

// File is what a Kind damages.
type File struct {
	Bytes []byte // as it is; a Kind may change them
	Other []byte // another file's
	Older []byte // an earlier state of this one, or what somebody might mistake for one
}

// Kind is one way to go bad. Damage returns the file's new bytes, or nil for one that is gone; File.Bytes is not empty.
type Kind struct {
	Name   string
	Damage func(rng *rand.Rand, f File) []byte
}

// Kinds are all of them.
func Kinds() []Kind {
	kinds := []Kind{{"one bit", oneBit}}
	for _, size := range []struct {
		name  string
		bytes int
	}{{"512 bytes", 512}, {"4 KiB", 4096}, {"64 KiB", 65536}, {"2 MiB", 2 << 20}} {
		kinds = append(kinds,
			Kind{size.name + " zero", func(rng *rand.Rand, f File) []byte { return block(rng, f.Bytes, size.bytes, true) }},
			Kind{size.name + " garbage", func(rng *rand.Rand, f File) []byte { return block(rng, f.Bytes, size.bytes, false) }})
	}
	return append(kinds,
		Kind{"cells swapped", swapped},
		Kind{"a cell of another file", foreignCell},
		Kind{"an older version", func(_ *rand.Rand, f File) []byte { return bytes.Clone(f.Older) }},
		Kind{"cut short", func(rng *rand.Rand, f File) []byte { return f.Bytes[:rng.IntN(len(f.Bytes))] }},
		Kind{"extended", extended},
		Kind{"missing", func(*rand.Rand, File) []byte { return nil }},
		Kind{"several at once", several})
}

// Named finds a Kind by its name.
func Named(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no kind of damage is called %q", name)
}

func oneBit(rng *rand.Rand, f File) []byte {
	f.Bytes[rng.IntN(len(f.Bytes))] ^= 1 << rng.IntN(8)
	return f.Bytes
}

// block replaces up to n bytes at a random place.
func block(rng *rand.Rand, p []byte, n int, zero bool) []byte {
	at := rng.IntN(len(p))
	part := p[at:min(at+n, len(p))]
	if zero {
		clear(part)
		return p
	}
	fill(rng, part)
	return p
}

func fill(rng *rand.Rand, p []byte) {
	for len(p) >= 8 {
		x := rng.Uint64()
		for i := range 8 {
			p[i] = byte(x >> (8 * i))
		}
		p = p[8:]
	}
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
}

// swapped exchanges two cells, or in a file of one cell two of its halves.
func swapped(rng *rand.Rand, f File) []byte {
	p, size := f.Bytes, Cell
	if len(p) < 2*Cell {
		size = len(p) / 2
	}
	if size == 0 {
		return p
	}
	n := len(p) / size
	a := rng.IntN(n)
	b := (a + 1 + rng.IntN(n-1)) % n
	for i := range size {
		p[a*size+i], p[b*size+i] = p[b*size+i], p[a*size+i]
	}
	return p
}

// foreignCell puts a cell of another file in the place of one of this.
func foreignCell(rng *rand.Rand, f File) []byte {
	if len(f.Other) == 0 {
		return oneBit(rng, f)
	}
	from := rng.IntN((len(f.Other)+Cell-1)/Cell) * Cell
	to := rng.IntN((len(f.Bytes)+Cell-1)/Cell) * Cell
	copy(f.Bytes[to:], f.Other[from:min(from+Cell, len(f.Other))])
	return f.Bytes
}

// extended has bytes behind its end: zeros, as a file system leaves them after a crash, or anything.
func extended(rng *rand.Rand, f File) []byte {
	more := make([]byte, 1+rng.IntN(2*Cell))
	if rng.IntN(2) == 0 {
		fill(rng, more)
	}
	return append(f.Bytes, more...)
}

// several is two to five of the kinds that leave a file in its place.
func several(rng *rand.Rand, f File) []byte {
	kinds := []func(*rand.Rand, File) []byte{oneBit, swapped, foreignCell,
		func(rng *rand.Rand, f File) []byte { return block(rng, f.Bytes, 512, true) },
		func(rng *rand.Rand, f File) []byte { return block(rng, f.Bytes, 4096, false) },
		func(rng *rand.Rand, f File) []byte { return block(rng, f.Bytes, 65536, false) }}
	for range 2 + rng.IntN(4) {
		f.Bytes = kinds[rng.IntN(len(kinds))](rng, f)
	}
	return f.Bytes
}
