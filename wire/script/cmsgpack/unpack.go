package cmsgpack

import (
	"encoding/binary"
	"math"
	"strings"

	"frankenredis/wire/script/lua"
)

// maxStack is how many values the stack of the original holds: the input, what has been read, and of each array or map
// that is being read itself and the index or key.
const maxStack = 8000

// unpacker reads values from the front of src.
type unpacker struct {
	l     *lua.State
	src   string
	stack int
}

// unpack returns up to limit values from offset on and before them where the next one begins, -1 at the end. Without both
// it returns all values and nothing else.
func unpack(l *lua.State, limit, offset int) int {
	src := l.CheckString(1)
	all := limit == 0 && offset == 0
	switch {
	case offset < 0 || limit < 0:
		l.Errorf("Invalid request to unpack with offset of %d and limit of %d.", offset, len(src))
	case offset > len(src):
		l.Errorf("Start offset %d greater than input length %d.", offset, len(src))
	case all:
		limit = math.MaxInt32
	}
	u := unpacker{l: l, src: src[offset:], stack: 1}
	var values []lua.Value
	for len(u.src) > 0 && len(values) < limit {
		values = append(values, u.value())
		u.stack++
	}
	results := len(values)
	if !all {
		results++
	}
	if !l.Need(results) {
		u.room(maxStack, "too many return values at once; use unpack_one or unpack_limit instead.")
	}
	if !all {
		next := -1
		if len(u.src) > 0 {
			next = len(src) - len(u.src)
		}
		l.Push(lua.Int(next))
	}
	for _, v := range values {
		l.Push(v)
	}
	return results
}

// take returns the next n bytes.
func (u *unpacker) take(n int) string {
	if n > len(u.src) {
		u.l.Errorf("Missing bytes in input.")
	}
	s := u.src[:n]
	u.src = u.src[n:]
	return s
}

func (u *unpacker) unsigned(size int) uint64 {
	var b [8]byte
	copy(b[8-size:], u.take(size))
	return binary.BigEndian.Uint64(b[:])
}

// room reports that there is none for n values.
func (u *unpacker) room(n int, why string) {
	if u.stack+n > maxStack {
		u.l.Errorf("stack overflow (%s)", why)
	}
}

func (u *unpacker) value() lua.Value {
	u.l.Step(1)
	u.room(1, "too many return values at once; use unpack_one or unpack_limit instead.")
	switch c := u.take(1)[0]; {
	case c <= 0x7f:
		return lua.Int(int(c))
	case c <= 0x8f:
		return u.table(int(c&15), true)
	case c <= 0x9f:
		return u.table(int(c&15), false)
	case c <= 0xbf:
		return u.string(int(c & 31))
	case c == 0xc0:
		return lua.Nil
	case c == 0xc2, c == 0xc3:
		return lua.Bool(c == 0xc3)
	case c == 0xca:
		return lua.Number(float64(math.Float32frombits(uint32(u.unsigned(4)))))
	case c == 0xcb:
		return lua.Number(math.Float64frombits(u.unsigned(8)))
	case c >= 0xcc && c <= 0xcf:
		return lua.Number(float64(int64(u.unsigned(1 << (c - 0xcc))))) // the largest wrap around, as in Redis
	case c >= 0xd0 && c <= 0xd3:
		size := 1 << (c - 0xd0)
		shift := 64 - 8*size
		return lua.Number(float64(int64(u.unsigned(size)<<shift) >> shift))
	case c >= 0xd9 && c <= 0xdb:
		return u.string(int(u.unsigned(1 << (c - 0xd9))))
	case c == 0xdc, c == 0xdd:
		return u.table(int(u.unsigned(2<<(c-0xdc))), false)
	case c == 0xde, c == 0xdf:
		return u.table(int(u.unsigned(2<<(c-0xde))), true)
	case c >= 0xe0:
		return lua.Int(int(int8(c)))
	}
	u.l.Errorf("Bad data format in input.")
	return lua.Nil
}

func (u *unpacker) string(n int) lua.Value { return u.l.NewString(strings.Clone(u.take(n))) }

// table reads n fields; lengths are not trusted with memory.
func (u *unpacker) table(n int, keys bool) lua.Value {
	if !keys {
		u.room(2, "in function mp_decode_to_lua_array")
	}
	t := u.l.NewTable(0, 0)
	u.stack++
	for i := 1; i <= n; i++ {
		key := lua.Int(i)
		if keys {
			key = u.value()
		}
		u.stack++
		u.l.SetField(t, key, u.value())
		u.stack--
	}
	u.stack--
	return t.Value()
}
