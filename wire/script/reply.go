package script

import (
	"math"
	"strings"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/lua"
)

// maxSlots bounds how deep values may lie within each other: as many of the interpreter's stack as Redis has for that.
const maxSlots = 8000 - 4

// replier turns a value into a reply.
type replier struct {
	w     *resp.Writer
	proto int // what the script chose: truth values are 1 and null up to version 2
	l     *lua.State
}

// reply appends v. slot counts the places values take on the stack Redis works with. An error within is part of the reply; one
// that is all of it is returned.
func (r *replier) reply(v lua.Value, slot int) (counted bool, err error) {
	if slot > maxSlots {
		return false, Error("ERR reached lua stack limit")
	}
	w := r.w
	switch v.Kind() {
	case lua.KindString:
		text, _ := v.Text()
		w.BulkString(text)
	case lua.KindNumber:
		n, _ := v.Number()
		w.Int(truncate(n))
	case lua.KindBool:
		switch {
		case r.proto == 3:
			w.Bool(v.IsTrue())
		case v.IsTrue():
			w.Int(1)
		default:
			w.Null()
		}
	case lua.KindTable:
		return r.table(v.Table(), slot)
	default:
		w.Null()
	}
	return false, nil
}

// element is reply for a part of a reply.
func (r *replier) element(v lua.Value, slot int) {
	if _, err := r.reply(v, slot); err != nil {
		r.w.Error(err.Error())
	}
}

func (r *replier) table(t *lua.Table, slot int) (counted bool, err error) {
	w := r.w
	if _, ok := t.GetField(fieldErr).Text(); ok {
		text, counted := errorOf(r.l, t)
		return counted, Error(text)
	}
	if text, ok := t.GetField("ok").Text(); ok {
		w.Simple(oneLine(text))
		return false, nil
	}
	if n, ok := t.GetField("double").Number(); ok {
		w.Double(n)
		return false, nil
	}
	if m := t.GetField("map").Table(); m != nil {
		r.pairs(m, func(k, v lua.Value) {
			r.element(k, slot+4)
			r.element(v, slot+3)
		}, w.MapAt)
		return false, nil
	}
	if m := t.GetField("set").Table(); m != nil {
		r.pairs(m, func(k, _ lua.Value) { r.element(k, slot+3) }, w.SetAt)
		return false, nil
	}
	if text, ok := t.GetField("big_number").Text(); ok {
		w.BigNumber(oneLine(text))
		return false, nil
	}
	if m := t.GetField("verbatim_string").Table(); m != nil {
		format, ok1 := m.GetField("format").Text()
		text, ok2 := m.GetField("string").Text()
		if ok1 && ok2 {
			w.Verbatim((format + "   ")[:3], text)
			return false, nil
		}
	}
	at, n := len(w.Buf), 0
	for {
		v := t.GetInt(n + 1)
		if v.IsNil() {
			break
		}
		n++
		r.element(v, slot+1)
	}
	w.ArrayAt(at, n)
	return false, nil
}

func (r *replier) pairs(t *lua.Table, f func(k, v lua.Value), header func(at, n int)) {
	at, n := len(r.w.Buf), 0
	for k, v, ok := t.Next(lua.Nil); ok && !k.IsNil(); k, v, ok = t.Next(k) {
		n++
		f(k, v)
	}
	header(at, n)
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

// truncate is C's conversion to a 64 bit integer on x86: what does not fit is the smallest.
func truncate(n float64) int64 {
	if n >= math.MinInt64 && n < -math.MinInt64 {
		return int64(n)
	}
	return math.MinInt64
}
