package heal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/klauspost/reedsolomon"
	"golang.org/x/sys/cpu"
)

// errCodec says that encoder and decoder do not agree: the machine computes wrongly.
var errCodec = errors.New("the parity just computed does not give the data back")

// codec encodes stripes and solves rows. Not for concurrent use.
type codec struct {
	Profile
	encoders // nil for copies
	rng      *rand.Rand
	yield    func()

	scratch []byte   // of encodeGroups: the parity of a group
	group   [][]byte // its shards
}

// encoders are the same code with and without vector instructions. Any goroutine may use them.
type encoders struct {
	fast, plain reedsolomon.Encoder
	groups      []reedsolomon.Encoder // of the data shards, groupShards each; nil where fast alone is faster
}

// encodersOf makes those of a profile once: its matrix takes milliseconds, as long as reading several megabytes.
var encodersOf = map[Profile]func() (encoders, error){
	asCopies:    func() (encoders, error) { return encoders{}, nil },
	Profile64x4: sync.OnceValues(Profile64x4.encoders),
	Profile64x8: sync.OnceValues(Profile64x8.encoders),
	Profile16x8: sync.OnceValues(Profile16x8.encoders),
}

func (p Profile) encoders() (e encoders, err error) {
	if e.fast, err = reedsolomon.New(p.K, p.M, reedsolomon.WithMaxGoroutines(1)); err != nil {
		return e, err
	}
	e.plain, err = reedsolomon.New(p.K, p.M, reedsolomon.WithMaxGoroutines(1), reedsolomon.WithSSSE3(false), reedsolomon.WithSSE2(false),
		reedsolomon.WithAVX2(false), reedsolomon.WithAVX512(false), reedsolomon.WithGFNI(false), reedsolomon.WithAVXGFNI(false))
	if err == nil && cpu.X86.HasAVX512GFNI {
		e.groups, err = p.groupEncoders(e.plain)
	}
	return e, err
}

// newCodec makes one of a known profile, which calls yield now and then while it encodes a stripe.
func newCodec(p Profile, seed uint64, yield func()) (*codec, error) {
	e, err := encodersOf[p]()
	return &codec{Profile: p, encoders: e, rng: rand.New(rand.NewPCG(seed, 0)), yield: yield}, err
}

// checked is how many bytes of each cell of a row the self-check decodes. The code works byte by byte: more of them find no other faults
// of the machine, and all of a row's took as long as a third of the encoding.
const checked = 512

// encode fills the parity of a stripe: data holds K shards of rows cells, parity has room for M. A part of one row, chosen at random, is
// then decoded without vector instructions from a random choice of its cells and compared.
func (c *codec) encode(data, parity []byte, rows int) error {
	return c.encodeBand(data, parity, rows, true)
}

// encodeBand is encode for some rows of a stripe; check tells whether a part of one of them is decoded.
func (c *codec) encodeBand(data, parity []byte, rows int, check bool) error {
	n := rows * cellSize
	if c.fast == nil {
		for j := range c.M {
			copy(parity[j*n:(j+1)*n], data)
		}
		return nil
	}
	shards := make([][]byte, c.K+c.M)
	for i := range shards {
		if i < c.K {
			shards[i] = data[i*n : (i+1)*n]
		} else {
			shards[i] = parity[(i-c.K)*n : (i-c.K+1)*n]
		}
	}
	band := make([][]byte, len(shards))
	for at := 0; at < n; at += bandBytes {
		for i, shard := range shards {
			band[i] = shard[at:min(at+bandBytes, n)]
		}
		if err := c.encodeShards(band); err != nil {
			return err
		}
		c.yield()
	}
	if !check {
		return nil
	}
	r := c.rng.IntN(rows)
	at := r*cellSize + c.rng.IntN(cellSize/checked)*checked
	row := make([][]byte, len(shards))
	for i := range row {
		row[i] = shards[i][at : at+checked : at+checked]
	}
	gone := c.rng.Perm(c.K)[:c.M]
	for _, i := range gone {
		row[i] = nil
	}
	if err := c.plain.ReconstructData(row); err != nil {
		return err
	}
	for _, i := range gone {
		if !bytes.Equal(row[i], shards[i][at:at+checked]) {
			return fmt.Errorf("row %d: %w", r, errCodec)
		}
	}
	return nil
}

// encodeShards fills the parity shards from the data shards, which have at most bandBytes.
func (c *codec) encodeShards(shards [][]byte) error {
	if c.groups != nil {
		return c.encodeGroups(shards[:c.K], shards[c.K:])
	}
	return c.fast.Encode(shards)
}

// solve fills the data cells that are missing (nil) in a row of K+M cells; false: too many are.
func (c *codec) solve(row [][]byte) bool {
	if c.fast == nil {
		for _, p := range row {
			if p != nil {
				row[0] = bytes.Clone(p)
				return true
			}
		}
		return false
	}
	return c.fast.ReconstructData(row) == nil
}
