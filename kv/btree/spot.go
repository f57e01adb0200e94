package btree

import "frankenredis/kv/arena"

// Spot is an item with the way to it, for whom looks at it first and then changes it. It is good until the tree's next
// change by anything else; the arena may change meanwhile. The zero Spot is nowhere.
type Spot struct {
	Item Item
	d    Tree
	p    path
	at   place
}

// SeekAt goes to item i, 0 <= i < Len.
func (s *Spot) SeekAt(d Tree, i int) {
	d.checkPosition(i, d.Len())
	s.d = d
	s.at = d.seekPos(i, &s.p)
	s.Item = d.item(s.at)
}

// Set puts another ref and weight in place of the item's, whose key stays. The weight is not kept unless Type.Weighted.
func (s *Spot) Set(r arena.Ref, weight uint64) {
	s.Item.Ref, s.Item.Weight = r, weight
	s.d.set(&s.p, s.at, s.Item)
}
