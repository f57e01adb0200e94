package dict_test

import (
	"fmt"

	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
)

// An entry's layout is its owner's affair: here one byte of length, then the key.
func keyOf(m arena.Mem, r arena.Ref) []byte {
	n := int(m.At(r, 1)[0])
	return m.At(r, 1+n)[1:]
}

func Example() {
	seed := dict.Seed([]byte("sixteen random b")) // from crypto/rand
	kind := &dict.Type{Match: dict.MatchKey(keyOf), Hash: dict.HashKey(&seed, keyOf)}

	a := arena.New(arena.Options{})
	defer a.Close()
	d := dict.New(a, kind)
	for _, key := range []string{"apple", "pear", "plum"} {
		r := a.Alloc(1 + len(key))
		b := a.Mut(r, 1+len(key))
		b[0] = byte(len(key))
		copy(b[1:], key)
		d.Insert(dict.Hash(&seed, []byte(key)), r)
	}

	view := a.Freeze()
	pear := []byte("pear")
	if r := d.Delete(dict.Hash(&seed, pear), pear); r != 0 {
		a.Free(r)
	}
	again := dict.Open(a, kind, d.Root())
	fmt.Println("now:", again.Len(), again.Find(dict.Hash(&seed, pear), pear) != 0)

	then := dict.Frozen(view, kind, d.Root())
	fmt.Println("then:", then.Len(), then.Find(dict.Hash(&seed, pear), pear) != 0)
	view.Close()

	for !d.Free(a.Free, 2) {
	}
	fmt.Println("left:", a.Stats().Blocks)
	// Output:
	// now: 2 false
	// then: 3 true
	// left: 0
}
