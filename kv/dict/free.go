package dict

import "frankenredis/kv/arena"

// While Free is at work the root's aux word holds how far it has come: a position
// in the hash space (of which only the top maxDepth bits are used) and this bit.
const freeing = 1

// Free takes the dict apart in slices: each call gives at least budget entries
// to visit (a segment more at most; empty segments count as one) and frees the
// table's blocks behind them. When it returns true everything is gone, the root block
// too. After the first call only Free, Len, MemBytes and Root may be called, and only a View
// made before it can read the dict. visit may free the entry, and must not touch the dict;
// it may be nil where the entries belong to another dict as well.
func (d Dict) Free(visit func(arena.Ref), budget int) (done bool) {
	aux := d.a.Load64(d.root + rootAux)
	if aux&freeing == 0 {
		if r := arena.Ref(aux & refMask); r != 0 {
			d.free(r)
		}
		aux = freeing
		d.a.Store64(d.root+rootAux, aux)
	}
	pos := aux &^ freeing
	for {
		var nodes [maxDepth]arena.Ref
		var bases [maxDepth]int
		level, base := 0, 0
		w := word(d.a.Load64(d.root + rootTop))
		for w.kind() == kindNode {
			nodes[level], bases[level] = w.ref(), base
			level++
			at := w.ref() + arena.Ref(pos<<base>>(64-w.count())*wordSize)
			base += w.count()
			w = word(d.a.Load64(at))
		}
		var b batch
		slots := b.load(d.a, w)
		d.freeBlocks(w)
		d.add(rootLen, -int64(len(slots)))
		end := pos | (1<<(64-w.depth()) - 1)
		for level > 0 && end == pos|(1<<(64-bases[level-1])-1) {
			level--
			d.free(nodes[level])
		}
		pos = end + 1
		d.a.Store64(d.root+rootAux, pos|freeing)
		if visit != nil {
			touch(d.a, slots)
			for _, e := range slots {
				visit(entryRef(e))
			}
		}
		if pos == 0 {
			d.a.Free(d.root)
			return true
		}
		if budget -= max(1, len(slots)); budget <= 0 {
			return false
		}
	}
}

// freeBlocks frees the block of a segment or the blocks of a chain.
func (d Dict) freeBlocks(w word) {
	r := w.ref()
	for r != 0 {
		next := arena.Ref(0)
		if w.kind() == kindChain {
			next = arena.Ref(d.a.Load64(r))
		}
		d.free(r)
		r = next
	}
}
