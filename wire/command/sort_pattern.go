package command

import (
	"bytes"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// keyPattern is the argument of SORT's BY or GET: a key in which a star stands for the element, perhaps with a field of the
// hash there, or "#", the element itself. Without a star there is no key.
type keyPattern struct {
	itself         bool
	substitutes    bool // there is a star
	prefix, suffix []byte
	field          []byte // nil: the key holds a string

	key []byte // scratch
}

// parseKeyPattern reads a pattern. Like Redis, which searches C strings, it finds neither star nor arrow behind a NUL.
func parseKeyPattern(p []byte) keyPattern {
	text := []byte(shown(p))
	if len(text) == 1 && text[0] == '#' {
		return keyPattern{itself: true}
	}
	star := bytes.IndexByte(text, '*')
	if star < 0 {
		return keyPattern{}
	}
	k := keyPattern{substitutes: true, prefix: p[:star], suffix: p[star+1:]}
	if i := bytes.Index(text[star+1:], []byte("->")); i >= 0 {
		if arrow := star + 1 + i; arrow+2 < len(text) {
			k.suffix, k.field = p[star+1:arrow], p[arrow+2:]
		}
	}
	return k
}

// patternValue is what a pattern finds: an element of a collection, or a string.
type patternValue struct {
	elem     kv.Elem
	entry    kv.Entry
	isString bool
}

// append appends the value.
func (v patternValue) append(dst []byte) []byte {
	if v.isString {
		return v.entry.AppendString(dst)
	}
	return v.elem.Append(dst)
}

// bulk replies the value.
func (v patternValue) bulk(c *engine.Call) {
	if v.isString {
		appendString(c, v.entry)
	} else {
		bulkElem(c, v.elem)
	}
}

// lookup finds the value for an element; it is good until the keyspace's next change. What is not there, or not of the type
// that the pattern asks for, is not found.
func (k *keyPattern) lookup(c *engine.Call, elem []byte) (v patternValue, found bool) {
	if k.itself {
		return patternValue{elem: kv.BytesElem(elem)}, true
	}
	if !k.substitutes {
		return v, false
	}
	k.key = append(append(append(k.key[:0], k.prefix...), elem...), k.suffix...)
	e, found := c.LookupRead(k.key)
	switch {
	case !found:
		return v, false
	case k.field == nil:
		return patternValue{entry: e, isString: true}, e.Type() == kv.String
	case e.Type() != kv.Hash:
		return v, false
	}
	value, found := e.Hash().Get(k.field)
	return patternValue{elem: value}, found
}
