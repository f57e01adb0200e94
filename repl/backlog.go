package repl

import "frankenredis/wal"

// Backlog is the stream's latest bytes, from which a replica that was away for a while goes on. The executor's.
type Backlog struct {
	ring []byte
	at   int // where the next byte goes
	held int
	end  wal.LSN
}

// NewBacklog makes a backlog of size bytes that begins at a position.
func NewBacklog(size int64, at wal.LSN) *Backlog {
	return &Backlog{ring: make([]byte, size), end: at}
}

// Append takes the bytes that follow.
func (b *Backlog) Append(p []byte) {
	b.end += wal.LSN(len(p))
	if len(p) >= len(b.ring) {
		copy(b.ring, p[len(p)-len(b.ring):])
		b.at, b.held = 0, len(b.ring)
		return
	}
	n := copy(b.ring[b.at:], p)
	copy(b.ring, p[n:])
	b.at = (b.at + len(p)) % len(b.ring)
	b.held = min(b.held+len(p), len(b.ring))
}

// Resize keeps as much as fits.
func (b *Backlog) Resize(size int64) {
	if size == int64(len(b.ring)) {
		return
	}
	keep := b.From(b.end - wal.LSN(min(b.held, int(size))))
	end := b.end
	*b = *NewBacklog(size, end-wal.LSN(len(keep)))
	b.Append(keep)
}

// Has says whether everything from a position on is there.
func (b *Backlog) Has(at wal.LSN) bool { return at <= b.end && b.end-at <= wal.LSN(b.held) }

// From copies everything from a position on that it has.
func (b *Backlog) From(at wal.LSN) []byte {
	n := int(b.end - at)
	p := make([]byte, 0, n)
	from := b.at - n
	if from < 0 {
		from += len(b.ring)
		if first := b.ring[from:]; len(first) < n {
			p = append(p, first...)
			return append(p, b.ring[:n-len(first)]...)
		}
	}
	return append(p, b.ring[from:from+n]...)
}

// End is the position behind the last byte, Len how many bytes there are, Size how many there may be.
func (b *Backlog) End() wal.LSN { return b.end }
func (b *Backlog) Len() int     { return b.held }
func (b *Backlog) Size() int    { return len(b.ring) }
