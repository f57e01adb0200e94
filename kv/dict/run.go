package dict

import "frankenredis/kv/arena"

// Hashed is an entry with its hash.
type Hashed struct {
	Hash uint64
	Ref  arena.Ref
}

// InsertRun adds entries whose hashes ascend, looking for the place of each segment once: of a run that is long beside the dict this costs a
// fraction of as many insertions. key is the key of an entry by its number in the run. Where one is there already, or occurs twice in the
// run, it stops: inserted, less than len(run) then, is how many of the first are in, and none of the others.
func (d Dict) InsertRun(run []Hashed, key func(i int) []byte) (inserted int) {
	for inserted < len(run) {
		hash := run[inserted].Hash
		p := d.place(hash)
		n := inserted + 1
		for last := hash | (1<<(64-p.word.depth()) - 1); n < len(run) && run[n].Hash <= last; n++ {
		}
		some := run[inserted:n]
		switch {
		case p.word.kind() == kindChain || p.word.depth() == maxDepth && p.word.count()+len(some) > segmentMax:
			if !d.insertEach(some, key, inserted) {
				return inserted
			}
		case p.word.count()+len(some) > segmentMax:
			d.split(hash, p)
			continue
		case !d.mergeRun(p, some, key, inserted):
			return inserted
		}
		inserted = n
	}
	return inserted
}

// mergeRun adds entries to the segment at p, where all of them belong and fit, unless the key of one, by its number from first on, is not new.
func (d Dict) mergeRun(p place, run []Hashed, key func(i int) []byte, first int) bool {
	w := p.word
	n, m, off := w.count(), len(run), w.off()
	var b batch
	b.read(d.a, w)
	if n == 0 || off >= staleOff {
		d.refresh(b.all(), w.depth())
		off = 0
	}
	base := w.depth() - off
	b.n += m
	// From the end, so that none of the old slots is overwritten before it has its place.
	for i := n; m > 0; {
		e := run[m-1]
		tag := tagOf(e.Hash, base)
		for i > 0 && b.slots[i-1]&tagMask > tag {
			i--
			b.slots[i+m] = b.slots[i]
		}
		for j := i; j > 0 && b.slots[j-1]&tagMask == tag; j-- {
			if d.t.Match(d.a, entryRef(b.slots[j-1]), key(first+m-1)) {
				return false
			}
		}
		m--
		if m > 0 && twice(run[:m+1], key, first) {
			return false
		}
		b.slots[i+m] = tag | uint64(e.Ref)
	}
	if n > 0 {
		if off == w.off() && d.a.Usable(w.ref()) >= b.n*wordSize {
			copy(words(d.a.Mut(w.ref(), b.n*wordSize)), b.all())
			d.setWord(run[0].Hash, p, w.withCount(b.n))
			d.add(rootLen, int64(len(run)))
			return true
		}
		d.free(w.ref())
	}
	d.setWord(run[0].Hash, p, d.write(b.all(), w.depth(), off))
	d.add(rootLen, int64(len(run)))
	return true
}

// twice says whether the key of the last entry of a run occurs before it.
func twice(run []Hashed, key func(i int) []byte, first int) bool {
	last := len(run) - 1
	for i := last - 1; i >= 0 && run[i].Hash == run[last].Hash; i-- {
		if string(key(first+i)) == string(key(first+last)) {
			return true
		}
	}
	return false
}

// insertEach adds entries to a chain, or to a segment that becomes one, unless the key of one is not new.
func (d Dict) insertEach(run []Hashed, key func(i int) []byte, first int) bool {
	for i, e := range run {
		if d.Find(e.Hash, key(first+i)) != 0 {
			for _, e := range run[:i] {
				d.DeleteRef(e.Hash, e.Ref)
			}
			return false
		}
		d.Insert(e.Hash, e.Ref)
	}
	return true
}
