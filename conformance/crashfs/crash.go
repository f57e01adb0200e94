package crashfs

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"path"
	"slices"

	"github.com/zeebo/xxh3"
)

// Clone is a disk of its own in the same state, with nothing open and no lock held, no faults and no trace. It costs
// little: contents are shared until one side changes them.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clone()
}

// Kill is what the death of the process leaves: everything written is there, and what was not synced still waits to be. A
// power loss may follow.
func (f *FS) Kill() *FS { return f.Clone() }

// Crash is what the death of the machine leaves, all of it durable. Each seed is one way for it to go, the same each time:
// with 0 everything is gone that was not synced, with 1 everything survives, with others anything in between.
func (f *FS) Crash(seed uint64) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, 0x63726173686673))
	content, names := style(seed), style(seed)
	if seed > uint64(everything) {
		content = ordered + style(rng.IntN(int(styles-ordered)))
		names = nothing + style(rng.IntN(int(garbled-nothing)))
	}
	after := New()
	after.space, after.n = f.space, f.n
	folders := f.crashNames(names, rng)
	copied := make(map[*inode]*inode)
	var walk func(from, to *inode)
	walk = func(from, to *inode) {
		entries, ok := folders[from]
		if !ok {
			entries = from.durable
		}
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			n := entries[name]
			c := copied[n]
			if c == nil {
				c = &inode{mtime: n.mtime}
				copied[n] = c
				if n.isDir() {
					c.names, c.durable = make(map[string]*inode), make(map[string]*inode)
					walk(n, c)
				} else {
					c.disk = n.crash(content, rng)
					c.data, c.shared = c.disk, len(c.disk)
				}
				after.used += c.takes()
			}
			to.names[name], to.durable[name] = c, c
		}
	}
	walk(f.root, after.root)
	return after
}

// clone is Clone under mu.
func (f *FS) clone() *FS {
	c := New()
	c.space, c.used, c.n = f.space, f.used, f.n
	copied := map[*inode]*inode{f.root: c.root}
	var node func(n *inode) *inode
	folder := func(from map[string]*inode, to map[string]*inode) {
		for name, n := range from {
			to[name] = node(n)
		}
	}
	node = func(n *inode) *inode {
		if n == nil || copied[n] != nil {
			return copied[n]
		}
		k := &inode{mtime: n.mtime}
		copied[n] = k
		if n.isDir() {
			k.names, k.durable = make(map[string]*inode, len(n.names)), make(map[string]*inode, len(n.durable))
			folder(n.names, k.names)
			folder(n.durable, k.durable)
			return k
		}
		k.data, k.shared = n.share(), len(n.data)
		k.disk, k.pending, k.lost, k.room, k.gone = n.disk, slices.Clip(n.pending), maps.Clone(n.lost), n.room, n.gone
		return k
	}
	folder(f.root.names, c.root.names)
	folder(f.root.durable, c.root.durable)
	for _, change := range f.pending {
		parts := slices.Clone(change)
		for i := range parts {
			parts[i].dir, parts[i].node = node(parts[i].dir), node(parts[i].node)
		}
		c.pending = append(c.pending, parts)
	}
	return c
}

// Put makes a durable file, and the folders it lies in.
func (f *FS) Put(name, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir := f.root
	parts := split(name)
	for _, part := range parts[:len(parts)-1] {
		if dir.names[part] == nil {
			dir.names[part] = &inode{names: make(map[string]*inode), durable: make(map[string]*inode)}
		}
		dir.durable[part] = dir.names[part]
		dir = dir.names[part]
	}
	n := &inode{data: []byte(content), disk: []byte(content)}
	base := parts[len(parts)-1]
	f.release(dir.names[base])
	dir.names[base], dir.durable[base] = n, n
	f.used += n.takes()
}

// Sum tells disks apart by what everybody sees: every file by its path and what it holds, and every folder. What still waits to be synced
// does not count.
func (f *FS) Sum() [16]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := xxh3.New()
	var walk func(n *inode)
	walk = func(n *inode) {
		var head []byte
		for _, name := range slices.Sorted(maps.Keys(n.names)) {
			c := n.names[name]
			head = binary.AppendUvarint(head[:0], uint64(len(name)))
			head = append(head, name...)
			if c.isDir() {
				_, _ = h.Write(append(head, 'd'))
				walk(c)
				_, _ = h.Write([]byte{0}) // no name is empty
				continue
			}
			head = binary.AppendUvarint(append(head, 'f'), uint64(len(c.data)))
			_, _ = h.Write(head)
			_, _ = h.Write(c.data)
		}
	}
	walk(f.root)
	return h.Sum128().Bytes()
}

// Tree is what every file holds, as everybody sees it, by its path.
func (f *FS) Tree() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]string)
	var walk func(dir string, n *inode)
	walk = func(dir string, n *inode) {
		for name, c := range n.names {
			if full := path.Join(dir, name); c.isDir() {
				walk(full, c)
			} else {
				all[full] = string(c.data)
			}
		}
	}
	walk("/", f.root)
	return all
}
