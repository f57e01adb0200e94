package wal

// tape holds the stream bytes that may have to be written, or written again: from the last position that needs them no
// more to the end of what was committed. Bytes once on it do not move, so a slice of them stays good without the lock
// until they are dropped.
type tape struct {
	chunks []*chunk // oldest first; all but the last are full
	spare  []*chunk
	first  LSN // of the oldest byte
	end    LSN // behind the newest
	peak   int // most chunks in use since the last trim
}

// chunkSize is what the tape grows by, in bytes. A group commit of fifty clients fits in.
const chunkSize = 64 << 10

type chunk struct {
	start LSN
	n     int
	buf   [chunkSize]byte
}

func (t *tape) reset(at LSN) {
	t.recycle(len(t.chunks))
	t.first, t.end = at, at
}

// append copies p behind the end.
func (t *tape) append(p []byte) {
	for len(p) > 0 {
		var c *chunk
		if k := len(t.chunks); k > 0 && t.chunks[k-1].n < chunkSize {
			c = t.chunks[k-1]
		} else {
			c = t.grow()
		}
		n := copy(c.buf[c.n:], p)
		c.n += n
		t.end += LSN(n)
		p = p[n:]
	}
}

func (t *tape) grow() *chunk {
	var c *chunk
	if k := len(t.spare); k > 0 {
		c, t.spare = t.spare[k-1], t.spare[:k-1]
	} else {
		c = new(chunk)
	}
	c.start, c.n = t.end, 0
	t.chunks = append(t.chunks, c)
	t.peak = max(t.peak, len(t.chunks))
	return c
}

// piece returns the bytes from position from on that lie together, at most up to position to.
func (t *tape) piece(from, to LSN) []byte {
	c := t.chunks[(from-t.chunks[0].start)/chunkSize]
	return c.buf[from-c.start : min(to-c.start, LSN(c.n))]
}

// drop forgets what lies before position to.
func (t *tape) drop(to LSN) {
	t.first = max(t.first, to)
	done := 0
	for done < len(t.chunks) && t.chunks[done].start+LSN(t.chunks[done].n) <= to {
		done++
	}
	if done > 0 && done == len(t.chunks) && t.chunks[done-1].n < chunkSize {
		// The last chunk is empty now and begins anew.
		done--
		last := t.chunks[done]
		last.start, last.n = t.end, 0
	}
	t.recycle(done)
}

// recycle takes the oldest n chunks off.
func (t *tape) recycle(n int) {
	if n == 0 {
		return
	}
	t.spare = append(t.spare, t.chunks[:n]...)
	kept := copy(t.chunks, t.chunks[n:])
	clear(t.chunks[kept:])
	t.chunks = t.chunks[:kept]
}

// mostSpare is how many chunks lie ready at most: one huge value must not hold its size until the next sync, which on a
// server at rest never comes.
const mostSpare = 16 << 20 / chunkSize

// trim gives spare chunks to the collector that were not needed since the last trim.
func (t *tape) trim() {
	keep := min(max(t.peak-len(t.chunks), 1), mostSpare)
	if keep < len(t.spare) {
		clear(t.spare[keep:])
		t.spare = t.spare[:keep]
	}
	t.peak = len(t.chunks)
}
