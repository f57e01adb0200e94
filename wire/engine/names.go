package engine

// nameIndex finds commands by their names in any case: a table with open addressing, because a map of strings takes longer
// than many a command. At most a quarter of the places are taken.
type nameIndex struct {
	mask   uint32
	places []namePlace
}

// maxName is the longest name looked for, in bytes.
const maxName = 64

type namePlace struct {
	name string // in lower case; "" is a free place
	spec *Spec
}

func newNameIndex(byName map[string]*Spec) nameIndex {
	size := 64
	for size < 4*len(byName) {
		size *= 2
	}
	x := nameIndex{mask: uint32(size - 1), places: make([]namePlace, size)}
	for name, spec := range byName {
		i := hashName([]byte(name)) & x.mask
		for x.places[i].name != "" {
			i = (i + 1) & x.mask
		}
		x.places[i] = namePlace{name, spec}
	}
	return x
}

// find is the command with this name, or nil.
func (x *nameIndex) find(name []byte) *Spec {
	if len(name) > maxName {
		return nil
	}
	for i := hashName(name) & x.mask; ; i = (i + 1) & x.mask {
		p := &x.places[i]
		if p.name == "" {
			return nil
		}
		if len(p.name) == len(name) && equalLower(p.name, name) {
			return p.spec
		}
	}
}

// hashName is the same for letters of either case. Names a client makes up cannot fill the table, so it need not be keyed.
func hashName(name []byte) uint32 {
	h := uint32(len(name))
	for _, c := range name {
		h = h*31 + uint32(c|0x20)
	}
	return h ^ h>>15
}

// equalLower says whether name, of the same length as low, is low in any case.
func equalLower(low string, name []byte) bool {
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if low[i] != c {
			return false
		}
	}
	return true
}
