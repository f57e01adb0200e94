package cjson

import (
	"strings"
	"unicode/utf8"

	"frankenredis/wire/script/lua"
)

// token is a piece of JSON; the text is how messages name it.
type token string

const (
	tokenObjectBegin token = "T_OBJ_BEGIN"
	tokenObjectEnd   token = "T_OBJ_END"
	tokenArrayBegin  token = "T_ARR_BEGIN"
	tokenArrayEnd    token = "T_ARR_END"
	tokenString      token = "T_STRING"
	tokenNumber      token = "T_NUMBER"
	tokenBoolean     token = "T_BOOLEAN"
	tokenNull        token = "T_NULL"
	tokenColon       token = "T_COLON"
	tokenComma       token = "T_COMMA"
	tokenEnd         token = "T_END"
	tokenError       token = "T_ERROR"
)

var punctuation = map[byte]token{'{': tokenObjectBegin, '}': tokenObjectEnd, '[': tokenArrayBegin, ']': tokenArrayEnd,
	':': tokenColon, ',': tokenComma}

// decodeStack is encodeStack of the decoder, which looks before it puts anything there.
const decodeStack = 7998

// decoder reads one text. Like the original it takes the first NUL outside of a string for the end.
type decoder struct {
	*settings
	l     *lua.State
	src   string
	pos   int
	depth int
	stack int

	token token
	start int // of the token
	fault string
	value lua.Value
}

func (s *settings) decode(l *lua.State) int {
	if l.ArgCount() != 1 {
		l.ArgError(1, "expected 1 argument")
	}
	src := l.CheckString(1)
	if len(src) >= 2 && (src[0] == 0 || src[1] == 0) {
		l.Errorf("JSON parser does not support UTF-16 or UTF-32")
	}
	d := decoder{settings: s, l: l, src: src}
	d.next()
	v := d.read()
	d.next()
	if d.token != tokenEnd {
		d.expected("the end")
	}
	l.Push(v)
	return 1
}

func (d *decoder) expected(what string) {
	found := string(d.token)
	if d.token == tokenError {
		found = d.fault
	}
	d.l.Errorf("Expected %s but found %s at character %d", what, found, d.start+1)
}

func (d *decoder) fail(fault string) {
	d.token, d.fault, d.start = tokenError, fault, d.pos
}

// at is a byte of the text or, behind its end, NUL.
func (d *decoder) at(pos int) byte {
	if pos < len(d.src) {
		return d.src[pos]
	}
	return 0
}

func (d *decoder) next() {
	d.l.Step(1)
	for c := d.at(d.pos); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = d.at(d.pos) {
		d.pos++
	}
	d.start = d.pos
	c := d.at(d.pos)
	rest := d.src[min(d.pos, len(d.src)):]
	switch {
	case c == 0:
		d.token = tokenEnd
	case punctuation[c] != "":
		d.token = punctuation[c]
		d.pos++
	case c == '"':
		d.string()
	case c == '-' || c >= '0' && c <= '9':
		if !d.decodeInvalid && d.invalid() {
			d.fail("invalid number")
			return
		}
		d.number()
	case strings.HasPrefix(rest, "true"):
		d.word(tokenBoolean, lua.Bool(true), 4)
	case strings.HasPrefix(rest, "false"):
		d.word(tokenBoolean, lua.Bool(false), 5)
	case strings.HasPrefix(rest, "null"):
		d.word(tokenNull, d.null, 4)
	case strings.IndexByte("+fiIntN", c) >= 0 && d.decodeInvalid && d.invalid():
		d.number()
	default:
		d.fail("invalid token")
	}
}

func (d *decoder) word(t token, v lua.Value, size int) {
	d.token, d.value = t, v
	d.pos += size
}

// invalid reports whether a number begins here that JSON does not have: signed with plus, hexadecimal, with leading
// zeros, infinite or not a number.
func (d *decoder) invalid() bool {
	p := d.pos
	c := d.at(p)
	if c == '+' {
		return true
	}
	if c == '-' {
		p++
		c = d.at(p)
	}
	if c == '0' {
		next := d.at(p + 1)
		return next|0x20 == 'x' || next >= '0' && next <= '9'
	}
	if c <= '9' {
		return false
	}
	word := strings.ToLower(d.src[p:min(p+3, len(d.src))])
	return word == "inf" || word == "nan"
}

// number reads the longest text that C's strtod takes.
func (d *decoder) number() {
	size := numberSize(d.src[d.pos:])
	n, ok := lua.ParseNumber(d.src[d.pos : d.pos+size])
	if size == 0 || !ok {
		d.fail("invalid number")
		return
	}
	d.word(tokenNumber, lua.Number(n), size)
}

func digits(s string, hex bool) int {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || hex && s[n]|0x20 >= 'a' && s[n]|0x20 <= 'f') {
		n++
	}
	return n
}

// numberSize is how many bytes of s are a number.
func numberSize(s string) int {
	at := 0
	if at < len(s) && (s[at] == '-' || s[at] == '+') {
		at++
	}
	rest := strings.ToLower(s[at:min(len(s), at+8)])
	for _, word := range []string{"infinity", "inf", "nan"} {
		if strings.HasPrefix(rest, word) {
			return at + len(word)
		}
	}
	if strings.HasPrefix(rest, "0x") {
		if n := mantissa(s[at+2:], true); n > 0 {
			return at + 2 + n + exponent(s[at+2+n:], 'p')
		}
		return at + 1 // the zero
	}
	n := mantissa(s[at:], false)
	if n == 0 {
		return 0
	}
	return at + n + exponent(s[at+n:], 'e')
}

func mantissa(s string, hex bool) int {
	n := digits(s, hex)
	if n < len(s) && s[n] == '.' {
		if fraction := digits(s[n+1:], hex); n+fraction > 0 {
			return n + 1 + fraction
		}
	}
	return n
}

func exponent(s string, letter byte) int {
	if s == "" || s[0]|0x20 != letter {
		return 0
	}
	at := 1
	if at < len(s) && (s[at] == '-' || s[at] == '+') {
		at++
	}
	if n := digits(s[at:], false); n > 0 {
		return at + n
	}
	return 0
}

func (d *decoder) string() {
	d.pos++
	var text []byte
	from := d.pos
	for {
		switch c := d.at(d.pos); c {
		case '"':
			piece := d.src[from:d.pos]
			if text == nil {
				d.l.Charge(0)
				d.value = d.l.NewString(strings.Clone(piece))
			} else {
				d.value = d.l.NewBytes(append(text, piece...))
			}
			d.pos++
			d.token = tokenString
			return
		case 0:
			d.fail("unexpected end of string")
			return
		case '\\':
			text = append(text, d.src[from:d.pos]...)
			var fault string
			if text, fault = d.escape(text); fault != "" {
				d.fail(fault)
				return
			}
			from = d.pos
		default:
			d.pos++
		}
	}
}

// escape reads a backslash and what follows.
func (d *decoder) escape(text []byte) (out []byte, fault string) {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := d.at(d.pos + 1)
	if i := strings.IndexByte(letters, c); i >= 0 {
		d.pos += 2
		return append(text, meanings[i]), ""
	}
	if c != 'u' {
		return text, "invalid escape code"
	}
	const wrong = "invalid unicode escape code"
	r, ok := d.hex(d.pos + 2)
	size := 6
	if ok && r&0xF800 == 0xD800 {
		low, lowOK := d.hex(d.pos + 8)
		if r&0x400 != 0 || d.at(d.pos+6) != '\\' || d.at(d.pos+7) != 'u' || !lowOK || low&0xFC00 != 0xDC00 {
			return text, wrong
		}
		r = (r&0x3FF)<<10 + low&0x3FF + 0x10000
		size = 12
	}
	if !ok {
		return text, wrong
	}
	d.pos += size
	return utf8.AppendRune(text, r), ""
}

// hex reads four hexadecimal digits.
func (d *decoder) hex(pos int) (rune, bool) {
	r := rune(0)
	for i := range 4 {
		digit := strings.IndexByte(hexDigits, lower(d.at(pos+i)))
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// read returns the value that begins with the current token.
func (d *decoder) read() lua.Value {
	switch d.token {
	case tokenString, tokenNumber, tokenBoolean, tokenNull:
		return d.value
	case tokenObjectBegin:
		return d.object()
	case tokenArrayBegin:
		return d.array()
	}
	d.expected("value")
	return lua.Nil
}

func (d *decoder) descend(values int) {
	d.depth++
	d.stack += values
	if d.depth > d.decodeDepth || d.stack > decodeStack {
		d.l.Errorf("Found too many nested data structures (%d) at character %d", d.depth, d.pos)
	}
}

func (d *decoder) ascend(values int) {
	d.depth--
	d.stack -= values
}

func (d *decoder) object() lua.Value {
	d.descend(2)
	t := d.l.NewTable(0, 0)
	d.next()
	for first := true; d.token != tokenObjectEnd || !first; first = false {
		if d.token != tokenString {
			d.expected("object key string")
		}
		key := d.value
		if d.next(); d.token != tokenColon {
			d.expected("colon")
		}
		d.next()
		d.l.SetField(t, key, d.read())
		d.next()
		if d.token == tokenObjectEnd {
			break
		}
		if d.token != tokenComma {
			d.expected("comma or object end")
		}
		d.next()
	}
	d.ascend(2)
	return t.Value()
}

func (d *decoder) array() lua.Value {
	d.descend(1)
	t := d.l.NewTable(0, 0)
	d.next()
	for i := 1; d.token != tokenArrayEnd || i > 1; i++ {
		t.SetInt(i, d.read())
		d.next()
		if d.token == tokenArrayEnd {
			break
		}
		if d.token != tokenComma {
			d.expected("comma or array end")
		}
		d.next()
	}
	d.ascend(1)
	return t.Value()
}
