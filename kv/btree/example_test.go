package btree_test

import (
	"bytes"
	"fmt"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
)

// An entry's layout is its owner's affair: here one byte of length, then the member.
func member(m arena.Mem, r arena.Ref) []byte {
	n := int(m.At(r, 1)[0])
	return m.At(r, 1+n)[1:]
}

func compareMember(m arena.Mem, r arena.Ref, tail []byte) int {
	return bytes.Compare(member(m, r), tail)
}

func Example() {
	// A sorted set: by score, then by member.
	kind := &btree.Type{Words: 1, Compare: compareMember}
	key := func(score uint64, name string) btree.Key {
		return btree.Key{W: [2]uint64{score}, Tail: []byte(name)}
	}

	a := arena.New(arena.Options{})
	defer a.Close()
	d := btree.New(a, kind)
	for score, name := range []string{"ann", "bob", "cid", "dot"} {
		r := a.Alloc(1 + len(name))
		b := a.Mut(r, 1+len(name))
		b[0] = byte(len(name))
		copy(b[1:], name)
		d.Insert(key(uint64(score/2), name), r, 0)
	}

	view := a.Freeze()
	if r, ok := d.Delete(key(0, "bob")); ok {
		a.Free(r)
	}
	again := btree.Open(a, kind, d.Root())
	fmt.Print("now:")
	for c := again.Seek(btree.Key{}); c.Valid(); c.Next() {
		fmt.Printf(" %s", member(a, c.Ref()))
	}
	rank, found := again.Rank(key(1, "dot"))
	fmt.Println(", rank of dot:", rank, found)

	then := btree.Frozen(view, kind, d.Root())
	fmt.Print("then, from the end:")
	for c := then.SeekAt(then.Len()); c.Prev(); {
		fmt.Printf(" %s", member(view, c.Ref()))
	}
	fmt.Println()
	view.Close()

	for !d.Free(a.Free, 2) {
	}
	fmt.Println("left:", a.Stats().Blocks)
	// Output:
	// now: ann cid dot, rank of dot: 2 true
	// then, from the end: dot cid bob ann
	// left: 0
}

func ExampleReader_AtWeight() {
	// A list of chunks, weighted by how many elements they have.
	a := arena.New(arena.Options{})
	defer a.Close()
	d := btree.New(a, &btree.Type{Weighted: true})
	for i, elements := range []uint64{3, 5, 2} {
		d.InsertAt(i, a.Alloc(16), elements)
	}
	chunk, it, offset := d.AtWeight(7)
	fmt.Printf("element 7 of %d is number %d of the %d in chunk %d\n", d.Weight(), offset, it.Weight, chunk)
	// Output: element 7 of 10 is number 4 of the 5 in chunk 1
}
