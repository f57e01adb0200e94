package command

import (
	"frankenredis/kv"
	"frankenredis/kv/double"
)

// mixHash combines in the fields of a hash, which have no order.
func (d *digest) mixHash(h kv.HashView) {
	var buf [20]byte
	h.Each(func(field, value kv.Elem) bool {
		var one digest
		one.mix(field.Bytes(buf[:]))
		one.mix(value.Bytes(buf[:]))
		d.toss(one[:])
		return true
	})
}

// mixSet combines in the members of a set, which have no order.
func (d *digest) mixSet(s kv.SetView) {
	var buf [20]byte
	s.Each(func(member kv.Elem) bool {
		d.toss(member.Bytes(buf[:]))
		return true
	})
}

// mixZSet combines in the members of a sorted set with their scores, without order: the scores make it.
func (d *digest) mixZSet(z kv.ZSetView) {
	var buf [double.MaxSize]byte
	for c := z.At(0); c.Valid(); c.Next() {
		var one digest
		one.mix(c.Member().Bytes(buf[:]))
		one.mix(double.AppendShort(buf[:0], c.Score()))
		d.toss(one[:])
	}
}

// mixList combines in the elements of a list, in order.
func (d *digest) mixList(l kv.ListView) {
	var buf [20]byte
	for c := l.At(0); c.Valid(); c.Next() {
		d.mix(c.Elem().Bytes(buf[:]))
	}
}
