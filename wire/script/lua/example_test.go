package lua_test

import (
	"fmt"

	"frankenredis/wire/script/lua"
)

func Example() {
	l := lua.New(lua.Options{MaxMemory: 64 << 20})
	l.Globals().SetField("double", l.NewFunction(func(l *lua.State) int {
		l.Push(lua.Number(2 * l.CheckNumber(1)))
		return 1
	}).Value())
	script, err := l.Load("local key = ... return #key, double(21)", "@user_script", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := l.Call(script.Value(), nil, l.NewString("counter"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range results {
		n, _ := v.Number()
		fmt.Println(n)
	}
	_, err = l.Call(script.Value(), nil, lua.Nil)
	fmt.Println(err)
	// Output:
	// 7
	// 42
	// user_script:1: attempt to get length of local 'key' (a nil value)
}
