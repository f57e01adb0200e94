package snapshot

import "frankenredis/kv"

// typeOf is the value type under which a value is written.
func typeOf(v kv.Value) byte {
	packed := v.Encoding().IsPacked()
	switch v.Type() {
	case kv.List:
		return typeListNodes
	case kv.Set:
		switch v.Encoding() {
		case kv.Intset:
			return typeSetIntset
		case kv.Listpack:
			return typeSetListpack
		}
		return typeSet
	case kv.ZSet:
		if packed {
			return typeZSetListpack
		}
		return typeZSet2
	case kv.Hash:
		if packed {
			return typeHashListpack
		}
		return typeHash
	case kv.Stream:
		return typeStream3
	}
	return typeString
}

// value writes a value behind its type and key. scratch is memory for bytes; what it grew to is returned.
func (e *encoder) value(v kv.Value, scratch []byte) []byte {
	switch {
	case v.Type() == kv.String:
		if n, ok := v.Int(); ok {
			e.number(n)
			return scratch
		}
		scratch = v.AppendBytes(scratch[:0])
		e.str(scratch)
		return scratch
	case v.Type() == kv.List:
		e.list(v)
		return scratch
	case v.Encoding().IsPacked():
		scratch = v.AppendBytes(scratch[:0])
		e.str(scratch)
		return scratch
	}
	switch v.Type() {
	case kv.Hash:
		e.hash(v)
	case kv.Set:
		e.set(v)
	case kv.ZSet:
		e.zset(v)
	case kv.Stream:
		e.stream(v)
	}
	return scratch
}

// elem writes one string of a collection.
func (e *encoder) elem(el kv.Elem) {
	if n, isInt := el.Int(); isInt {
		e.number(n)
		return
	}
	var buf [20]byte
	e.str(el.Bytes(buf[:]))
}
