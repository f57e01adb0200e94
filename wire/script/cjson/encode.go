package cjson

import (
	"math"
	"strconv"

	"frankenredis/wire/script/lua"
)

// encodeStack: whatever the settings say, the stack of the original holds 8000 values, of which each level takes one in an
// array and two in an object.
const encodeStack = 7997

// encoder writes one value.
type encoder struct {
	*settings
	l     *lua.State
	out   []byte
	depth int
	stack int
}

func (s *settings) encode(l *lua.State) int {
	if l.ArgCount() != 1 {
		l.ArgError(1, "expected 1 argument")
	}
	e := encoder{settings: s, l: l}
	e.value(l.Arg(1))
	l.Push(l.NewBytes(e.out))
	return 1
}

func (e *encoder) fail(v lua.Value, why string) {
	e.l.Errorf("Cannot serialise %s: %s", v.Kind(), why)
}

// room is called before n bytes come.
func (e *encoder) room(n int) {
	if size := len(e.out) + n; size > cap(e.out) {
		size = max(size, 2*cap(e.out), 256)
		e.l.Charge(size)
		e.out = append(make([]byte, 0, size), e.out...)
	}
}

func (e *encoder) text(s string) {
	e.room(len(s))
	e.out = append(e.out, s...)
}

func (e *encoder) value(v lua.Value) {
	e.l.Step(1)
	switch v.Kind() {
	case lua.KindNil:
		e.text("null")
	case lua.KindBool:
		e.text(strconv.FormatBool(v.IsTrue()))
	case lua.KindNumber:
		e.number(v)
	case lua.KindString:
		s, _ := v.Text()
		e.string(s)
	case lua.KindTable:
		e.table(v)
	default:
		if v != e.null {
			e.fail(v, "type not supported")
		}
		e.text("null")
	}
}

func (e *encoder) number(v lua.Value) {
	n, _ := v.Number()
	if math.IsInf(n, 0) || n != n {
		switch {
		case e.encodeInvalid == invalidError:
			e.fail(v, "must not be NaN or Inf")
		case e.encodeInvalid == invalidNull:
			e.text("null")
		case n != n:
			e.text("nan")
		default:
			e.text(lua.FormatNumber(n))
		}
		return
	}
	e.room(32)
	if e.precision == 14 {
		e.out = lua.AppendNumber(e.out, n)
	} else {
		e.out = strconv.AppendFloat(e.out, n, 'g', e.precision, 64)
	}
}

const hexDigits = "0123456789abcdef"

func (e *encoder) string(s string) {
	const letters, escapes = "\b\t\n\f\r\"\\/", `btnfr"\/`
	e.room(len(s) + 2)
	e.out = append(e.out, '"')
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != '/' && c != 127 {
			e.room(1)
			e.out = append(e.out, c)
			continue
		}
		e.room(6)
		e.out = append(e.out, '\\')
		short := false
		for j := range len(letters) {
			if letters[j] == c {
				e.out = append(e.out, escapes[j])
				short = true
				break
			}
		}
		if !short {
			e.out = append(e.out, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	e.room(1)
	e.out = append(e.out, '"')
}

func (e *encoder) table(v lua.Value) {
	t := v.Table()
	e.depth++
	if e.depth > e.encodeDepth || e.stack >= encodeStack {
		e.l.Errorf("Cannot serialise, excessive nesting (%d)", e.depth)
	}
	if n := e.arrayLength(v, t); n > 0 {
		e.stack++
		e.array(t, n)
		e.stack--
	} else {
		e.stack += 2
		e.object(t)
		e.stack -= 2
	}
	e.depth--
}

// arrayLength is the largest key, or -1 if t is no array.
func (e *encoder) arrayLength(v lua.Value, t *lua.Table) int {
	length, items := 0.0, 0
	for key := lua.Nil; ; items++ {
		k, _, _ := t.Next(key)
		if k.IsNil() {
			break
		}
		n, ok := k.Number()
		if !ok || n < 1 || n != math.Floor(n) {
			return -1
		}
		length = max(length, n)
		key = k
		e.l.Step(1)
	}
	if e.sparseRatio > 0 && length > float64(items*e.sparseRatio) && length > float64(e.sparseSafe) {
		if !e.sparseConvert {
			e.fail(v, "excessively sparse array")
		}
		return -1
	}
	return int(length)
}

func (e *encoder) array(t *lua.Table, n int) {
	e.text("[")
	for i := 1; i <= n; i++ {
		if i > 1 {
			e.text(",")
		}
		e.value(t.GetInt(i))
	}
	e.text("]")
}

func (e *encoder) object(t *lua.Table) {
	e.text("{")
	for key := lua.Nil; ; {
		k, v, _ := t.Next(key)
		if k.IsNil() {
			break
		}
		if !key.IsNil() {
			e.text(",")
		}
		switch k.Kind() {
		case lua.KindNumber:
			e.text(`"`)
			e.number(k)
			e.text(`":`)
		case lua.KindString:
			s, _ := k.Text()
			e.string(s)
			e.text(":")
		default:
			e.fail(k, "table key must be a number or string")
		}
		e.value(v)
		key = k
	}
	e.text("}")
}
