package script

import (
	"bytes"
	"strconv"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/lua"
)

// reader turns a reply of the server into a value. What it reads is whole and well formed, for the server has just written it.
type reader struct {
	i *Interpreter
	l *lua.State
	p []byte
}

// value takes a reply off p.
func (r *reader) value() lua.Value {
	end := bytes.IndexByte(r.p, '\n')
	kind, line := resp.Kind(r.p[0]), r.p[1:end-1]
	r.p = r.p[end+1:]
	l := r.l
	switch kind {
	case resp.IntKind:
		n, _ := resp.ParseInt(line)
		return lua.Number(float64(n))
	case resp.BulkKind:
		n := length(line)
		if n < 0 {
			return lua.Bool(false)
		}
		return l.NewBytes(r.text(n))
	case resp.SimpleKind:
		return r.field("ok", l.NewBytes(line))
	case resp.ErrorKind:
		t := r.i.newError("-" + string(line))
		t.SetField(fieldCounted, lua.Bool(true))
		return t.Value()
	case resp.ArrayKind, resp.PushKind:
		n := length(line)
		if n < 0 {
			return lua.Bool(false)
		}
		t := l.NewTable(n, 0)
		for i := range n {
			t.SetInt(i+1, r.value())
		}
		return t.Value()
	case resp.MapKind:
		n := length(line)
		t := l.NewTable(0, n)
		for range n {
			k := r.value()
			t.Set(k, r.value())
		}
		return r.field("map", t.Value())
	case resp.SetKind:
		n := length(line)
		t := l.NewTable(0, n)
		for range n {
			t.Set(r.value(), lua.Bool(true))
		}
		return r.field("set", t.Value())
	case resp.BoolKind:
		return lua.Bool(line[0] == 't')
	case resp.DoubleKind:
		f, _ := strconv.ParseFloat(string(line), 64)
		return r.field("double", lua.Number(f))
	case resp.BigKind:
		return r.field("big_number", l.NewBytes(line))
	case resp.VerbatimKind:
		text := r.text(length(line))
		t := l.NewTable(0, 2)
		t.SetField("format", l.NewBytes(text[:3]))
		t.SetField("string", l.NewBytes(text[4:]))
		return r.field("verbatim_string", t.Value())
	}
	return lua.Nil // a null of RESP3
}

func length(line []byte) int {
	n, _ := resp.ParseInt(line)
	return int(n)
}

func (r *reader) text(n int) []byte {
	text := r.p[:n]
	r.p = r.p[n+2:]
	return text
}

func (r *reader) field(name string, v lua.Value) lua.Value {
	t := r.l.NewTable(0, 1)
	t.SetField(name, v)
	return t.Value()
}
