package structs

import (
	"encoding/binary"
	"math"
	"strings"

	"frankenredis/wire/script/lua"
)

// Open returns the library as a new table.
func Open(l *lua.State) *lua.Table {
	t := l.NewTable(0, 4)
	l.Register(t, map[string]lua.Function{"pack": pack, "size": size, "unpack": unpack})
	return t
}

func (f *format) order() binary.ByteOrder {
	if f.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func pack(l *lua.State) int {
	f := newFormat(l)
	l.Push(lua.Nil) // so a missing argument is reported as nil
	var out []byte
	arg := 2
	grow := func(n int) {
		if len(out)+n > cap(out) {
			l.Charge(2 * (len(out) + n))
		}
	}
	for f.text != "" {
		option, n := f.next()
		fill := f.padding(option, n, len(out))
		out = append(out, make([]byte, fill)...)
		switch option {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			out = f.appendInteger(out, l.CheckNumber(arg), n)
			arg++
		case 'x':
			out = append(out, 0)
		case 'f':
			var b [4]byte
			f.order().PutUint32(b[:], math.Float32bits(float32(l.CheckNumber(arg))))
			out = append(out, b[:]...)
			arg++
		case 'd':
			var b [8]byte
			f.order().PutUint64(b[:], math.Float64bits(l.CheckNumber(arg)))
			out = append(out, b[:]...)
			arg++
		case 'c', 's':
			s := l.CheckString(arg)
			arg++
			if n == 0 {
				n = len(s)
			}
			if len(s) < n {
				l.ArgError(arg, "string too short")
			}
			grow(n + 1)
			out = append(out, s[:n]...)
			if option == 's' {
				out = append(out, 0)
			}
		default:
			f.control(option)
		}
		l.Step(1)
	}
	l.Push(l.NewBytes(out))
	return 1
}

// appendInteger writes the low bytes of n; beyond 8 they are 0.
func (f *format) appendInteger(out []byte, n float64, size int) []byte {
	var v uint64
	switch {
	case n < 0x1p63 && n >= -0x1p63:
		v = uint64(int64(n))
	case n >= 0x1p63 && n < 0x1p64:
		v = uint64(int64(n-0x1p63)) ^ 1<<63
	case n < 0 || n != n:
		v = 1 << 63
	}
	at := len(out)
	out = append(out, make([]byte, size)...)
	for i := range size {
		if f.big {
			out[at+size-1-i] = byte(v)
		} else {
			out[at+i] = byte(v)
		}
		v >>= 8
	}
	return out
}

func (f *format) integer(data string, signed bool) float64 {
	var v uint64
	for i := range len(data) {
		if f.big {
			v = v<<8 | uint64(data[i])
		} else {
			v = v<<8 | uint64(data[len(data)-1-i])
		}
	}
	if !signed {
		return float64(v)
	}
	if mask := ^uint64(0) << ((len(data)*8 - 1) & 63); v&mask != 0 {
		v |= mask
	}
	return float64(int64(v))
}

func unpack(l *lua.State) int {
	f := newFormat(l)
	data := l.CheckString(2)
	start := l.OptInteger(3, 1)
	if start == 0 {
		l.ArgError(3, "offset must be 1 or greater")
	}
	pos := start - 1
	results := 0
	var last lua.Value
	for f.text != "" {
		option, n := f.next()
		if pos >= 0 {
			pos += f.padding(option, n, pos)
		}
		check := func() {
			if pos < 0 || n > len(data) || pos > len(data)-n {
				l.ArgError(2, "data string too short")
			}
		}
		check()
		if !l.Need(2) {
			l.Errorf("stack overflow (too many results)")
		}
		v := lua.Nil
		switch option {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			v = lua.Number(f.integer(data[pos:pos+n], option >= 'a'))
		case 'x':
		case 'f':
			v = lua.Number(float64(math.Float32frombits(f.order().Uint32([]byte(data[pos : pos+4])))))
		case 'd':
			v = lua.Number(math.Float64frombits(f.order().Uint64([]byte(data[pos : pos+8]))))
		case 'c':
			if n == 0 {
				size, ok := l.ToNumber(last)
				if results == 0 || !ok {
					l.Errorf("format 'c0' needs a previous size")
				}
				if !(size >= 0 && size <= float64(len(data))) {
					size = float64(len(data) + 1)
				}
				n = int(size)
				results--
				l.SetTop(l.ArgCount() - 1)
				check()
			}
			v = l.NewString(strings.Clone(data[pos : pos+n]))
		case 's':
			n = strings.IndexByte(data[pos:], 0)
			if n < 0 {
				l.Errorf("unfinished string in data")
			}
			v = l.NewString(strings.Clone(data[pos : pos+n]))
			n++
		default:
			f.control(option)
		}
		if !v.IsNil() {
			l.Push(v)
			last = v
			results++
		}
		pos += n
		l.Step(1)
	}
	l.Push(lua.Int(pos + 1))
	return results + 1
}

func size(l *lua.State) int {
	f := newFormat(l)
	pos := 0
	for f.text != "" {
		option, n := f.next()
		pos += f.padding(option, n, pos)
		switch {
		case option == 's':
			l.ArgError(1, "option 's' has no fixed size")
		case option == 'c' && n == 0:
			l.ArgError(1, "option 'c0' has no fixed size")
		case !isDigit(option) && (option|0x20 < 'a' || option|0x20 > 'z'):
			f.control(option)
		}
		pos += n
	}
	l.Push(lua.Int(pos))
	return 1
}
