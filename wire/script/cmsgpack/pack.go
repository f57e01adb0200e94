// Package cmsgpack is the library that scripts find as the global cmsgpack: it turns values into MessagePack and back.
//
// A table is an array if its keys are the numbers from 1 to their count, which an empty one is too; else a map. Numbers
// are packed as integers where they are whole and fit in 64 bits, else as floats of 4 bytes where these are exact. What
// MessagePack has no type for is nil, and so are tables nested deeper than 16 levels. Extension types are not read.
package cmsgpack

import (
	"encoding/binary"
	"math"

	"frankenredis/wire/script/lua"
)

// maxNesting is the level of tables at which packing stops.
const maxNesting = 16

// Open returns the library as a new table.
func Open(l *lua.State) *lua.Table {
	t := l.NewTable(0, 8)
	l.Register(t, map[string]lua.Function{
		"pack":         pack,
		"unpack":       func(l *lua.State) int { return unpack(l, 0, 0) },
		"unpack_limit": func(l *lua.State) int { return unpack(l, l.CheckInt(2), l.OptInt(3, 0)) },
		"unpack_one":   func(l *lua.State) int { return unpack(l, 1, l.OptInt(2, 0)) },
	})
	t.SetField("_NAME", l.NewString("cmsgpack"))
	t.SetField("_VERSION", l.NewString("lua-cmsgpack 0.4.0"))
	t.SetField("_COPYRIGHT", l.NewString("Copyright (C) 2012, Salvatore Sanfilippo"))
	t.SetField("_DESCRIPTION", l.NewString("MessagePack C implementation for Lua"))
	return t
}

// packer appends values.
type packer struct {
	l   *lua.State
	out []byte
}

func pack(l *lua.State) int {
	if l.ArgCount() == 0 {
		l.ArgError(0, "MessagePack pack needs input.")
	}
	p := packer{l: l}
	for i := 1; i <= l.ArgCount(); i++ {
		p.value(l.Arg(i), 0)
	}
	l.Push(l.NewBytes(p.out))
	return 1
}

// room is called before n bytes come.
func (p *packer) room(n int) {
	if size := len(p.out) + n; size > cap(p.out) {
		size = max(size, 2*cap(p.out), 64)
		p.l.Charge(size)
		p.out = append(make([]byte, 0, size), p.out...)
	}
}

func (p *packer) value(v lua.Value, level int) {
	p.l.Step(1)
	p.room(9)
	switch v.Kind() {
	case lua.KindBool:
		if v.IsTrue() {
			p.out = append(p.out, 0xc3)
		} else {
			p.out = append(p.out, 0xc2)
		}
	case lua.KindNumber:
		n, _ := v.Number()
		p.number(n)
	case lua.KindString:
		s, _ := v.Text()
		p.head(len(s), 0xa0, 32, 0xd9, 0xda, 0xdb)
		p.room(len(s))
		p.out = append(p.out, s...)
	case lua.KindTable:
		if level < maxNesting {
			p.table(v.Table(), level)
			return
		}
		p.out = append(p.out, 0xc0)
	default:
		p.out = append(p.out, 0xc0)
	}
}

// head writes a length below small within the type's byte, others in 1 (if there is such a type), 2 or 4 bytes behind it.
func (p *packer) head(n int, short byte, small int, one, two, four byte) {
	switch {
	case n < small:
		p.out = append(p.out, short|byte(n))
	case n <= math.MaxUint8 && one != 0:
		p.out = append(p.out, one, byte(n))
	case n <= math.MaxUint16:
		p.out = binary.BigEndian.AppendUint16(append(p.out, two), uint16(n))
	default:
		p.out = binary.BigEndian.AppendUint32(append(p.out, four), uint32(n))
	}
}

func (p *packer) number(f float64) {
	if f >= -0x1p63 && f < 0x1p63 && f == math.Trunc(f) {
		p.integer(int64(f))
		return
	}
	if single := float32(f); float64(single) == f {
		p.out = binary.BigEndian.AppendUint32(append(p.out, 0xca), math.Float32bits(single))
		return
	}
	p.out = binary.BigEndian.AppendUint64(append(p.out, 0xcb), math.Float64bits(f))
}

func (p *packer) integer(n int64) {
	order := binary.BigEndian
	switch {
	case n >= -32 && n <= 127:
		p.out = append(p.out, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		p.out = append(p.out, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		p.out = order.AppendUint16(append(p.out, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		p.out = order.AppendUint32(append(p.out, 0xce), uint32(n))
	case n >= 0:
		p.out = order.AppendUint64(append(p.out, 0xcf), uint64(n))
	case n >= math.MinInt8:
		p.out = append(p.out, 0xd0, byte(n))
	case n >= math.MinInt16:
		p.out = order.AppendUint16(append(p.out, 0xd1), uint16(n))
	case n >= math.MinInt32:
		p.out = order.AppendUint32(append(p.out, 0xd2), uint32(n))
	default:
		p.out = order.AppendUint64(append(p.out, 0xd3), uint64(n))
	}
}

func (p *packer) table(t *lua.Table, level int) {
	array, count := shape(p.l, t)
	if array {
		p.head(t.Len(), 0x90, 16, 0, 0xdc, 0xdd)
		for i := 1; i <= t.Len(); i++ {
			p.value(t.GetInt(i), level+1)
		}
		return
	}
	p.head(count, 0x80, 16, 0, 0xde, 0xdf)
	for key := lua.Nil; ; {
		k, v, _ := t.Next(key)
		if k.IsNil() {
			return
		}
		p.value(k, level+1)
		p.value(v, level+1)
		key = k
	}
}

// shape counts the fields of t and reports whether it is an array.
func shape(l *lua.State, t *lua.Table) (array bool, count int) {
	largest := 0.0
	array = true
	for key := lua.Nil; ; {
		k, _, _ := t.Next(key)
		if k.IsNil() {
			return array && largest == float64(count), count
		}
		n, ok := k.Number()
		if !ok || n <= 0 || n > math.MaxInt32 || n != math.Trunc(n) {
			array = false
		}
		largest = max(largest, n)
		count++
		key = k
		l.Step(1)
	}
}
