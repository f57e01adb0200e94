package crashfs

import (
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole or not at all, in bytes.
const sectorSize = 512

// inode is a file or a folder. Under FS.mu.
type inode struct {
	mtime int64 // number of the operation that changed it last

	// A file.
	data   []byte // as everybody sees it
	shared int    // so many bytes at its beginning belong to others too, and are copied before they change
	disk   []byte // as the last sync left it; never changed
	// pending are the changes since, oldest first, as far as a sync could still save them.
	pending []change
	// lost are sectors whose content a failed sync gave up: readable, clean, and not on the disk.
	lost map[int64]bool
	room int64 // bytes reserved by Preallocate
	// gone says that no name leads to it: it takes up no space.
	gone bool

	// A folder, if names is not nil.
	names   map[string]*inode // as everybody sees them
	durable map[string]*inode // as the disk has them
}

// change is a write of data at off, or a truncation to off bytes.
type change struct {
	off      int64
	data     []byte
	truncate bool
}

func (n *inode) isDir() bool { return n.names != nil }

// own makes the bytes from off on changeable.
func (n *inode) own(off int64) {
	if off < int64(n.shared) {
		n.data, n.shared = slices.Clone(n.data), 0
	}
}

// share lets somebody else have what data is now.
func (n *inode) share() []byte {
	n.shared = max(n.shared, len(n.data))
	return n.data[:len(n.data):len(n.data)]
}

// resize cuts data or fills it up with zeros.
func (n *inode) resize(size int64) {
	if grow := size - int64(len(n.data)); grow > 0 {
		n.own(int64(len(n.data)))
		n.data = append(n.data, make([]byte, grow)...)
	} else {
		n.data = n.data[:size]
	}
}

func (n *inode) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	end := off + int64(len(p))
	if size := int64(len(n.data)); off == size { // at the end: nothing is zeroed first
		n.own(size)
		n.data = append(n.data, p...)
	} else {
		if end > size {
			n.resize(end)
		}
		n.own(off)
		copy(n.data[off:], p)
	}
	// A page that a failed sync gave up is dirty again, with all it holds.
	from, to := off, end
	for s := off / sectorSize; s*sectorSize < end; s++ {
		if n.lost[s] {
			delete(n.lost, s)
			from, to = min(from, s*sectorSize), max(to, min((s+1)*sectorSize, int64(len(n.data))))
		}
	}
	n.pending = append(n.pending, change{off: from, data: slices.Clone(n.data[from:to])})
}

func (n *inode) truncate(size int64) {
	n.resize(size)
	for s := range n.lost {
		if s*sectorSize >= size {
			delete(n.lost, s)
		}
	}
	n.pending = append(n.pending, change{off: size, truncate: true})
}

// sync makes everything durable that can still be.
func (n *inode) sync() {
	if len(n.lost) == 0 {
		n.disk = n.share()
	} else {
		p := slices.Clone(n.data)
		for s := range n.lost {
			restore(p, n.disk, s)
		}
		n.disk = p
	}
	n.pending = nil
}

// restore gives sector s of p the content it has in disk.
func restore(p, disk []byte, s int64) {
	at, end := min(s*sectorSize, int64(len(p))), min((s+1)*sectorSize, int64(len(p)))
	if at == end {
		return
	}
	clear(p[at:end])
	if at < int64(len(disk)) {
		copy(p[at:end], disk[at:])
	}
}

// syncFailed is a sync that returned an error.
func (n *inode) syncFailed(after AfterSync, rng *rand.Rand) {
	if len(n.pending) == 0 || after == KeepDirty {
		return
	}
	if after == Drop {
		n.data, n.shared = slices.Clone(n.disk), 0
		n.pending, n.lost = nil, nil
		return
	}
	touched := n.touched()
	if after == Partial {
		n.disk = n.crash(jumbled, rng)
	}
	if n.lost == nil {
		n.lost = make(map[int64]bool)
	}
	for _, s := range touched {
		if at := s * sectorSize; at < int64(len(n.data)) {
			seen, there := make([]byte, sectorSize), make([]byte, sectorSize)
			copy(seen, n.data[at:])
			if at < int64(len(n.disk)) {
				copy(there, n.disk[at:])
			}
			if !slices.Equal(seen, there) {
				n.lost[s] = true
			}
		}
	}
	n.pending = nil
	if len(n.data) != len(n.disk) {
		n.pending = []change{{off: int64(len(n.data)), truncate: true}} // the size is metadata, and not given up
	}
}

// touched are the sectors that a pending change may have changed, in order.
func (n *inode) touched() []int64 {
	var all []int64
	size := int64(len(n.disk))
	for _, c := range n.pending {
		end := c.off + int64(len(c.data))
		after := max(size, end)
		if c.truncate {
			end, after = max(size, end), c.off
		}
		for s := c.off / sectorSize; s*sectorSize < end; s++ {
			all = append(all, s)
		}
		size = after
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// style is what a power loss does to what is pending.
type style int

const (
	nothing    style = iota // of it survives
	everything              // survives, as if it had been synced
	ordered                 // a prefix survives, the last change torn
	jumbled                 // any sectors survive, in any order; what is missing is zeros
	garbled                 // likewise, but what is missing may be garbage
	styles
)

// crash is what the file holds after a power loss.
func (n *inode) crash(how style, rng *rand.Rand) []byte {
	count := len(n.pending)
	if how == nothing || count == 0 {
		return n.disk
	}
	touched := n.touched()
	state := make(map[int64]int, len(touched)) // how many of the changes a sector has seen
	sizes := make([]int64, 1, count+1)         // behind so many changes
	sizes[0] = int64(len(n.disk))
	for i, c := range n.pending {
		size := sizes[i]
		if end := c.off + int64(len(c.data)); c.truncate || end > size {
			size = end
		}
		sizes = append(sizes, size)
	}
	sized := count // the size has seen so many
	switch how {
	case everything:
		for _, s := range touched {
			state[s] = count
		}
	case ordered:
		whole := rng.IntN(count + 1)
		sized = whole
		for _, s := range touched {
			state[s] = whole
		}
		if whole < count {
			c := n.pending[whole]
			tear := c.off + rng.Int64N(int64(len(c.data))+1)
			for s := c.off / sectorSize; (s+1)*sectorSize <= tear; s++ {
				state[s] = whole + 1
			}
			sized += rng.IntN(2)
		}
	default:
		if rng.IntN(2) == 0 {
			sized = rng.IntN(count + 1)
		}
		for _, s := range touched {
			least, most := n.bounds(s, sized)
			switch state[s] = most; rng.IntN(3) {
			case 0:
				state[s] = least
			case 1:
				state[s] = least + rng.IntN(most-least+1)
			}
		}
	}
	p := n.replay(state, sizes[sized])
	if how == garbled {
		n.garble(p, touched, state, rng)
	}
	return p
}

// bounds says how many changes sector s has seen at least and at most when the size has seen so many: a truncation and
// what it does to the bytes it cuts cannot be told apart.
func (n *inode) bounds(s int64, sized int) (least, most int) {
	most = len(n.pending)
	for i, c := range n.pending {
		if !c.truncate || (s+1)*sectorSize <= c.off {
			continue
		}
		if i < sized {
			least = i + 1
		} else {
			return least, i
		}
	}
	return least, most
}

// replay applies to each sector the changes it has seen.
func (n *inode) replay(state map[int64]int, size int64) []byte {
	p := slices.Clone(n.disk)
	each := func(from, to int64, seen int, do func(from, to int64)) {
		for at := from; at < to; {
			s := at / sectorSize
			end := min((s+1)*sectorSize, to)
			if state[s] > seen {
				do(at, end)
			}
			at = end
		}
	}
	for i, c := range n.pending {
		end := c.off + int64(len(c.data))
		if c.truncate {
			each(c.off, int64(len(p)), i, func(from, to int64) { clear(p[from:to]) })
		}
		if grow := end - int64(len(p)); grow > 0 {
			p = append(p, make([]byte, grow)...)
		}
		each(c.off, end, i, func(from, to int64) { copy(p[from:to], c.data[from-c.off:]) })
	}
	if grow := size - int64(len(p)); grow > 0 {
		p = append(p, make([]byte, grow)...)
	}
	return p[:size:size]
}

// garble puts garbage into sectors that were in flight and hold no durable byte.
func (n *inode) garble(p []byte, touched []int64, state map[int64]int, rng *rand.Rand) {
	for _, s := range touched {
		at := s * sectorSize
		if at < int64(len(n.disk)) || at >= int64(len(p)) || state[s] == len(n.pending) || rng.IntN(2) == 0 {
			continue
		}
		sector := p[at:min(at+sectorSize, int64(len(p)))]
		if other := rng.Int64N(int64(len(n.data))/sectorSize + 1); rng.IntN(2) == 0 && other*sectorSize < int64(len(n.data)) {
			copy(sector, n.data[other*sectorSize:])
			continue
		}
		for i := range sector {
			sector[i] = byte(rng.IntN(256))
		}
	}
}
