// Package structs is the library that scripts find as the global struct: it packs values into binary strings of a fixed
// layout and back. A format is a row of options:
//
//	>  <  big or little endian from here on; little to begin with
//	!n    alignment of at most n bytes, a power of 2 (8 without a number); 1 to begin with
//	b B h H l L i In In  integers of 1, 2, 8, 4 or n bytes (32 at most); small letters are signed
//	T     an unsigned integer of 8 bytes
//	f d   floating point numbers of 4 and 8 bytes
//	x     a zero byte
//	s     a string that ends with a zero byte
//	cn    a string of n bytes, 1 without a number; c0 packs a whole string and unpacks as many bytes as the number before says
package structs

import (
	"math"

	"frankenredis/wire/script/lua"
)

const (
	maxInteger = 32 // bytes
	maxAlign   = 8
)

// format reads options.
type format struct {
	l     *lua.State
	text  string
	big   bool
	align int
}

func newFormat(l *lua.State) *format {
	return &format{l: l, text: l.CheckString(1), align: 1}
}

// next returns an option and the bytes it takes, 0 if that depends or it takes none.
func (f *format) next() (option byte, size int) {
	option = f.text[0]
	f.text = f.text[1:]
	switch option {
	case 'b', 'B', 'x':
		return option, 1
	case 'h', 'H':
		return option, 2
	case 'f':
		return option, 4
	case 'l', 'L', 'T', 'd':
		return option, 8
	case 'c':
		return option, f.number(1)
	case 'i', 'I':
		size = f.number(4)
		if size > maxInteger {
			f.l.Errorf("integral size %d is larger than limit of %d", size, maxInteger)
		}
	}
	return option, size
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (f *format) number(otherwise int) int {
	if f.text == "" || !isDigit(f.text[0]) {
		return otherwise
	}
	n := 0
	for f.text != "" && isDigit(f.text[0]) {
		n = n*10 + int(f.text[0]-'0')
		if n > math.MaxInt32 {
			f.l.Errorf("integral size overflow")
		}
		f.text = f.text[1:]
	}
	return n
}

// control obeys an option that stands for no value.
func (f *format) control(option byte) {
	switch option {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		n := f.number(maxAlign)
		if n <= 0 || n&(n-1) != 0 {
			f.l.Errorf("alignment %d is not a power of 2", n)
		}
		f.align = n
	default:
		f.l.ArgError(1, "invalid format option '"+string([]byte{option})+"'")
	}
}

// padding is how many bytes come before a value at pos.
func (f *format) padding(option byte, size, pos int) int {
	if size == 0 || option == 'c' {
		return 0
	}
	size = min(size, f.align)
	return (size - pos&(size-1)) & (size - 1)
}
