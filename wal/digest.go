package wal

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"frankenredis/wal/disk"
)

// Sum is an XXH3-128 digest; it tells damage from health, not an attacker from a friend.
type Sum [16]byte

// SumOf is the digest of p.
func SumOf(p []byte) Sum { return sumOf128(xxh3.Hash128(p)) }

func sumOf128(u xxh3.Uint128) Sum {
	var s Sum
	binary.BigEndian.PutUint64(s[:8], u.Hi)
	binary.BigEndian.PutUint64(s[8:], u.Lo)
	return s
}

// String is 32 lower-case hexadecimal digits.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

func parseSum(text string) (Sum, error) {
	var s Sum
	if len(text) != 2*len(s) || !isLowerHex(text) {
		return s, fmt.Errorf("digest %q: want 32 lower-case hexadecimal digits", clip(text))
	}
	_, err := hex.Decode(s[:], []byte(text))
	return s, err
}

// Digest adds up bytes to a Sum. The zero value is ready; a copy goes on by itself. Not for concurrent use.
type Digest struct {
	h xxh3.Hasher
	n int64
}

// Write adds p. It never fails.
func (d *Digest) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return d.h.Write(p)
}

// Len is the number of bytes added.
func (d *Digest) Len() int64 { return d.n }

// Sum is the digest of what was added so far.
func (d *Digest) Sum() Sum { return sumOf128(d.h.Sum128()) }

// Reset makes d as new.
func (d *Digest) Reset() {
	d.h.Reset()
	d.n = 0
}

// SumFile is the digest of a whole file.
func SumFile(f disk.File) (Sum, error) {
	size, err := f.Size()
	if err != nil {
		return Sum{}, err
	}
	var d Digest
	_, err = io.Copy(&d, io.NewSectionReader(f, 0, size))
	return d.Sum(), err
}
