package snapshot

import "frankenredis/kv"

// typeOf is the value type under which a value is written in the encoder's version.
func (e *encoder) typeOf(v kv.Value) byte {
	packed := v.Encoding().IsPacked()
	switch v.Type() {
	case kv.List:
		if e.version < 10 {
			return oldListType(v.List())
		}
		return typeListNodes
	case kv.Set:
		switch v.Encoding() {
		case kv.Intset:
			return typeSetIntset
		case kv.Listpack:
			if e.version >= 11 {
				return typeSetListpack
			}
		}
		return typeSet
	case kv.ZSet:
		switch {
		case packed && e.version >= 10:
			return typeZSetListpack
		case packed && v.Len() <= maxOldPacked:
			return typeZSetZiplist
		}
		return typeZSet2
	case kv.Hash:
		switch {
		case packed && e.version >= 10:
			return typeHashListpack
		case packed && v.Len() <= maxOldPacked:
			return typeHashZiplist
		}
		return typeHash
	case kv.Stream:
		switch {
		case e.version >= 11:
			return typeStream3
		case e.version == 10:
			return typeStream2
		}
		return typeStream
	}
	return typeString
}

// value writes a value behind its type, of typeOf, and key. scratch is memory for bytes; what it grew to is returned.
func (e *encoder) value(typ byte, v kv.Value, scratch []byte) []byte {
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
		e.list(typ, v)
		return scratch
	case v.Encoding().IsPacked():
		scratch = v.AppendBytes(scratch[:0])
		e.packedValue(typ, scratch)
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
		e.stream(typ, v)
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
