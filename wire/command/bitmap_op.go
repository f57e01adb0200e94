package command

import (
	"encoding/binary"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// bitOperation is what BITOP does with two words.
type bitOperation func(a, b uint64) uint64

// bitOperations are the words BITOP knows. NOT has one operand and is the exclusive or with ones.
var bitOperations = []struct {
	word string
	f    bitOperation
}{
	{"AND", func(a, b uint64) uint64 { return a & b }},
	{"OR", func(a, b uint64) uint64 { return a | b }},
	{"XOR", func(a, b uint64) uint64 { return a ^ b }},
	{"NOT", func(a, _ uint64) uint64 { return ^a }},
}

func bitopCommand(c *engine.Call) error {
	var op bitOperation
	not := is(c.Args[1], "NOT")
	for _, o := range bitOperations {
		if is(c.Args[1], o.word) {
			op = o.f
		}
	}
	if op == nil {
		return engine.ErrSyntax
	}
	dst, sources := c.Args[2], c.Args[3:]
	if not && len(sources) != 1 {
		return engine.ReplyError("ERR BITOP NOT must be called with a single source key.")
	}
	o := operands{op: op, not: not, entries: make([]kv.Entry, len(sources))}
	there := make([]bool, len(sources))
	for i, key := range sources {
		var err error
		if _, there[i], err = c.ReadString(key); err != nil {
			return err
		}
	}
	// Looking one up may have removed another that had expired: entries are taken when that is over.
	for i, key := range sources {
		if there[i] {
			o.entries[i], _ = c.DB.Lookup(key, kv.NoTouch|kv.NoExpire)
			o.size = max(o.size, o.entries[i].StringLen())
		}
	}
	o.there = there
	switch {
	case o.size > 0:
		c.DB.SetMade(dst, o.size, o.fill)
		c.Dirty(1)
		c.Notify('$', "set", dst)
	case c.DB.DeleteAny(dst):
		c.Dirty(1)
		c.Notify('g', "del", dst)
	}
	c.W.Int(int64(o.size))
	return nil
}

// operands are the strings of one BITOP.
type operands struct {
	op      bitOperation
	not     bool
	entries []kv.Entry
	there   []bool // those that are not are zeros
	size    int    // bytes of the longest
}

// fill computes one piece of the result. Where an operand has ended, zeros take its place.
func (o *operands) fill(off int, piece []byte) {
	n := o.read(0, off, piece)
	clear(piece[n:])
	if o.not {
		o.op.combine(piece, nil)
		return
	}
	for i := 1; i < len(o.entries); i++ {
		rest := piece
		if o.there[i] {
			if end := min(o.entries[i].StringLen(), off+len(piece)); off < end {
				o.entries[i].Walk(off, end, func(p []byte) bool {
					o.op.combine(rest[:len(p)], p)
					rest = rest[len(p):]
					return true
				})
			}
		}
		o.op.combine(rest, nil)
	}
}

// read copies what operand i has at off into piece and returns how much that is.
func (o *operands) read(i, off int, piece []byte) int {
	if !o.there[i] {
		return 0
	}
	end := min(o.entries[i].StringLen(), off+len(piece))
	if off >= end {
		return 0
	}
	return len(o.entries[i].AppendRange(piece[:0], off, end))
}

// combine makes dst the result with src, which is as long, or nil for zeros.
func (op bitOperation) combine(dst, src []byte) {
	if src == nil {
		for ; len(dst) >= 8; dst = dst[8:] {
			binary.LittleEndian.PutUint64(dst, op(binary.LittleEndian.Uint64(dst), 0))
		}
		for i, b := range dst {
			dst[i] = byte(op(uint64(b), 0))
		}
		return
	}
	for ; len(dst) >= 8; dst, src = dst[8:], src[8:] {
		binary.LittleEndian.PutUint64(dst, op(binary.LittleEndian.Uint64(dst), binary.LittleEndian.Uint64(src)))
	}
	for i, b := range dst {
		dst[i] = byte(op(uint64(b), uint64(src[i])))
	}
}
