package lua

import "math/bits"

// Bytes that tables and their parts count for, see memory.go.
const (
	tableBytes = 96
	nodeBytes  = 40
	valueBytes = 16
)

// insert adds a key that is not in the table.
func (t *Table) insert(key, val Value) {
	if len(t.nodes) == 0 {
		t.rehash(key)
		t.put(key, val)
		return
	}
	at := t.place(key)
	if main := &t.nodes[at]; main.val.ref != nil {
		free := t.takeFree()
		if free < 0 {
			t.rehash(key)
			t.put(key, val)
			return
		}
		other := t.place(main.key)
		if other != at {
			// The node's owner is here only because its own place was taken: it moves on.
			for int(t.nodes[other].next)-1 != at {
				other = int(t.nodes[other].next) - 1
			}
			t.nodes[other].next = int32(free + 1)
			t.nodes[free] = *main
			main.next = 0
		} else {
			t.nodes[free].next = main.next
			main.next = int32(free + 1)
			at = free
		}
	}
	n := &t.nodes[at]
	n.key, n.val = key, val
}

// takeFree returns a node that never had a key, or -1.
func (t *Table) takeFree() int {
	for t.free > 0 {
		t.free--
		if t.nodes[t.free].key.ref == nil {
			return t.free
		}
	}
	return -1
}

// census counts the keys that could live in an array: slices[i] those in (2^(i-1), 2^i].
type census struct {
	slices [27]int
	total  int
}

func (c *census) add(key Value) {
	if key.IsNumber() {
		if i := int(key.num); float64(i) == key.num && i >= 1 && i <= maxArray {
			c.slices[bits.Len(uint(i-1))]++
			c.total++
		}
	}
}

// best returns the largest array of which more than half would be in use, and how many keys would be in it.
func (c *census) best() (size, used int) {
	sum := 0
	for i, limit := 0, 1; i < len(c.slices) && limit/2 < c.total; i, limit = i+1, limit*2 {
		if c.slices[i] > 0 {
			sum += c.slices[i]
			if sum > limit/2 {
				size, used = limit, sum
			}
		}
		if sum == c.total {
			break
		}
	}
	return size, used
}

// rehash makes room for key, which is about to come.
func (t *Table) rehash(key Value) {
	var c census
	all := 1
	for i, limit, lo := 0, 1, 0; lo < len(t.array); i, limit = i+1, limit*2 {
		hi := min(limit, len(t.array))
		for _, v := range t.array[lo:hi] {
			if v.ref != nil {
				c.slices[i]++
			}
		}
		c.total += c.slices[i]
		all += c.slices[i]
		lo = hi
	}
	for i := range t.nodes {
		if n := &t.nodes[i]; n.val.ref != nil {
			c.add(n.key)
			all++
		}
	}
	c.add(key)
	size, used := c.best()
	t.resize(size, all-used)
}

// resize gives the parts room for so many fields; what does not fit in the array goes into the hash.
func (t *Table) resize(array, hash int) {
	size := 0
	if hash > 0 {
		size = 1 << bits.Len(uint(hash-1))
	}
	t.owner.charge(max(0, array-len(t.array))*valueBytes + size*nodeBytes)
	oldArray, oldNodes := t.array, t.nodes
	if array > len(oldArray) {
		t.array = make([]Value, array)
		copy(t.array, oldArray)
	} else if array < len(oldArray) {
		t.array = append(make([]Value, 0, array), oldArray[:array]...)
	}
	t.nodes, t.free = nil, size
	if size > 0 {
		t.nodes = make([]node, size)
	}
	for i := array; i < len(oldArray); i++ {
		if oldArray[i].ref != nil {
			t.SetInt(i+1, oldArray[i])
		}
	}
	for i := len(oldNodes) - 1; i >= 0; i-- {
		if n := &oldNodes[i]; n.val.ref != nil {
			t.put(n.key, n.val)
		}
	}
}
