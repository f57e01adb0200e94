package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// directive is one conversion of string.format, C's %[flags][width][.precision]verb.
type directive struct {
	flags     string
	width     int
	precision int // -1 is none
	verb      byte
}

func (d *directive) has(flag byte) bool { return strings.IndexByte(d.flags, flag) >= 0 }

// parseDirective reads what follows a '%' and returns the rest.
func (l *State) parseDirective(s string) (directive, string) {
	const flags = "-+ #0"
	d := directive{precision: -1}
	n := 0
	for n < len(s) && strings.IndexByte(flags, s[n]) >= 0 {
		n++
	}
	if n > len(flags) {
		l.Errorf("invalid format (repeated flags)")
	}
	d.flags, s = s[:n], s[n:]
	digits := func() int {
		n := 0
		for i := 0; i < 2 && s != "" && isDigit(s[0]); i++ {
			n = n*10 + int(s[0]-'0')
			s = s[1:]
		}
		return n
	}
	d.width = digits()
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		d.precision = digits()
	}
	if s == "" {
		return d, s
	}
	if isDigit(s[0]) {
		l.Errorf("invalid format (width or precision too long)")
	}
	d.verb = s[0]
	return d, s[1:]
}

func stringFormat(l *State) int {
	format := l.CheckString(1)
	b := builder{g: l.g}
	arg := 1
	for {
		at := strings.IndexByte(format, '%')
		if at < 0 {
			b.add(format)
			break
		}
		b.add(format[:at])
		format = format[at+1:]
		if strings.HasPrefix(format, "%") {
			b.addByte('%')
			format = format[1:]
			continue
		}
		if arg++; arg > l.ArgCount() {
			l.ArgError(arg, "no value")
		}
		var d directive
		d, format = l.parseDirective(format)
		l.formatOne(&b, &d, arg)
	}
	return l.pushText(b.text.String())
}

func (l *State) formatOne(b *builder, d *directive, arg int) {
	switch d.verb {
	case 'c':
		// What C makes ends with the first NUL.
		n := truncate(l.CheckNumber(arg))
		if n != int64(int32(n)) {
			n = math.MinInt32 // what C's conversion to an int makes
		}
		if c := byte(n); c != 0 {
			d.pad(b, "", string([]byte{c}), false)
		} else if !d.has('-') {
			b.pad(' ', d.width-1)
		}
	case 'd', 'i':
		n := truncate(l.CheckNumber(arg))
		sign, size := "", uint64(n)
		switch {
		case n < 0:
			sign, size = "-", -size
		case d.has('+'):
			sign = "+"
		case d.has(' '):
			sign = " "
		}
		d.integer(b, sign, strconv.FormatUint(size, 10), size == 0)
	case 'o', 'u', 'x', 'X':
		d.unsigned(b, toUnsigned(l.CheckNumber(arg)))
	case 'e', 'E', 'f', 'g', 'G':
		d.float(b, l.CheckNumber(arg))
	case 'q':
		quote(b, l.CheckString(arg))
	case 's':
		s := l.CheckString(arg)
		if d.precision < 0 && len(s) >= 100 {
			b.add(s)
			return
		}
		s, _, _ = strings.Cut(s, "\x00")
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		d.pad(b, "", s, false)
	default:
		verb := string([]byte{d.verb})
		if d.verb == 0 {
			verb = ""
		}
		l.Errorf("invalid option '%%%s' to 'format'", verb)
	}
}

// toUnsigned converts as C does on x86-64.
func toUnsigned(f float64) uint64 {
	if f >= 0x1p63 {
		return uint64(truncate(f-0x1p63)) ^ 1<<63
	}
	return uint64(truncate(f))
}

// pad adds sign and text, filled up to the width.
func (d *directive) pad(b *builder, sign, text string, zeros bool) {
	fill := d.width - len(sign) - len(text)
	switch {
	case d.has('-'):
		b.add(sign)
		b.add(text)
		b.pad(' ', fill)
	case zeros && d.has('0'):
		b.add(sign)
		b.pad('0', fill)
		b.add(text)
	default:
		b.pad(' ', fill)
		b.add(sign)
		b.add(text)
	}
}

// integer adds digits; a precision is how many there are at least, and takes the flag 0 away.
func (d *directive) integer(b *builder, sign, digits string, zero bool) {
	if d.precision >= 0 {
		if zero {
			digits = ""
		}
		digits = strings.Repeat("0", max(0, d.precision-len(digits))) + digits
	}
	d.pad(b, sign, digits, d.precision < 0)
}

func (d *directive) unsigned(b *builder, n uint64) {
	base, prefix := 10, ""
	switch d.verb {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
		if d.has('#') && n != 0 {
			prefix = "0" + string(d.verb)
		}
	}
	digits := strconv.FormatUint(n, base)
	if d.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if d.verb == 'o' && d.has('#') && n != 0 && d.precision <= len(digits) {
		digits = "0" + digits
	}
	d.integer(b, prefix, digits, n == 0 && !(d.verb == 'o' && d.has('#')))
}

func (d *directive) float(b *builder, f float64) {
	sign := ""
	switch {
	case math.Signbit(f):
		sign = "-"
	case d.has('+'):
		sign = "+"
	case d.has(' '):
		sign = " "
	}
	size := math.Abs(f)
	if text := specialNumber(size); text != "" {
		if d.verb < 'a' {
			text = strings.ToUpper(text)
		}
		d.pad(b, sign, text, false)
		return
	}
	precision := d.precision
	if precision < 0 {
		precision = 6
	}
	if d.has('#') {
		// Go's # means the same as C's.
		d.pad(b, sign, fmt.Sprintf("%#.*"+string(d.verb), precision, size), true)
		return
	}
	d.pad(b, sign, strconv.FormatFloat(size, d.verb, precision, 64), true)
}

// quote adds s as a string constant of Lua.
func quote(b *builder, s string) {
	b.addByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.addByte('\\')
			b.addByte(c)
		case '\r':
			b.add(`\r`)
		case 0:
			b.add(`\000`)
		default:
			b.addByte(c)
		}
	}
	b.addByte('"')
}
