package kv

import (
	"math"

	"frankenredis/kv/arena"
	"frankenredis/kv/intset"
	"frankenredis/kv/listpack"
)

// Random choices of n different elements of a live collection, 0 <= n <= Len: each choice comes with the same probability, by the
// keyspace's generator. Elements come in no order.

// SampleSet visits n members of a set.
func (e Entry) SampleSet(n int, visit func(member Elem)) {
	s, ks := e.Set(), e.db.ks
	if e.h.isTable() {
		s.dict(ks).Choose(n, ks.next, func(r arena.Ref) { visit(BytesElem(element(s.m, r).key(s.m))) })
		return
	}
	lot := lottery{ks, n, s.Len()}
	s.Each(func(m Elem) bool {
		if lot.draw() {
			visit(m)
		}
		return lot.wanted > 0
	})
}

// SampleHash visits n fields of a hash.
func (e Entry) SampleHash(n int, visit func(field, value Elem)) {
	h, ks := e.Hash(), e.db.ks
	if e.h.isTable() {
		ks.elements(e.table(h.m)).Choose(n, ks.next, func(r arena.Ref) {
			c := element(h.m, r)
			visit(BytesElem(c.key(h.m)), BytesElem(c.value(h.m)))
		})
		return
	}
	lot := lottery{ks, n, h.Len()}
	h.Each(func(f, v Elem) bool {
		if lot.draw() {
			visit(f, v)
		}
		return lot.wanted > 0
	})
}

// SampleZSet visits n members of a sorted set.
func (e Entry) SampleZSet(n int, visit func(member Elem, score float64)) {
	z, ks := e.ZSet(), e.db.ks
	if e.h.isTable() {
		ks.elements(e.table(z.m)).Choose(n, ks.next, func(r arena.Ref) {
			c := element(z.m, r)
			visit(BytesElem(c.key(z.m)), math.Float64frombits(c.score(z.m)))
		})
		return
	}
	lot := lottery{ks, n, z.Len()}
	for c := z.At(0); lot.wanted > 0; c.Next() {
		if lot.draw() {
			visit(c.Member(), c.Score())
		}
	}
}

// lottery decides of each of left elements in turn, by how many are still wanted, whether it is among the chosen.
type lottery struct {
	ks           *Keyspace
	wanted, left int
}

func (l *lottery) draw() bool {
	won := l.ks.Pick(l.left) < l.wanted
	l.left--
	if won {
		l.wanted--
	}
	return won
}

// TakeRandom shows n members and removes them, 0 <= n <= Len; each choice of them comes with the same probability. What is shown
// is valid during the call.
func (e *SetEdit) TakeRandom(n int, show func(member Elem)) {
	if n == 0 {
		return
	}
	e.changed = true
	ks := e.ks()
	lot := lottery{ks, n, e.Len()}
	switch e.enc {
	case Intset:
		for i := e.Len() - 1; lot.wanted > 0; i-- {
			if lot.draw() {
				v := intset.At(e.image, i)
				show(IntElem(v))
				e.image, _ = intset.Remove(e.image, v)
			}
		}
	case Listpack:
		for at := listpack.First(e.image); lot.wanted > 0; {
			if lot.draw() {
				show(packedElem(e.image, at))
				e.image = listpack.Delete(e.image, at, 1)
			} else {
				at = listpack.Next(e.image, at)
			}
		}
	default:
		d := ks.elements(e.table)
		refs := make([]arena.Ref, 0, n)
		d.Choose(n, ks.next, func(r arena.Ref) { refs = append(refs, r) })
		ks.deleteElements(d, refs, func(r arena.Ref) { show(BytesElem(element(ks.a, r).key(ks.a))) })
	}
}
