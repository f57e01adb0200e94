package snapshot

import (
	"encoding/binary"
	"io"
	"sync"

	"frankenredis/snapshot/crc64"
)

// blockBytes is how much is read at a time: large enough that reading costs nothing beside decoding, small enough for
// the second-level cache. blockCount blocks travel between reading and decoding.
const (
	blockBytes = 256 << 10
	blockCount = 3
	// headroom is the space before a block's bytes that holds the last bytes of the block before, so that a short
	// element never lies in two places.
	headroom = 64
)

// block is a piece of the input.
type block struct {
	mem []byte // headroom, then the bytes
	n   int    // bytes read, behind the headroom
	crc uint64 // checksum of all input before mem[0]
	err error  // what ended the input behind these bytes
}

// source gives the decoder the input in order, reading and summing ahead of it on a goroutine of its own.
type source struct {
	win  []byte // bytes not yet used, inside the current block
	end  int64  // position of the end of win
	cur  *block
	base int64 // position of the current block's first byte (behind the headroom)
	err  error
	// failedAt is where the run of bytes begins that the input's end cut short; -1: none.
	failedAt int64

	full, free chan *block   // full: sent and closed by the reading goroutine; free: sent by the decoder
	stop       chan struct{} // closed by close
	ended      sync.WaitGroup
}

func newSource(r io.Reader, sum bool) *source {
	s := &source{full: make(chan *block, blockCount), free: make(chan *block, blockCount), stop: make(chan struct{}), failedAt: -1}
	for range blockCount {
		s.free <- new(block)
	}
	s.ended.Go(func() { s.readAhead(r, sum) })
	return s
}

// readAhead runs until the input ends or close is called.
func (s *source) readAhead(r io.Reader, sum bool) {
	defer close(s.full)
	// Each block's sum begins headroom bytes before it, where its memory begins. Before the first block these are zeros,
	// which leave a sum of 0 as it is.
	crc := uint64(0)
	var last [headroom]byte
	// The first block is small, so that decoding begins at once, and so that a short input costs little.
	size := 16 << 10
	for {
		var b *block
		select {
		case b = <-s.free:
		case <-s.stop:
			return
		}
		if len(b.mem) < headroom+size {
			b.mem = make([]byte, headroom+size)
		}
		b.n, b.err = io.ReadFull(r, b.mem[headroom:headroom+size])
		if b.err == io.ErrUnexpectedEOF {
			b.err = io.EOF
		}
		copy(b.mem, last[:])
		copy(last[:], b.mem[b.n:])
		b.crc = crc
		if sum {
			crc = crc64.Update(crc, b.mem[:b.n])
		}
		select {
		case s.full <- b:
		case <-s.stop:
			return
		}
		if b.err != nil {
			return
		}
		size = blockBytes
	}
}

// close stops reading ahead and waits for the goroutine. A Read that blocks must be ended by its owner.
func (s *source) close() {
	close(s.stop)
	s.ended.Wait()
}

// pos is the position of the next byte to be used.
func (s *source) pos() int64 { return s.end - int64(len(s.win)) }

// more makes the window longer by moving on to the next block. It may be called with at most headroom bytes unused.
func (s *source) more() error {
	if s.err != nil {
		return s.err
	}
	b, ok := <-s.full
	if !ok {
		s.err = io.EOF
		return s.err
	}
	start := headroom - len(s.win) // the headroom holds the end of the block before, of which win is the end
	if s.cur != nil {
		s.free <- s.cur
	}
	s.cur, s.err, s.base = b, b.err, s.end
	s.win = b.mem[start : headroom+b.n]
	s.end += int64(b.n)
	return nil
}

// usedUp is the position up to which whole values were used: before a run of bytes that the input's end cut short, else pos.
func (s *source) usedUp() int64 {
	if s.failedAt >= 0 {
		return s.failedAt
	}
	return s.pos()
}

// need makes at least n bytes (n <= headroom) visible in win.
func (s *source) need(n int) error {
	for len(s.win) < n {
		if err := s.more(); err != nil {
			return readFailure(err)
		}
	}
	return nil
}

func (s *source) readByte() (byte, error) {
	if len(s.win) == 0 {
		if err := s.need(1); err != nil {
			return 0, err
		}
	}
	c := s.win[0]
	s.win = s.win[1:]
	return c, nil
}

// readLen reads a length. With encoded, n is the number of a string encoding instead.
func (s *source) readLen() (n uint64, encoded bool, err error) {
	c, err := s.readByte()
	if err != nil {
		return 0, false, err
	}
	switch c >> 6 {
	case len6:
		return uint64(c), false, nil
	case len14:
		low, err := s.readByte()
		return uint64(c&0x3f)<<8 | uint64(low), false, err
	case lenEnc:
		return uint64(c & 0x3f), true, nil
	}
	switch c {
	case len32:
		if err := s.need(4); err != nil {
			return 0, false, err
		}
		n = uint64(binary.BigEndian.Uint32(s.win))
		s.win = s.win[4:]
		return n, false, nil
	case len64:
		if err := s.need(8); err != nil {
			return 0, false, err
		}
		n = binary.BigEndian.Uint64(s.win)
		s.win = s.win[8:]
		return n, false, nil
	}
	return 0, false, ErrCorrupt
}

// skip uses up n bytes.
func (s *source) skip(n uint64) error {
	begin := s.pos()
	for n > uint64(len(s.win)) {
		n -= uint64(len(s.win))
		s.win = s.win[len(s.win):]
		if err := s.more(); err != nil {
			s.failedAt = begin
			return readFailure(err)
		}
	}
	s.win = s.win[n:]
	return nil
}

// take uses up n bytes if they lie in one piece, and returns them as long as nothing else is asked.
func (s *source) take(n uint64) ([]byte, bool) {
	if n > uint64(len(s.win)) {
		return nil, false
	}
	p := s.win[:n]
	s.win = s.win[n:]
	return p, true
}

// appendBytes appends the next n bytes to dst, which grows as they arrive.
func (s *source) appendBytes(dst []byte, n uint64) ([]byte, error) {
	begin := s.pos()
	for n > uint64(len(s.win)) {
		dst = append(dst, s.win...)
		n -= uint64(len(s.win))
		s.win = s.win[len(s.win):]
		if err := s.more(); err != nil {
			s.failedAt = begin
			return dst, readFailure(err)
		}
	}
	dst = append(dst, s.win[:n]...)
	s.win = s.win[n:]
	return dst, nil
}

// sum is the checksum of all input used so far.
func (s *source) sum() uint64 {
	return crc64.Update(s.cur.crc, s.cur.mem[:headroom+int(s.pos()-s.base)])
}
