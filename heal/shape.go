package heal

import "encoding/binary"

// Profile is a code: K data shards and M parity shards a stripe.
type Profile struct{ K, M int }

// The profiles. Small files are kept as copies whatever was asked for.
var (
	Profile64x4 = Profile{64, 4}
	Profile64x8 = Profile{64, 8} // the default
	Profile16x8 = Profile{16, 8}
	asCopies    = Profile{1, copies}
)

func (p Profile) known() bool {
	return p == Profile64x4 || p == Profile64x8 || p == Profile16x8 || p == asCopies
}

// shape is how a file of one size lies in stripes.
type shape struct {
	Profile
	size int64 // bytes
}

func shapeOf(size int64, p Profile) shape {
	if size < smallSize {
		p = asCopies
	}
	return shape{p, size}
}

// stripeBytes is the room of a full stripe. The only stripe of a small file is never full.
func (s shape) stripeBytes() int64 { return int64(s.K) * shardSize }

func (s shape) stripes() int { return int((s.size + s.stripeBytes() - 1) / s.stripeBytes()) }

// survived is how many bytes in a row, at any offset, every stripe can lose at least, however short it is: a block of that size may go bad
// in the smallest of files.
const survived = 64 << 10

// leastRows is how many rows a stripe has at least: a block of survived bytes touches one cell more than it has, and each row can miss M of them.
func (p Profile) leastRows() int {
	if p == asCopies {
		return 1
	}
	return (survived/cellSize + 1 + p.M - 1) / p.M
}

// stripe describes stripe i: where it begins, its bytes, its rows (cells a shard), and its cells that hold bytes of the file.
func (s shape) stripe(i int) (off int64, n, rows, cells int) {
	off = int64(i) * s.stripeBytes()
	n = int(min(s.stripeBytes(), s.size-off))
	perShard := (n + s.K - 1) / s.K
	return off, n, max((perShard+cellSize-1)/cellSize, s.leastRows()), (n + cellSize - 1) / cellSize
}

// burst is how many bytes in a row can be lost in each stripe, at any offset: the last stripe decides.
func (s shape) burst() int64 {
	if s.size == 0 {
		return 0
	}
	if s.Profile == asCopies {
		return s.size
	}
	_, _, rows, _ := s.stripe(s.stripes() - 1)
	return int64(s.M*rows*cellSize - cellSize)
}

// packets is how many packets a whole sidecar has, and how many bytes.
func (s shape) packets(name string) (packets int, bytes int64) {
	packets, bytes = copies, copies*int64(headerSize+16+len(name))
	for i := range s.stripes() {
		_, _, rows, cells := s.stripe(i)
		packets += copies + s.M*rows
		bytes += copies*int64(headerSize+16*cells) + int64(s.M*rows)*(headerSize+cellSize)
	}
	return packets, bytes
}

// info is the payload of the info packet.
func (s shape) info(name string) []byte {
	p := binary.LittleEndian.AppendUint64(nil, uint64(s.size))
	p = binary.LittleEndian.AppendUint16(p, uint16(s.K))
	p = binary.LittleEndian.AppendUint16(p, uint16(s.M))
	return append(binary.LittleEndian.AppendUint32(p, cellSize), name...)
}

// root is the root over the digests of all data cells.
func (d digester) root(b bound, s shape, tables [][]byte) Sum {
	h := d.hash()
	p := binary.LittleEndian.AppendUint64(b.head(), uint64(s.size))
	p = binary.LittleEndian.AppendUint16(p, uint16(s.K))
	h.Write(binary.LittleEndian.AppendUint16(p, uint16(s.M)))
	for _, t := range tables {
		h.Write(t)
	}
	return Sum(h.Sum(nil)[:16])
}
