package dict

import (
	"encoding/binary"

	"frankenredis/kv/arena"
)

// The levels count the segments of each depth (chains as maxDepth+1) while the
// root is a node: their block holds one uint32 for each depth, and the root keeps its
// ref together with the largest depth in use. Random needs that depth.

const chainLevel = maxDepth + 1

// deepest returns the largest depth in use.
func (d Dict) deepest() int { return int(d.a.Load64(d.root+rootAux) >> 48) }

// level adds delta to the count of one depth.
func (d Dict) level(depth, delta int) {
	if depth == 0 {
		return // the root is a segment
	}
	aux := d.a.Load64(d.root + rootAux)
	r, top := arena.Ref(aux&refMask), int(aux>>48)
	have := 0
	if r != 0 {
		have = d.a.Usable(r) / 4
	}
	if depth >= have {
		grown := d.alloc((depth + 1) * 4)
		size := d.a.Usable(grown)
		to := d.a.Mut(grown, size)
		clear(to)
		if r != 0 {
			copy(to, d.a.At(r, have*4))
			d.free(r)
		}
		r = grown
	}
	b := d.a.Mut(r, d.a.Usable(r))
	n := le32(b[depth*4:]) + uint32(delta)
	putLe32(b[depth*4:], n)
	top = max(top, depth)
	for top > 0 && le32(b[top*4:]) == 0 {
		top--
	}
	if top == 0 {
		d.free(r)
		r = 0
	}
	d.a.Store64(d.root+rootAux, uint64(r)|uint64(top)<<48)
}

func le32(b []byte) uint32       { return binary.LittleEndian.Uint32(b) }
func putLe32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }
