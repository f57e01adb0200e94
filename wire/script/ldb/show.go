package ldb

import (
	"bytes"
	"strconv"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/lua"
)

const (
	maxDepth = 10 // levels of tables that are shown
	// mostText ends the text of a value, whose tables may lie in each other many times, in bytes.
	mostText = 64 << 20
)

// sayValue shows a value.
func (s *Session) sayValue(prefix string, v lua.Value) {
	s.sayCut(string(appendValue([]byte(prefix), v)))
}

// appendValue appends v as the debugger shows it: {1; 2} is a table that is an array, {["a"]=1} any other.
func appendValue(b []byte, v lua.Value) []byte { return appendNested(b, v, 0) }

func appendNested(b []byte, v lua.Value, depth int) []byte {
	switch {
	case depth == maxDepth:
		return append(b, "<max recursion level reached! Nested table?>"...)
	case len(b) > mostText:
		return b
	}
	switch kind := v.Kind(); kind {
	case lua.KindNil:
		return append(b, "nil"...)
	case lua.KindBool:
		return strconv.AppendBool(b, v.IsTrue())
	case lua.KindNumber:
		n, _ := v.Number()
		return lua.AppendShort(b, n)
	case lua.KindString:
		text, _ := v.Text()
		return resp.AppendQuoted(b, text)
	case lua.KindTable:
		return appendTable(b, v.Table(), depth+1)
	default:
		name := kind.String()
		if v.Address() == 0 {
			return append(b, `"light-userdata@(nil)"`...)
		}
		b = append(append(b, '"'), name...)
		b = append(b, "@0x"...)
		b = strconv.AppendUint(b, uint64(v.Address()), 16)
		return append(b, '"')
	}
}

func appendTable(b []byte, t *lua.Table, depth int) []byte {
	array, want := true, 0.0
	for k, _, ok := t.Next(lua.Nil); ok && !k.IsNil() && array; k, _, ok = t.Next(k) {
		n, number := k.Number()
		want++
		array = number && n == want
	}
	b = append(b, '{')
	first := true
	for k, v, ok := t.Next(lua.Nil); ok && !k.IsNil() && len(b) <= mostText; k, v, ok = t.Next(k) {
		if !first {
			b = append(b, "; "...)
		}
		first = false
		if !array {
			b = append(b, '[')
			b = append(appendNested(b, k, depth), "]="...)
		}
		b = appendNested(b, v, depth)
	}
	return append(b, '}')
}

// appendReply appends a reply of the server as the debugger shows it. The reply is whole and well formed.
func appendReply(b, reply []byte) []byte {
	b, _ = appendOne(b, reply)
	return b
}

// appendOne appends the first reply in p, and returns what follows it.
func appendOne(b, p []byte) (text, rest []byte) {
	if len(p) == 0 {
		return b, nil
	}
	line, rest, _ := bytes.Cut(p, lineEnd)
	n := 0
	switch resp.Kind(line[0]) {
	case resp.BulkKind, resp.ArrayKind, resp.SetKind, resp.MapKind:
		n = leadingInt(string(line[1:]))
		if n < 0 {
			return append(b, "NULL"...), rest
		}
	}
	switch resp.Kind(line[0]) {
	case resp.IntKind:
		return append(b, line[1:]...), rest
	case resp.BulkKind:
		return resp.AppendQuoted(b, rest[:n]), rest[n+2:]
	case resp.SimpleKind, resp.ErrorKind:
		return resp.AppendQuoted(b, line), rest
	case resp.ArrayKind:
		return appendMany(append(b, '['), rest, n, 1, ']')
	case resp.SetKind:
		return appendMany(append(b, "~("...), rest, n, 1, ')')
	case resp.MapKind:
		return appendMany(append(b, '{'), rest, n, 2, '}')
	case resp.BoolKind:
		if line[1] == 't' {
			return append(b, "#true"...), rest
		}
		return append(b, "#false"...), rest
	case resp.DoubleKind:
		return append(append(b, "(double) "...), line[1:]...), rest
	case resp.NullKind:
		return append(b, "(null)"...), rest
	}
	return b, nil // of other kinds Redis shows nothing
}

// appendMany appends n elements of so many replies each.
func appendMany(b, p []byte, n, each int, end byte) (text, rest []byte) {
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b, p = appendOne(b, p)
		if each == 2 {
			b = append(b, " => "...)
			b, p = appendOne(b, p)
		}
	}
	return append(b, end), p
}
