package resp

const (
	// leastSpace is the least room in bytes that a read is worth making; Space gives that much even if asked for less.
	leastSpace = 2 << 10
	// firstBig is the most that is set aside for a big argument on the mere claim of its header.
	firstBig = 256 << 10
	// A big block grows fourfold up to slowGrowth bytes and twofold from there.
	slowGrowth = 16 << 20
)

// Space returns where to put the next bytes of the connection. It is at least atLeast bytes long, save when it is the rest
// of a big argument: then it ends with that argument and may be shorter, though never empty. It takes back the command
// that was handed out last.
//
// Where bytes go: a command is read into blk and its arguments are slices of it. When blk is full and arguments of
// the unfinished command lie in it, it is set aside and reading goes on in a fresh block of up to twice the size, to
// which only the unparsed tail is copied (a header, or less than bigArg bytes of an argument). A big argument gets a
// block of its own that grows as its bytes arrive and never beyond them by more than fourfold plus 256 KiB; what was in
// blk of it is copied once. Where more than 1 MiB is wanted, the block becomes a mapping of the whole length, which takes
// memory as it is written to: no more than 1 MiB of an argument is ever copied. Where the system has no such mapping it
// goes on growing, twofold from 16 MiB.
func (r *Reader) Space(atLeast int) []byte {
	r.recycle()
	if r.bigMissing() > 0 {
		return r.bigSpace()
	}
	room := max(atLeast, leastSpace)
	switch {
	case r.blk == nil:
		r.adopt(newBlock(room))
	case cap(r.buf)-len(r.buf) < room:
		r.makeRoom(room)
	}
	return r.buf[len(r.buf):cap(r.buf)]
}

// Filled tells r that n bytes were read into the last Space.
func (r *Reader) Filled(n int) {
	r.fed += int64(n)
	if r.bigMissing() > 0 {
		r.bigFilled += n
		return
	}
	r.buf = r.buf[:len(r.buf)+n]
}

// Feed copies p in, for callers that have the bytes already. It takes back the command that was handed out last.
func (r *Reader) Feed(p []byte) {
	for len(p) > 0 {
		n := copy(r.Space(1), p)
		r.Filled(n)
		p = p[n:]
	}
}

// adopt makes b the block to read into, and takes over its argument list if r has none. The list leaves the block: two
// Readers must never share one.
func (r *Reader) adopt(b *block) {
	r.blk, r.buf, r.pos = b, b.mem[:0], 0
	if r.argv == nil {
		r.argv, b.argv = b.argv, nil
		if r.argv == nil {
			r.argv = make([][]byte, 0, argvStart)
		}
	}
}

// makeRoom sees to it that room more bytes fit behind buf.
func (r *Reader) makeRoom(room int) {
	tail := r.buf[r.pos:]
	pinned := len(r.argv) > 0 // arguments that were parsed before lie in blk
	need := len(tail) + room
	if r.want > 0 && r.length >= 0 && r.length < bigArg {
		need = max(need, int(r.length)+2)
	}
	if !pinned && need <= cap(r.buf) && len(tail) <= r.pos {
		// What is moved is no more than what was parsed since the last time, so moving costs a byte at most one
		// copy on average.
		r.buf = r.buf[:copy(r.buf, tail)]
		r.pos = 0
		return
	}
	if pinned {
		need = max(need, min(2*cap(r.buf), largestPooled))
	} else {
		need = max(need, 2*len(tail))
	}
	old := r.blk
	r.adopt(newBlock(need))
	r.buf = r.buf[:copy(r.blk.mem, tail)]
	if pinned {
		r.held = append(r.held, old)
	} else {
		old.free()
	}
}

// bigMissing is the number of bytes that the open big argument lacks; 0 if there is none.
func (r *Reader) bigMissing() int64 {
	if r.big == nil {
		return 0
	}
	return r.length + 2 - int64(r.bigFilled)
}

// startBig opens a block for an argument that has begun to arrive, and moves there what is here of it.
func (r *Reader) startBig() {
	tail := r.buf[r.pos:]
	r.big = newBlock(int(min(r.length+2, int64(max(2*len(tail), firstBig)))))
	r.bigFilled = copy(r.big.mem, tail)
	r.pos = len(r.buf)
}

// bigSpace returns the free part of the big block, and grows the block if it is full.
func (r *Reader) bigSpace() []byte {
	whole := r.length + 2
	if r.bigFilled == len(r.big.mem) {
		next := 4 * int64(r.bigFilled)
		if r.bigFilled >= slowGrowth {
			next = 2 * int64(r.bigFilled)
		}
		var b *block
		if next > largestPooled {
			b = mapBlock(int(whole))
		}
		if b == nil {
			b = newBlock(int(min(whole, next)))
		}
		copy(b.mem, r.big.mem)
		r.big.free()
		r.big = b
	}
	return r.big.mem[r.bigFilled:min(whole, int64(len(r.big.mem)))]
}

// finishBig makes the big block an argument.
func (r *Reader) finishBig() {
	r.argv = append(r.argv, r.big.mem[:r.length:r.length])
	r.held = append(r.held, r.big)
	r.big, r.bigFilled = nil, 0
}

// recycle takes back the command that was handed out.
func (r *Reader) recycle() {
	if !r.taken {
		return
	}
	r.taken = false
	if len(r.held) > 0 {
		clear(r.argv) // else the list would keep alive what the pools let go
		r.freeHeld()
	}
	r.argv = r.argv[:0]
}

func (r *Reader) freeHeld() {
	for i, b := range r.held {
		b.free()
		r.held[i] = nil
	}
	r.held = r.held[:0]
}

// rewind begins buf anew; all of it is parsed and no argument points into it. A block that had to be larger than
// usual is given back at once.
func (r *Reader) rewind() {
	if r.blk == nil {
		return
	}
	r.buf, r.pos = r.buf[:0], 0
	if len(r.blk.mem) > standardBlock {
		r.drop()
	}
}

// drop gives blk back, and with it the argument list, which is empty.
func (r *Reader) drop() {
	if cap(r.argv) <= argvKept {
		r.blk.argv = r.argv[:0]
	}
	r.blk.free()
	r.blk, r.buf, r.pos, r.argv = nil, nil, 0, nil
}

// Release gives all memory back to the pools if r is idle; otherwise it only takes back the command that was handed out
// last. It costs little: call it, or Keep, whenever the input of a connection is used up.
func (r *Reader) Release() {
	r.recycle()
	if r.blk != nil && r.Idle() {
		r.drop()
	}
}

// Keep is Release that keeps an ordinary block with the argument list for the next read.
func (r *Reader) Keep() {
	r.recycle()
	if r.Idle() {
		r.rewind()
	}
}

// Reset gives all memory back to the pools and makes r as new, whatever state it is in.
func (r *Reader) Reset() {
	clear(r.argv)
	r.argv = r.argv[:0]
	r.freeHeld()
	if r.big != nil {
		r.big.free()
	}
	if r.blk != nil {
		r.drop()
	}
	*r = Reader{}
}

// Promised is how much memory in bytes beyond Size the big argument that is arriving will take by its header; 0: none is, or it has
// its memory.
func (r *Reader) Promised() int {
	if r.big == nil {
		return 0
	}
	have := len(r.big.mem)
	if r.big.unmap != nil {
		have = r.bigFilled
	}
	return max(int(r.length)+2-have, 0)
}

// Size is the memory in bytes that r holds for input. An argument list counts only if it is longer than usual.
func (r *Reader) Size() int {
	n := 0
	if r.blk != nil {
		n += len(r.blk.mem)
	}
	if r.big != nil && r.big.unmap != nil {
		n += r.bigFilled
	} else if r.big != nil {
		n += len(r.big.mem)
	}
	for _, b := range r.held {
		n += len(b.mem)
	}
	if c := cap(r.argv); c > argvTrusted {
		const sliceHeader = 24
		n += c * sliceHeader
	}
	return n
}
