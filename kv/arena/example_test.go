package arena_test

import (
	"fmt"

	"frankenredis/kv/arena"
)

func Example() {
	a := arena.New(arena.Options{})
	defer a.Close()

	r := a.Alloc(5)
	copy(a.Mut(r, 5), "hello")

	v := a.Freeze()
	copy(a.Mut(r, 5), "world")

	fmt.Printf("%s, frozen: %s\n", a.At(r, 5), v.At(r, 5))
	fmt.Println("block of", a.Usable(r), "bytes;", v.CopiedBytes(), "bytes copied")
	v.Close()

	a.Free(r)
	fmt.Println("in use:", a.UsedBytes())
	// Output:
	// world, frozen: hello
	// block of 16 bytes; 4096 bytes copied
	// in use: 0
}
