package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// ringFrame is what stands at the head of one frame of the commit ring (doc.go, Ring).
type ringFrame struct {
	Sum      Sum    // of everything behind it up to the payload's end
	Skip     bool   // a descriptor: its range is in the increments, there is no payload
	Off      int64  // its place in its half of the ring, bytes
	Log      UUID   // the log it belongs to: Facts.UUID
	Prev     Sum    // of the frame before; zero: the first of its epoch
	Seq      uint64 // counts the frames of one epoch, from 1
	Position        // of its end; Position.LSN: behind the last byte of its range
	Start    LSN    // of the first byte of its range, which a commit begins
	Filed    LSN    // up to here the increments were durable when it was written
	FiledSeq int64  // the increment that holds Filed
	FiledPos int64  // durable bytes of that increment's file
	DB       int    // the stream's database behind it; -1: none selected
	Millis   int64  // wall clock, Unix time in milliseconds
}

const (
	ringMagic   = "FR-RING1"
	ringHead    = 192                  // bytes of a frame before its payload
	ringBlock   = cellSize             // frames begin and end at multiples of it: what a disk loses at once is of one frame
	ringPayload = 1 << 20              // most bytes of payload in one frame
	ringLargest = ringPayload + 2*4096 // a frame of that, padded
	sumSize     = int64(len(Sum{}))    // the sum stands first and does not cover itself
	_           = uint(ringBlock - ringHead)
)

// ringSize is how many bytes of a half a frame takes up with n bytes of payload.
func ringSize(n int) int64 { return (ringHead + int64(n) + ringBlock - 1) / ringBlock * ringBlock }

// payload is how many bytes follow the head.
func (f *ringFrame) payload() int {
	if f.Skip {
		return 0
	}
	return int(f.LSN - f.Start)
}

// seal puts the head in front of the payload, which stands at p[ringHead:], fills up to the block's end with zeros and sets Sum. p is
// ringSize bytes long.
func (f *ringFrame) seal(p []byte) {
	n := f.payload()
	clear(p[:ringHead])
	clear(p[ringHead+n:])
	copy(p[16:], ringMagic)
	le := binary.LittleEndian
	if f.Skip {
		p[24] = 1
	}
	le.PutUint32(p[28:], uint32(int32(f.DB)))
	copy(p[32:], f.Log[:])
	copy(p[48:], f.Prev[:])
	for i, v := range [...]uint64{f.Seq, f.Epoch, uint64(f.Start), uint64(f.LSN), uint64(f.Filed), uint64(f.FiledSeq), uint64(f.FiledPos),
		uint64(f.Millis), uint64(f.Off)} {
		le.PutUint64(p[64+8*i:], v)
	}
	copy(p[136:], f.ID[:])
	f.Sum = SumOf(p[sumSize : ringHead+n])
	copy(p, f.Sum[:])
}

// parseRingFrame reads the frame that p begins with; its payload is at p[ringHead:]. off is where p stands in its half. The error
// says why there is none; for most places of a ring that is no damage.
func parseRingFrame(p []byte, off int64) (f ringFrame, err error) {
	if len(p) < ringHead || !bytes.Equal(p[16:16+len(ringMagic)], []byte(ringMagic)) {
		return f, errNoFrame
	}
	le := binary.LittleEndian
	f.Skip = p[24] == 1
	f.DB = int(int32(le.Uint32(p[28:])))
	copy(f.Sum[:], p)
	copy(f.Log[:], p[32:])
	copy(f.Prev[:], p[48:])
	var v [9]uint64
	for i := range v {
		v[i] = le.Uint64(p[64+8*i:])
	}
	f.Seq, f.Epoch, f.Start, f.LSN, f.Filed, f.FiledSeq, f.FiledPos, f.Millis, f.Off = v[0], v[1], LSN(v[2]), LSN(v[3]), LSN(v[4]),
		int64(v[5]), int64(v[6]), int64(v[7]), int64(v[8])
	copy(f.ID[:], p[136:])
	if p[24] > 1 || f.LSN <= f.Start || !f.Skip && f.LSN-f.Start > ringPayload || int64(len(p)) < ringSize(f.payload()) {
		return f, errNoFrame
	}
	if sum := SumOf(p[sumSize : ringHead+f.payload()]); sum != f.Sum {
		return f, fmt.Errorf("frame %d at %d: its digest is %s, wanted %s", f.Seq, off, sum, f.Sum)
	}
	if f.Off != off {
		return f, fmt.Errorf("frame %d was written at %d and stands at %d", f.Seq, f.Off, off)
	}
	return f, nil
}
