package intset_test

import (
	"fmt"

	"frankenredis/kv/intset"
)

func Example() {
	p := intset.New(nil)
	for _, n := range []int64{5, -1, 3, 5} {
		p, _ = intset.Add(p, n)
	}
	fmt.Println(intset.Len(p), intset.Min(p), intset.Max(p), intset.Contains(p, 4))
	fmt.Printf("% x\n", p)
	// Output:
	// 3 -1 5 false
	// 02 00 00 00 03 00 00 00 ff ff 03 00 05 00
}
