package dict

import (
	"math/bits"

	"frankenredis/kv/arena"
)

// warmMax is how many lookups Warm prepares at once; a processor core does not have more
// cache misses under way than about this.
const warmMax = 16

// warmFrom is the number of entries from which on it pays: fewer are mostly cached.
const warmFrom = 20_000

// Warm brings what Find will need for these hashes into the processor's caches. A
// lookup in a large dict is a row of cache misses, each waiting for the one before;
// Warm lets those of several lookups overlap. It is for those who have several keys to
// look up, in a pipeline or an MGET. It writes nothing; the keys need not be there.
func (d Dict) Warm(hashes []uint64) {
	d.warmAll(hashes, true)
}

// WarmSlots is Warm for DeleteRef, which does not look at entries.
func (d Dict) WarmSlots(hashes []uint64) { d.warmAll(hashes, false) }

func (d Dict) warmAll(hashes []uint64, entries bool) {
	for d.Len() >= warmFrom && len(hashes) > 0 {
		n := min(len(hashes), warmMax)
		d.warm(hashes[:n], entries)
		hashes = hashes[n:]
	}
}

// warm goes step by step through all lookups together. No step branches on what
// it has just loaded: a branch guessed wrong would wait for its miss.
func (d Dict) warm(hashes []uint64, entries bool) (sum uint64) {
	var found [warmMax]word
	var refs [warmMax]arena.Ref
	for i, h := range hashes {
		found[i] = d.lookup(h)
	}
	for i, w := range found[:len(hashes)] {
		guess, _ := bits.Mul64(hashes[i]<<w.depth(), uint64(w.count()))
		refs[i] = d.root
		if w.count() > 0 {
			refs[i] = slotAt(w, w.ref(), int(guess))
		}
		sum += d.a.Load64(refs[i])
	}
	if !entries {
		return sum
	}
	for i, w := range found[:len(hashes)] {
		refs[i] = d.root
		if n := w.count(); n > 0 && w.kind() == kindSegment {
			seg := words(d.a.At(w.ref(), n*wordSize))
			want := tagOf(hashes[i], w.base())
			if j := lowerBound(seg, hashes[i]<<w.depth(), want); j < n && seg[j]&tagMask == want {
				refs[i] = entryRef(seg[j])
			}
		}
	}
	for _, r := range refs[:len(hashes)] {
		sum += d.a.Load64(r)
	}
	return sum
}
