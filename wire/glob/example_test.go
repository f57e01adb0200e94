package glob_test

import (
	"fmt"

	"frankenredis/wire/glob"
)

func ExampleMatch() {
	for _, key := range []string{"hello", "hallo", "hillo", "HELLO"} {
		fmt.Println(key, glob.Match([]byte("h[ae]llo"), []byte(key), false))
	}
	// Output:
	// hello true
	// hallo true
	// hillo false
	// HELLO false
}
