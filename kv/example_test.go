package kv_test

import (
	"fmt"

	"frankenredis/kv"
)

func Example() {
	ks := kv.New(kv.Options{Databases: 16})
	defer ks.Close()
	ks.SetNow(1_700_000_000_000)
	db := ks.DB(0)

	db.SetString([]byte("visits"), []byte("41"), false)
	view := ks.Freeze() // what comes now, it does not see
	db.SetInt([]byte("visits"), 42, true)
	db.SetExpire([]byte("visits"), ks.Now()+1000)

	e, _ := db.Lookup([]byte("visits"), 0)
	fmt.Printf("%s, %v\n", e.AppendString(nil), e.Encoding())
	view.DB(0).Each(func(it kv.Item) bool {
		fmt.Printf("%s was %s\n", it.Key(), it.AppendString(nil))
		return true
	})
	view.Close()

	ks.SetNow(ks.Now() + 1001)
	_, found := db.Lookup([]byte("visits"), 0)
	fmt.Println(found)
	// Output:
	// 42, int
	// visits was 41
	// false
}
