package listpack_test

import (
	"fmt"

	"frankenredis/kv/listpack"
)

// A hash as Redis packs it: fields and values in turn.
func Example() {
	p := listpack.New(nil)
	for _, s := range []string{"name", "Ada", "born", "1815"} {
		p = listpack.Append(p, []byte(s))
	}
	at := listpack.Find(p, listpack.First(p), []byte("born"), 1)
	_, year, _ := listpack.Get(p, listpack.Next(p, at))
	fmt.Println(listpack.Len(p)/2, "fields, born", year)
	fmt.Printf("% x\n", p)
	// Output:
	// 2 fields, born 1815
	// 1b 00 00 00 04 00 84 6e 61 6d 65 05 83 41 64 61 04 84 62 6f 72 6e 05 c7 17 02 ff
}
