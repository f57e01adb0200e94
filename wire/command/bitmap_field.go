package command

import (
	"math"

	"frankenredis/wire/engine"
)

// What becomes of a result that does not fit its field.
const (
	overflowWrap = iota // the high bits are cut off
	overflowSat         // the nearest number that fits
	overflowFail        // nothing is written and the reply is null
)

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	kind     byte // 'g'et, 's'et, 'i'ncrby
	overflow byte
	signed   bool
	width    int // bits
	off      int // first bit
	operand  int64
}

func bitfieldCommand(c *engine.Call) error { return bitfield(c, false) }

func bitfieldROCommand(c *engine.Call) error { return bitfield(c, true) }

func bitfield(c *engine.Call, readOnly bool) error {
	var few [8]fieldOp
	ops, end, err := parseFieldOps(c, few[:0])
	switch {
	case err != nil:
		return err
	case end == 0:
		return readFields(c, ops)
	case readOnly:
		return engine.ReplyError("ERR BITFIELD_RO only supports the GET subcommand")
	}
	return writeFields(c, ops, end)
}

// parseFieldOps reads the operations. end is behind the last bit that one of them writes; 0 when none does.
func parseFieldOps(c *engine.Call, ops []fieldOp) (_ []fieldOp, end int, err error) {
	overflow := byte(overflowWrap)
	args := c.Args
	for i := 2; i < len(args); {
		op := fieldOp{overflow: overflow}
		words := 4
		switch word, left := args[i], len(args)-i; {
		case is(word, "GET") && left > 2:
			op.kind, words = 'g', 3
		case is(word, "SET") && left > 3:
			op.kind = 's'
		case is(word, "INCRBY") && left > 3:
			op.kind = 'i'
		case is(word, "OVERFLOW") && left > 1:
			switch word := args[i+1]; {
			case is(word, "WRAP"):
				overflow = overflowWrap
			case is(word, "SAT"):
				overflow = overflowSat
			case is(word, "FAIL"):
				overflow = overflowFail
			default:
				return nil, 0, engine.ReplyError("ERR Invalid OVERFLOW type specified")
			}
			i += 2
			continue
		default:
			return nil, 0, engine.ErrSyntax
		}
		if op.signed, op.width, err = fieldType(args[i+1]); err != nil {
			return nil, 0, err
		}
		if op.off, err = bitOffset(c, args[i+2], op.width); err != nil {
			return nil, 0, err
		}
		if op.kind != 'g' {
			end = max(end, op.off+op.width)
			if op.operand, err = integer(args[i+3]); err != nil {
				return nil, 0, err
			}
		}
		ops = append(ops, op)
		i += words
	}
	return ops, end, nil
}

// fieldType reads a type: i1 to i64, u1 to u63.
func fieldType(arg []byte) (signed bool, width int, err error) {
	const bad = engine.ReplyError("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	text := shown(arg)
	if text == "" || (text[0] != 'i' && text[0] != 'u') {
		return false, 0, bad
	}
	signed = text[0] == 'i'
	n, err := integer([]byte(text[1:]))
	if err != nil || n < 1 || n > 64 || (n == 64 && !signed) {
		return false, 0, bad
	}
	return signed, int(n), nil
}

// bitfieldKeys tells what BITFIELD does with its key: it only reads it when all that it can make out is GET.
func bitfieldKeys(argv [][]byte) ([]engine.KeyRef, bool) {
	flags := engine.KeyRO | engine.KeyAccess
scan:
	for i := 2; i < len(argv); {
		switch left := len(argv) - i; {
		case is(argv[i], "GET") && left > 2:
			i += 3
		case is(argv[i], "OVERFLOW") && left > 1:
			i += 2
		default:
			flags = engine.KeyRW | engine.KeyAccess | engine.KeyUpdate
			break scan
		}
	}
	return []engine.KeyRef{{Pos: 1, Flags: flags}}, true
}

// value is the number in a field whose bits are raw.
func (op *fieldOp) value(raw uint64) int64 {
	if !op.signed {
		return int64(raw) // at most 63 bits
	}
	unused := 64 - op.width
	return int64(raw<<unused) >> unused
}

func readFields(c *engine.Call, ops []fieldOp) error {
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	c.W.Array(len(ops))
	for i := range ops {
		raw := uint64(0)
		if found {
			raw = e.Field(ops[i].off, ops[i].width)
		}
		c.W.Int(ops[i].value(raw))
	}
	return nil
}

func writeFields(c *engine.Call, ops []fieldOp, end int) error {
	key := c.Args[1]
	b, grown, err := c.DB.OpenBits(key, (end+7)>>3)
	if err != nil {
		return err
	}
	c.W.Array(len(ops))
	changes := 0
	for i := range ops {
		op := &ops[i]
		was := op.value(b.Field(op.off, op.width))
		if op.kind == 'g' {
			c.W.Int(was)
			continue
		}
		now, overflow := op.result(was)
		if overflow && op.overflow == overflowFail {
			c.W.Null()
			continue
		}
		if grown || now != was {
			b.SetField(op.off, op.width, uint64(now))
			changes++
		}
		if op.kind == 's' {
			c.W.Int(was)
		} else {
			c.W.Int(now)
		}
	}
	switch {
	case changes > 0:
		bitsChanged(c, key, changes)
	case grown:
		// All operations failed, and yet the string is longer than it was. Redis leaves it at that on this side alone; here
		// the stream leads to the same data.
		c.ForcePropagate()
	}
	return nil
}

// result is what SET and INCRBY write in place of was, by the operation's way with overflows.
func (op *fieldOp) result(was int64) (now int64, overflow bool) {
	base, by := was, op.operand
	if op.kind == 's' {
		base, by = op.operand, 0
	}
	var low, high int64
	var beyond int
	if op.signed {
		high = math.MaxInt64 >> (64 - op.width)
		low = -high - 1
		beyond = op.beyondSigned(base, by, low, high)
	} else {
		high = math.MaxInt64 >> (63 - op.width)
		beyond = beyondUnsigned(uint64(base), by, uint64(high))
	}
	switch {
	case beyond == 0:
		return base + by, false
	case op.overflow == overflowSat && beyond > 0:
		return high, true
	case op.overflow == overflowSat:
		return low, true
	}
	return op.value(uint64(base+by) & (math.MaxUint64 >> (64 - op.width))), true
}

// beyondSigned says on which side base+by leaves the field: above, below, or not at all (0). The room left is computed in
// 64 bits that wrap, as in Redis: a base far below the field's range counts as above it.
func (op *fieldOp) beyondSigned(base, by, low, high int64) int {
	up, down := high-base, low-base
	switch narrow := op.width < 64; {
	case base > high, narrow && by > up, base >= 0 && by > 0 && by > up:
		return 1
	case base < low, narrow && by < down, base < 0 && by < 0 && by < down:
		return -1
	}
	return 0
}

// beyondUnsigned is beyondSigned for fields of at most 63 bits without sign.
func beyondUnsigned(base uint64, by int64, high uint64) int {
	switch {
	case base > high, by > 0 && by > int64(high-base):
		return 1
	case by < 0 && by < -int64(base):
		return -1
	}
	return 0
}
