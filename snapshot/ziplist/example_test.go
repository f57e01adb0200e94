package ziplist_test

import (
	"fmt"

	"frankenredis/snapshot/ziplist"
)

func Example() {
	p := []byte("\x12\x00\x00\x00\x0f\x00\x00\x00\x02\x00\x00\x03Ada\x05\xf5\xff")
	ok := ziplist.Read(p, func(s []byte, n int64, isInt bool) bool {
		if isInt {
			fmt.Println("integer", n)
		} else {
			fmt.Println("string", string(s))
		}
		return true
	})
	fmt.Println(ok)
	// Output:
	// string Ada
	// integer 4
	// true
}
