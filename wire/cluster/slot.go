package cluster

import "bytes"

// Slots is the number of hash slots.
const Slots = 16384

// KeySlot is the hash slot of a key: by CRC16 of the whole, or of what stands between the first { and the next } if that is
// anything.
func KeySlot(key []byte) uint16 {
	if open := bytes.IndexByte(key, '{'); open >= 0 {
		if n := bytes.IndexByte(key[open+1:], '}'); n > 0 {
			key = key[open+1 : open+1+n]
		}
	}
	return crc16(key) % Slots
}

// crcTable is for CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from zero.
var crcTable = makeTable()

func makeTable() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}

func crc16(p []byte) (c uint16) {
	for _, b := range p {
		c = c<<8 ^ crcTable[byte(c>>8)^b]
	}
	return c
}
