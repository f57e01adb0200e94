package wire

// Reply buffers. A client keeps one of up to replyKeep bytes between turns. Turns that make more get one from a shared pool and
// give it back when it has been sent: a client with a long pipeline or a busy channel would otherwise grow its buffer anew in
// each turn, and copy and clear what it sends several times over.

// bigSizes are the sizes of buffers in the pool, in bytes.
var bigSizes = [...]int{64 << 10, 160 << 10, 256 << 10, 1 << 20}

// bigPool holds buffers that nobody uses. Executor only.
type bigPool struct {
	free [len(bigSizes)][][]byte
	idle [len(bigSizes)]int // fewest free at any time since the last trim: these were not needed
	held int                // bytes in free
}

// maxPooled bounds what the pool holds, in bytes.
const maxPooled = 16 << 20

// take returns an empty buffer for at least n bytes, one with a size of the pool's if there is such.
func (p *bigPool) take(n int) []byte {
	for i, size := range bigSizes {
		if n > size {
			continue
		}
		list := p.free[i]
		if len(list) == 0 {
			return make([]byte, 0, size)
		}
		b := list[len(list)-1]
		list[len(list)-1] = nil
		p.free[i] = list[:len(list)-1]
		p.idle[i] = min(p.idle[i], len(p.free[i]))
		p.held -= cap(b)
		return b
	}
	return make([]byte, 0, n)
}

// give takes back a buffer that is empty now, if it has a size of the pool's.
func (p *bigPool) give(b []byte) {
	if p.held+cap(b) > maxPooled {
		return
	}
	for i, size := range bigSizes {
		if cap(b) == size {
			p.free[i] = append(p.free[i], b[:0])
			p.held += size
			return
		}
	}
}

// trim lets go of what was not needed since the last time.
func (p *bigPool) trim() {
	for i, list := range p.free {
		left := len(list) - p.idle[i]
		p.held -= p.idle[i] * bigSizes[i]
		clear(list[left:])
		p.free[i] = list[:left]
		p.idle[i] = left
	}
}
