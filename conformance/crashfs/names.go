package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// entry is a name in a folder.
type entry struct {
	dir  *inode
	name string
}

// nameChange gives names to inodes, in one step: one of its parts, or two for a rename.
type nameChange []namePart

// namePart leads entry to node, or to nothing if node is nil.
type namePart struct {
	entry
	node *inode
}

// change does parts to the folders, and leaves it pending.
func (f *FS) change(parts ...namePart) {
	for _, p := range parts {
		if p.node == nil {
			delete(p.dir.names, p.name)
		} else {
			p.dir.names[p.name] = p.node
		}
		p.dir.mtime = int64(f.n)
	}
	f.pending = append(f.pending, parts)
}

// syncNames makes the names in dir durable.
func (f *FS) syncNames(dir *inode) {
	chosen := closed(f.pending, func(_ int, c nameChange) bool {
		return slices.ContainsFunc(c, func(p namePart) bool { return p.dir == dir })
	})
	var left []nameChange
	for i, c := range f.pending {
		if !chosen[i] {
			left = append(left, c)
			continue
		}
		for _, p := range c {
			if p.node == nil {
				delete(p.dir.durable, p.name)
			} else {
				p.dir.durable[p.name] = p.node
			}
		}
	}
	f.pending = left
}

// closed chooses changes, and with each the earlier ones to the same names.
func closed(changes []nameChange, choose func(i int, c nameChange) bool) []bool {
	chosen := make([]bool, len(changes))
	needed := make(map[entry]bool)
	for i, c := range slices.Backward(changes) {
		chosen[i] = choose(i, c) || slices.ContainsFunc(c, func(p namePart) bool { return needed[p.entry] })
		if chosen[i] {
			for _, p := range c {
				needed[p.entry] = true
			}
		}
	}
	return chosen
}

// crashNames returns what the folders hold after a power loss.
func (f *FS) crashNames(how style, rng *rand.Rand) map[*inode]map[string]*inode {
	var chosen []bool
	switch how {
	case nothing:
		chosen = make([]bool, len(f.pending))
	case everything:
		chosen = closed(f.pending, func(int, nameChange) bool { return true })
	case ordered:
		whole := rng.IntN(len(f.pending) + 1)
		chosen = closed(f.pending, func(i int, _ nameChange) bool { return i < whole })
	default:
		chosen = closed(f.pending, func(int, nameChange) bool { return rng.IntN(2) == 0 })
	}
	after := make(map[*inode]map[string]*inode)
	in := func(dir *inode) map[string]*inode {
		if after[dir] == nil {
			after[dir] = maps.Clone(dir.durable)
		}
		return after[dir]
	}
	for i, c := range f.pending {
		if !chosen[i] {
			continue
		}
		for _, p := range c {
			if p.node == nil {
				delete(in(p.dir), p.name)
			} else {
				in(p.dir)[p.name] = p.node
			}
		}
	}
	return after
}
