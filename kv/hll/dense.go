package hll

// Registers of six bits: the i-th begins at bit 6*i. The functions take the bytes behind the header, DenseSize-HeaderSize of them.

func get(regs []byte, i int) uint8 {
	at, shift := i*6/8, uint(i*6%8)
	v := uint(regs[at])
	if shift > 2 { // it goes on in the next byte
		v |= uint(regs[at+1]) << 8
	}
	return uint8(v>>shift) & 63
}

func put(regs []byte, i int, value uint8) {
	at, shift := i*6/8, uint(i*6%8)
	keep, v := ^(uint(63) << shift), uint(value)<<shift
	regs[at] = regs[at]&byte(keep) | byte(v)
	if shift > 2 {
		regs[at+1] = regs[at+1]&byte(keep>>8) | byte(v>>8)
	}
}

// raise makes a register at least value.
func raise(regs []byte, i int, value uint8) (changed bool) {
	if get(regs, i) >= value {
		return false
	}
	put(regs, i, value)
	return true
}

// unpack returns the four registers of three bytes.
func unpack(p []byte) (a, b, c, d uint8) {
	v := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
	return uint8(v & 63), uint8(v >> 6 & 63), uint8(v >> 12 & 63), uint8(v >> 18)
}

// pack is the inverse of unpack.
func pack(p []byte, a, b, c, d uint8) {
	v := uint32(a) | uint32(b)<<6 | uint32(c)<<12 | uint32(d)<<18
	p[0], p[1], p[2] = byte(v), byte(v>>8), byte(v>>16)
}
