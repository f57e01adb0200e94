// Package lzf compresses and expands the LZF format of Marc Lehmann's LibLZF, which Redis uses for long strings in RDB
// files and DUMP payloads. The compressor makes the same choices as Redis's build of LibLZF (16 bit hash table, the
// "very fast" setting), so its output is byte for byte what Redis writes.
//
// # Layout
//
// A compressed block is a sequence of items, each a literal run or a reference to earlier output:
//
//	000LLLLL  <L+1 bytes>          literal run of L+1 bytes (1..32)
//	LLLooooo  oooooooo             L in 1..6: copy L+2 bytes from o+1 bytes back (o < 8192)
//	111ooooo  LLLLLLLL  oooooooo   copy L+9 bytes from o+1 bytes back
//
// Source and target of a copy may overlap: a copy from one byte back repeats that byte.
//
// # Limits
//
// The format carries neither lengths nor a checksum; whoever stores a block stores both lengths beside it. Three input
// bytes make at most 264 output bytes, so MaxExpanded tells a lying length before anything is allocated for it.
package lzf

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

const (
	hashBits = 16
	hashSize = 1 << hashBits

	maxLiteral = 1 << 5
	maxOffset  = 1 << 13
	maxCopy    = 1<<8 + 1<<3
)

// ErrCorrupt says that a block is not LZF, or does not expand to the length its owner recorded.
var ErrCorrupt = errors.New("lzf: corrupt block")

// Encoder holds the hash table a compression needs (256 KiB). It may be used again and again, by one goroutine at a
// time. The zero value is ready.
type Encoder struct {
	// seen[h] is base plus the position after which the last three bytes hashing to h began, or less than base when
	// none was seen in this block: raising base between blocks spares clearing the table.
	seen [hashSize]uint32
	base uint32
}

func hash(v uint32) uint32 { return (v>>(24-hashBits) - v*5) & (hashSize - 1) }

// Compress appends the compressed form of src to dst[:0] and returns it, or nil when that form would be longer than
// limit bytes (Redis asks for len(src)-4: less is not worth it). src must be shorter than 2 GiB.
func (e *Encoder) Compress(dst, src []byte, limit int) []byte {
	if len(src) == 0 || limit <= 0 || uint64(len(src)) >= 1<<31 {
		return nil
	}
	if cap(dst) < limit {
		dst = make([]byte, limit)
	}
	out := dst[:limit]
	if e.base == 0 || uint64(e.base)+uint64(len(src)) >= 1<<32 {
		clear(e.seen[:])
		e.base = 1
	}
	base := e.base
	e.base += uint32(len(src))

	ip, op, lit := 0, 1, 0 // op stands behind the header byte of the literal run being collected
	end := len(src)
	for ip < end-2 {
		v := uint32(src[ip])<<16 | uint32(src[ip+1])<<8 | uint32(src[ip+2])
		slot := &e.seen[hash(v)]
		ref := int(*slot) - int(base)
		*slot = base + uint32(ip)
		// Position 0 is never referred to: in the original a table of zeros means "position 0".
		back := ip - ref - 1
		if ref <= 0 || back >= maxOffset || src[ref] != src[ip] || src[ref+1] != src[ip+1] || src[ref+2] != src[ip+2] {
			if op >= limit {
				return nil
			}
			out[op] = src[ip]
			op++
			ip++
			if lit++; lit == maxLiteral {
				out[op-lit-1] = maxLiteral - 1
				lit = 0
				op++
			}
			continue
		}
		if op+4 >= limit {
			undo := op
			if lit == 0 {
				undo--
			}
			if undo+4 >= limit {
				return nil
			}
		}
		if lit == 0 {
			op-- // no run was begun: its header byte is not needed
		} else {
			out[op-lit-1] = byte(lit - 1)
		}
		n := matchLen(src, ref, ip)
		ip += n
		if n -= 2; n < 7 {
			out[op] = byte(back>>8) | byte(n<<5)
			op++
		} else {
			out[op] = byte(back>>8) | 7<<5
			out[op+1] = byte(n - 7)
			op += 2
		}
		out[op] = byte(back)
		op += 2 // and the header byte of the next run
		lit = 0
		if ip >= end-2 {
			break
		}
		// The last two positions of the copy go into the table, no others: that is what "very fast" gives up.
		for p := ip - 2; p < ip; p++ {
			v := uint32(src[p])<<16 | uint32(src[p+1])<<8 | uint32(src[p+2])
			e.seen[hash(v)] = base + uint32(p)
		}
	}
	if op+3 > limit {
		return nil
	}
	for ; ip < end; ip++ {
		out[op] = src[ip]
		op++
		if lit++; lit == maxLiteral {
			out[op-lit-1] = maxLiteral - 1
			lit = 0
			op++
		}
	}
	if lit == 0 {
		op--
	} else {
		out[op-lit-1] = byte(lit - 1)
	}
	return out[:op]
}

// matchLen is how many bytes at ref and ip to copy; the first three are known to agree. It stops where LibLZF stops: two
// bytes short of the end of src, but for its unrolled first sixteen comparisons, which may come closer.
func matchLen(src []byte, ref, ip int) int {
	left := len(src) - ip
	limit := min(left-2, maxCopy)
	if limit <= 3 {
		return 3
	}
	if limit == 17 || limit == 18 {
		limit = 19
	}
	n := 3
	for n+8 <= limit {
		x := binary.LittleEndian.Uint64(src[ref+n:]) ^ binary.LittleEndian.Uint64(src[ip+n:])
		if x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < limit && src[ref+n] == src[ip+n] {
		n++
	}
	return n
}

// MaxExpanded is the most a compressed block of n bytes can expand to.
func MaxExpanded(n int) int64 { return (int64(n)/3+1)*maxCopy + maxLiteral }

// step is how many bytes Expand copies at a time where there is room for them, although fewer may be wanted: what is too much is
// written over.
const step, word = 16, 8

// Expand writes the expansion of src into dst, which must have exactly the recorded length. It returns ErrCorrupt when
// src is malformed or expands to another length; dst then holds whatever was written.
func Expand(dst, src []byte) error {
	op := 0
	for ip := 0; ip < len(src); {
		ctrl := int(src[ip])
		ip++
		if ctrl < maxLiteral {
			n := ctrl + 1
			if n > len(src)-ip || n > len(dst)-op {
				return ErrCorrupt
			}
			if len(src)-ip >= maxLiteral && len(dst)-op >= maxLiteral {
				// Two small moves are registers, one large one is a call.
				*(*[step]byte)(dst[op:]) = *(*[step]byte)(src[ip:])
				*(*[step]byte)(dst[op+step:]) = *(*[step]byte)(src[ip+step:])
			} else {
				copy(dst[op:op+n], src[ip:])
			}
			ip += n
			op += n
			continue
		}
		n := ctrl >> 5
		if n == 7 {
			if ip >= len(src) {
				return ErrCorrupt
			}
			n += int(src[ip])
			ip++
		}
		n += 2
		if ip >= len(src) {
			return ErrCorrupt
		}
		back := (ctrl&0x1f)<<8 + int(src[ip]) + 1
		ip++
		if back > op || n > len(dst)-op {
			return ErrCorrupt
		}
		ref := op - back
		if back >= step && len(dst)-op >= n+step {
			end := op + n
			for ; op < end; op, ref = op+step, ref+step {
				*(*[step]byte)(dst[op:]) = *(*[step]byte)(dst[ref:])
			}
			op = end
			continue
		}
		if back >= word && len(dst)-op >= n+word {
			end := op + n
			for ; op < end; op, ref = op+word, ref+word {
				*(*[word]byte)(dst[op:]) = *(*[word]byte)(dst[ref:])
			}
			op = end
			continue
		}
		if back >= n {
			copy(dst[op:op+n], dst[ref:])
			op += n
			continue
		}
		// Overlapping: each pass doubles what can be copied at once.
		for n > 0 {
			c := copy(dst[op:op+n], dst[ref:op])
			op += c
			n -= c
		}
	}
	if op != len(dst) {
		return ErrCorrupt
	}
	return nil
}
