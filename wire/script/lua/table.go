package lua

import "math"

// Table is Lua's only structure: an array part for the keys 1 to n and a hash part for all others.
//
// Keys lie in the same places, and so are walked in the same order, as in Lua 5.1 itself: numbers, strings and booleans
// hash as there, a colliding key goes into the highest free node, and a table that has no free node left is rebuilt with
// the largest array of which more than half is in use. Keys hashed by their address (tables, functions) come in any order.
//
// Setting a field to nil keeps its node, so fields may be cleared while a table is walked.
//
// The methods do not ask metamethods and do not heed the read-only flag.
type Table struct {
	header
	absent uint8 // bit set: the metamethod with this number is known to be missing, see meta.go
	array  []Value
	nodes  []node // none, or a power of two
	free   int    // all nodes from here on are taken
	meta   *Table
	owner  *global
}

// node is a field of the hash part. A chain of next (index plus one, 0 ends it) joins keys with the same main position.
type node struct {
	key, val Value
	next     int32
}

// maxArray bounds the array part.
const maxArray = 1 << 26

// Len is a border: t[n] is not nil and t[n+1] is, or 0.
func (t *Table) Len() int {
	j := len(t.array)
	if j > 0 && t.array[j-1].ref == nil {
		i := 0
		for j-i > 1 {
			if m := (i + j) / 2; t.array[m-1].ref == nil {
				j = m
			} else {
				i = m
			}
		}
		return i
	}
	if len(t.nodes) == 0 {
		return j
	}
	return t.borderBeyond(j)
}

// borderBeyond looks for a border in the hash part, knowing that t[i] is not nil or i is 0.
func (t *Table) borderBeyond(i int) int {
	j := i + 1
	for t.GetInt(j).ref != nil {
		i = j
		j *= 2
		if j > math.MaxInt32 {
			// Only a table made for it gets here; count one by one.
			i = 1
			for t.GetInt(i).ref != nil {
				i++
			}
			return i - 1
		}
	}
	for j-i > 1 {
		if m := (i + j) / 2; t.GetInt(m).ref == nil {
			j = m
		} else {
			i = m
		}
	}
	return i
}

// hashNumber spreads the two halves of n; the main position is it modulo an odd number.
func hashNumber(n float64) uint32 {
	if n == 0 {
		return 0 // -0 is the same key
	}
	b := math.Float64bits(n)
	return uint32(b) + uint32(b>>32)
}

// place is the index of key's main position; there are nodes.
func (t *Table) place(key Value) int {
	size := uint32(len(t.nodes))
	switch key.Kind() {
	case KindNumber:
		return int(hashNumber(key.num) % ((size - 1) | 1))
	case KindString:
		return int(key.string().hashed() & (size - 1))
	case KindBool:
		if key.IsTrue() {
			return int(1 & (size - 1))
		}
		return 0
	default:
		return int(uint32(key.address()) % ((size - 1) | 1))
	}
}

// find returns the node of key or nil.
func (t *Table) find(key Value) *node {
	if len(t.nodes) == 0 || key.ref == nil {
		return nil
	}
	for i := t.place(key); ; {
		n := &t.nodes[i]
		if n.key.Equal(key) {
			return n
		}
		if n.next == 0 {
			return nil
		}
		i = int(n.next) - 1
	}
}

// GetInt returns t[i].
func (t *Table) GetInt(i int) Value {
	if uint(i-1) < uint(len(t.array)) {
		return t.array[i-1]
	}
	if n := t.find(Int(i)); n != nil {
		return n.val
	}
	return Nil
}

// getString returns the field with a string for its name.
func (t *Table) getString(s *String) Value {
	if len(t.nodes) == 0 {
		return Nil
	}
	i := int(s.hashed()) & (len(t.nodes) - 1)
	for {
		n := &t.nodes[i]
		if n.key.ref == s.Value().ref || n.key.isString() && n.key.string().equal(s) {
			return n.val
		}
		if n.next == 0 {
			return Nil
		}
		i = int(n.next) - 1
	}
}

// GetField returns t[name].
func (t *Table) GetField(name string) Value {
	return t.getString(&String{header: header{kind: KindString}, text: name})
}

// Get returns t[key]; for nil and NaN it is nil.
func (t *Table) Get(key Value) Value {
	switch key.Kind() {
	case KindNumber:
		if i := int(key.num); uint(i-1) < uint(len(t.array)) && float64(i) == key.num {
			return t.array[i-1]
		}
	case KindString:
		return t.getString(key.string())
	}
	if n := t.find(key); n != nil {
		return n.val
	}
	return Nil
}

// slot returns where the value of key is kept, or nil if it has no place yet.
func (t *Table) slot(key Value) *Value {
	if key.IsNumber() {
		if i := int(key.num); uint(i-1) < uint(len(t.array)) && float64(i) == key.num {
			return &t.array[i-1]
		}
	}
	if n := t.find(key); n != nil {
		return &n.val
	}
	return nil
}

// put sets t[key], which is neither nil nor NaN.
func (t *Table) put(key, val Value) {
	t.absent = 0
	if s := t.slot(key); s != nil {
		*s = val
		return
	}
	t.insert(key, val)
}

// SetInt sets t[i].
func (t *Table) SetInt(i int, val Value) {
	if uint(i-1) < uint(len(t.array)) {
		t.array[i-1] = val
		return
	}
	t.put(Int(i), val)
}

// Set sets t[key]; the key is neither nil nor NaN.
func (t *Table) Set(key, val Value) { t.put(key, val) }

// SetField sets t[name].
func (t *Table) SetField(name string, val Value) { t.put(t.owner.text(name), val) }

// SetReadOnly makes scripts' assignments to t fail, those of rawset too; [Table.SetField] and [Table.SetInt] go on to work.
func (t *Table) SetReadOnly(on bool) { t.flag = on }

// ReadOnly reports what [Table.SetReadOnly] has set.
func (t *Table) ReadOnly() bool { return t.flag }

// Metatable returns t's metatable or nil.
func (t *Table) Metatable() *Table { return t.meta }

// SetMetatable sets t's metatable; nil takes it away.
func (t *Table) SetMetatable(meta *Table) { t.meta = meta }

// Next returns the field behind key, in the order pairs walks; nil asks for the first and is returned behind the
// last. It is false if key is not, and never was, in t.
func (t *Table) Next(key Value) (k, v Value, ok bool) {
	i, ok := t.position(key)
	if !ok {
		return Nil, Nil, false
	}
	k, v, _ = t.from(i)
	return k, v, true
}

// from returns the first field at position i or behind it, and the position behind that.
func (t *Table) from(i int) (k, v Value, next int) {
	for ; i < len(t.array); i++ {
		if t.array[i].ref != nil {
			return Int(i + 1), t.array[i], i + 1
		}
	}
	for i -= len(t.array); i < len(t.nodes); i++ {
		if n := &t.nodes[i]; n.val.ref != nil {
			return n.key, n.val, len(t.array) + i + 1
		}
	}
	return Nil, Nil, len(t.array) + len(t.nodes)
}

// position returns where a walk goes on behind key.
func (t *Table) position(key Value) (int, bool) {
	if key.ref == nil {
		return 0, true
	}
	if key.IsNumber() {
		if i := int(key.num); uint(i-1) < uint(len(t.array)) && float64(i) == key.num {
			return i, true
		}
	}
	if len(t.nodes) == 0 {
		return 0, false
	}
	for i := t.place(key); ; {
		n := &t.nodes[i]
		if n.key.Equal(key) {
			return len(t.array) + i + 1, true
		}
		if n.next == 0 {
			return 0, false
		}
		i = int(n.next) - 1
	}
}
