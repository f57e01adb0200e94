package command

import (
	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var bitmapCommands = []engine.Spec{
	{Name: "bitcount", Arity: -2, Flags: engine.ReadOnly, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: bitcountCommand},
	{Name: "bitfield", Arity: -2, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatBitmap,
		Keys: []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate | engine.KeyVariable,
			Notes: "This command allows both access and modification of the key", Index: 1}},
		GetKeys: bitfieldKeys,
		Handler: bitfieldCommand},
	{Name: "bitfield_ro", Arity: -2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: bitfieldROCommand},
	{Name: "bitop", Arity: -4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 2}, {Flags: engine.KeyRO | engine.KeyAccess, Index: 3, Last: -1}},
		Handler: bitopCommand},
	{Name: "bitpos", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: bitposCommand},
	{Name: "getbit", Arity: 3, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: getbitCommand},
	{Name: "setbit", Arity: 4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatBitmap,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyUpdate, Index: 1}},
		Handler: setbitCommand},
}

// The errors of bit commands.
const (
	errBitOffset = engine.ReplyError("ERR bit offset is not an integer or out of range")
	errBitValue  = engine.ReplyError("ERR bit is not an integer or out of range")
)

// bitOffset reads a bit's position. With width above zero "#n" is the n-th field of that width; as in Redis the product may
// overflow. A string does not become longer than proto-max-bulk-len, unless a log that is replayed made it so.
func bitOffset(c *engine.Call, arg []byte, width int) (int, error) {
	times := int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, times = arg[1:], int64(width)
	}
	n, err := integer(arg)
	if err != nil {
		return 0, errBitOffset
	}
	n *= times
	if n < 0 || n>>3 >= c.E.Config().Live.ProtoMaxBulkLen && !c.Obeyed() {
		return 0, errBitOffset
	}
	return int(n), nil
}

func setbitCommand(c *engine.Call) error {
	key := c.Args[1]
	off, err := bitOffset(c, c.Args[2], 0)
	if err != nil {
		return err
	}
	on, err := integer(c.Args[3])
	if err != nil || on&^1 != 0 {
		return errBitValue
	}
	b, grown, err := c.DB.OpenBits(key, off>>3+1)
	if err != nil {
		return err
	}
	was := b.Field(off, 1)
	if grown || was != uint64(on) {
		b.SetField(off, 1, uint64(on))
		bitsChanged(c, key, 1)
	}
	c.W.Int(int64(was))
	return nil
}

// bitsChanged says that n changes were made to the bits of a key.
func bitsChanged(c *engine.Call, key []byte, n int) {
	c.DB.TellChanged(key)
	c.Notify('$', "setbit", key)
	c.Dirty(n)
}

func getbitCommand(c *engine.Call) error {
	off, err := bitOffset(c, c.Args[2], 0)
	if err != nil {
		return err
	}
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	bit := uint64(0)
	if found {
		bit = e.Field(off, 1)
	}
	c.W.Int(int64(bit))
	return nil
}

// bitRange is a range of bits as BITCOUNT and BITPOS take it: both ends included, from the end when negative, counted in bytes
// or in bits.
type bitRange struct {
	start, end int64
	inBits     bool
	open       bool // there is no end
}

// wholeRange is the range of a command that names none.
var wholeRange = bitRange{end: -1, open: true}

// unit reads the range's unit.
func (r *bitRange) unit(arg []byte) error {
	switch {
	case is(arg, "BIT"):
		r.inBits = true
	case is(arg, "BYTE"):
		r.inBits = false
	default:
		return engine.ErrSyntax
	}
	return nil
}

// within is the range as bits [from, to) of a string of size bytes.
func (r *bitRange) within(size int) (from, to int) {
	total, scale := int64(size), int64(8)
	if r.inBits {
		total, scale = 8*total, 1
	}
	start, end := r.start, r.end
	if r.open {
		end = total - 1
	}
	if start < 0 {
		start = max(start+total, 0)
	}
	if end < 0 {
		end = max(end+total, 0)
	}
	end = min(end, total-1)
	if start > end {
		return 0, 0
	}
	return int(start * scale), int((end + 1) * scale)
}

func bitcountCommand(c *engine.Call) error {
	r, err := bitcountRange(c)
	if err != nil {
		return err
	}
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	if !found || (r.start < 0 && r.end < 0 && r.start > r.end) {
		c.W.Int(0)
		return nil
	}
	c.W.Int(int64(e.CountBits(r.within(e.StringLen()))))
	return nil
}

func bitcountRange(c *engine.Call) (r bitRange, err error) {
	switch len(c.Args) {
	case 2:
		return wholeRange, nil
	case 4, 5:
	default:
		return r, engine.ErrSyntax
	}
	if r.start, err = integer(c.Args[2]); err != nil {
		return r, err
	}
	if r.end, err = integer(c.Args[3]); err != nil {
		return r, err
	}
	if len(c.Args) == 5 {
		err = r.unit(c.Args[4])
	}
	return r, err
}

func bitposCommand(c *engine.Call) error {
	bit, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if bit != 0 && bit != 1 {
		return engine.ReplyError("ERR The bit argument must be 1 or 0.")
	}
	r, err := bitposRange(c)
	if err != nil {
		return err
	}
	e, found, err := c.ReadString(c.Args[1])
	if err != nil {
		return err
	}
	if !found {
		c.W.Int(-bit) // endless zeros
		return nil
	}
	c.W.Int(int64(bitpos(e, bit == 1, &r)))
	return nil
}

func bitpos(e kv.Entry, on bool, r *bitRange) int {
	from, to := r.within(e.StringLen())
	if from == to {
		return -1
	}
	at := e.FindBit(on, from, to)
	if at < 0 && !on && r.open {
		return to // behind the end come zeros
	}
	return at
}

func bitposRange(c *engine.Call) (r bitRange, err error) {
	n := len(c.Args)
	if n == 3 {
		return wholeRange, nil
	}
	if n > 6 {
		return r, engine.ErrSyntax
	}
	if r.start, err = integer(c.Args[3]); err != nil {
		return r, err
	}
	if n == 6 {
		if err = r.unit(c.Args[5]); err != nil {
			return r, err
		}
	}
	r.open = n == 4
	if !r.open {
		r.end, err = integer(c.Args[4])
	}
	return r, err
}
