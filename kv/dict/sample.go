package dict

import "frankenredis/kv/arena"

// sampleTries bounds the places Sample looks at for each entry it is to find.
const sampleTries = 8

// Sample visits up to n entries, drawn from places that rnd chooses: neighbours in the hash space, which have nothing to do
// with each other as keys. With an even hash every entry has nearly the same chance; it costs a fraction of n times Random. An entry
// may be visited more than once. visit must not change the dict.
func (d Dict) Sample(n int, rnd func() uint64, visit func(arena.Ref)) {
	if d.Len() == 0 {
		return
	}
	seen := 0
	for range sampleTries * n {
		x := rnd()
		w := d.lookup(x)
		if w.count() == 0 {
			continue
		}
		var b batch
		slots := b.load(d.a, w)
		// As many neighbours as are wanted, from any of them on, around the end.
		take := min(n-seen, len(slots))
		from := uniform(rnd(), len(slots))
		first := slots[from:min(from+take, len(slots))]
		touch(d.a, first)
		for _, e := range first {
			visit(entryRef(e))
		}
		rest := slots[:take-len(first)]
		touch(d.a, rest)
		for _, e := range rest {
			visit(entryRef(e))
		}
		if seen += take; seen >= n {
			return
		}
	}
	for ; seen < n; seen++ { // entries crowd in a small part of the hash space
		visit(d.Random(rnd))
	}
}

// Has reports whether the very entry r is in the dict under this hash. It does not look at the entry, which may have been
// freed.
func (d Dict) Has(hash uint64, r arena.Ref) bool {
	block, _ := d.searchRef(d.lookup(hash), hash, r)
	return block != 0
}
