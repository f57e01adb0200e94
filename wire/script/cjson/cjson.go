// Package cjson is the library that scripts find as the global cjson: it turns values into JSON and back.
//
// A table is an array if all its keys are whole numbers from 1 on, and then its length is the largest of them; an empty
// one is an object. null is a userdata, cjson.null. Fields come in the order pairs walks them. The library's settings
// belong to its table, and cjson.new makes another one.
package cjson

import (
	"fmt"
	"math"

	"frankenredis/wire/script/lua"
)

// settings of one library table.
type settings struct {
	null          lua.Value
	sparseConvert bool
	sparseRatio   int
	sparseSafe    int
	encodeDepth   int
	decodeDepth   int
	precision     int
	encodeInvalid invalid
	decodeInvalid bool
	keepBuffer    bool
}

// invalid says what becomes of numbers that JSON does not have.
type invalid int

const (
	invalidError invalid = iota
	invalidText
	invalidNull
)

// Open returns the library as a new table.
func Open(l *lua.State) *lua.Table {
	return open(l, l.NewUserdata(nil, nil).Value())
}

func open(l *lua.State, null lua.Value) *lua.Table {
	s := &settings{null: null, sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14,
		decodeInvalid: true, keepBuffer: true}
	t := l.NewTable(0, 16)
	l.Register(t, map[string]lua.Function{
		"encode":                  s.encode,
		"decode":                  s.decode,
		"encode_sparse_array":     s.setSparse,
		"encode_max_depth":        integerOption(&s.encodeDepth, math.MaxInt32),
		"decode_max_depth":        integerOption(&s.decodeDepth, math.MaxInt32),
		"encode_number_precision": integerOption(&s.precision, 14),
		"encode_keep_buffer":      boolOption(&s.keepBuffer),
		"encode_invalid_numbers":  s.setEncodeInvalid,
		"decode_invalid_numbers":  boolOption(&s.decodeInvalid),
		"new": func(l *lua.State) int {
			l.Push(open(l, null).Value())
			return 1
		},
	})
	t.SetField("null", null)
	t.SetField("_NAME", l.NewString("cjson"))
	t.SetField("_VERSION", l.NewString("2.1.0"))
	return t
}

func atMost(l *lua.State, args int) {
	if l.ArgCount() > args {
		l.ArgError(args+1, "found too many arguments")
	}
}

// integer reads argument i into option, if it is there.
func integer(l *lua.State, i int, option *int, low, high int) {
	if l.Arg(i).IsNil() {
		return
	}
	n := l.CheckInteger(i)
	if n < low || n > high {
		l.ArgError(1, fmt.Sprintf("expected integer between %d and %d", low, high))
	}
	*option = n
}

func integerOption(option *int, high int) lua.Function {
	return func(l *lua.State) int {
		atMost(l, 1)
		integer(l, 1, option, 1, high)
		l.Push(lua.Int(*option))
		return 1
	}
}

// word reads argument i, a boolean or one of words, and returns its index.
func word(l *lua.State, i, otherwise int, words ...string) int {
	v := l.Arg(i)
	switch v.Kind() {
	case lua.KindNil:
		return otherwise
	case lua.KindBool:
		if v.IsTrue() {
			return 1
		}
		return 0
	}
	text := l.CheckString(i)
	for j, w := range words {
		if w == text {
			return j
		}
	}
	l.ArgError(i, "invalid option '"+text+"'")
	return 0
}

func boolean(l *lua.State, i int, option *bool) {
	now := 0
	if *option {
		now = 1
	}
	*option = word(l, i, now, "off", "on") == 1
}

func boolOption(option *bool) lua.Function {
	return func(l *lua.State) int {
		atMost(l, 1)
		boolean(l, 1, option)
		l.Push(lua.Bool(*option))
		return 1
	}
}

func (s *settings) setEncodeInvalid(l *lua.State) int {
	atMost(l, 1)
	s.encodeInvalid = invalid(word(l, 1, int(s.encodeInvalid), "off", "on", "null"))
	if s.encodeInvalid == invalidNull {
		l.Push(l.NewString("null"))
	} else {
		l.Push(lua.Bool(s.encodeInvalid == invalidText))
	}
	return 1
}

func (s *settings) setSparse(l *lua.State) int {
	atMost(l, 3)
	boolean(l, 1, &s.sparseConvert)
	integer(l, 2, &s.sparseRatio, 0, math.MaxInt32)
	integer(l, 3, &s.sparseSafe, 0, math.MaxInt32)
	l.Push(lua.Bool(s.sparseConvert))
	l.Push(lua.Int(s.sparseRatio))
	l.Push(lua.Int(s.sparseSafe))
	return 3
}
