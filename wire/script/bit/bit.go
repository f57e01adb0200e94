// Package bit is the library of operations on 32 bit integers that scripts find as the global bit.
//
// Arguments are numbers of which the 32 lowest bits of the nearest integer count; results are signed.
package bit

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"frankenredis/wire/script/lua"
)

// Open returns the library as a new table.
func Open(l *lua.State) *lua.Table {
	t := l.NewTable(0, 16)
	l.Register(t, map[string]lua.Function{
		"arshift": shift(func(x uint32, n int) uint32 { return uint32(int32(x) >> n) }),
		"band":    fold(func(x, y uint32) uint32 { return x & y }),
		"bnot":    one(func(x uint32) uint32 { return ^x }),
		"bor":     fold(func(x, y uint32) uint32 { return x | y }),
		"bswap":   one(bits.ReverseBytes32),
		"bxor":    fold(func(x, y uint32) uint32 { return x ^ y }),
		"lshift":  shift(func(x uint32, n int) uint32 { return x << n }),
		"rol":     shift(bits.RotateLeft32),
		"ror":     shift(func(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) }),
		"rshift":  shift(func(x uint32, n int) uint32 { return x >> n }),
		"tobit":   one(func(x uint32) uint32 { return x }),
		"tohex":   toHex,
	})
	return t
}

// arg is argument i as bits. Adding 2^52+2^51 rounds to an integer and leaves its low bits in place.
func arg(l *lua.State, i int) uint32 {
	return uint32(math.Float64bits(l.CheckNumber(i) + (1<<52 + 1<<51)))
}

func push(l *lua.State, x uint32) int {
	l.Push(lua.Number(float64(int32(x))))
	return 1
}

func one(f func(uint32) uint32) lua.Function {
	return func(l *lua.State) int { return push(l, f(arg(l, 1))) }
}

func fold(f func(x, y uint32) uint32) lua.Function {
	return func(l *lua.State) int {
		x := arg(l, 1)
		for i := 2; i <= l.ArgCount(); i++ {
			x = f(x, arg(l, i))
		}
		return push(l, x)
	}
}

// shift is for functions of which the second argument counts modulo 32.
func shift(f func(x uint32, n int) uint32) lua.Function {
	return func(l *lua.State) int {
		x := arg(l, 1)
		return push(l, f(x, int(arg(l, 2)&31)))
	}
}

// toHex writes the lowest digits, 8 unless the second argument says less; if it is negative, in capitals.
func toHex(l *lua.State) int {
	x, digits := arg(l, 1), 8
	if l.ArgCount() > 1 {
		digits = int(int32(arg(l, 2)))
	}
	text := strconv.FormatUint(1<<32|uint64(x), 16)[1:]
	if digits < 0 {
		digits = -digits
		text = strings.ToUpper(text)
	}
	l.Push(l.NewString(text[8-min(digits, 8):]))
	return 1
}
