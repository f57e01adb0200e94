package hll

// Union is what several strings have in common: for each register the largest value. The zero Union is that of no strings. It takes 16 KiB.
type Union struct {
	regs  [Registers]uint8
	dense bool // a dense string was added
}

// Reset makes u the union of no strings.
func (u *Union) Reset() { *u = Union{} }

// Add adds a string. After an error, ErrInvalid or ErrCorrupt, u must not be used but to Reset it.
func (u *Union) Add(b []byte) error {
	if !Valid(b) {
		return ErrInvalid
	}
	if EncodingOf(b) == Sparse {
		return eachRun(b, func(index, span int, value uint8) {
			for i := index; i < index+span; i++ {
				u.regs[i] = max(u.regs[i], value)
			}
		})
	}
	u.dense = true
	for i, r := HeaderSize, u.regs[:]; i < DenseSize; i, r = i+3, r[4:] {
		a, b, c, d := unpack(b[i : i+3 : i+3])
		r[0], r[1], r[2], r[3] = max(r[0], a), max(r[1], b), max(r[2], c), max(r[3], d)
	}
	return nil
}

// Count estimates the number of different elements added to any of the strings.
func (u *Union) Count() uint64 {
	var h histogram
	for _, v := range u.regs {
		h[v&63]++
	}
	return h.estimate()
}

// Store raises the registers of dst to those of u, as PFMERGE does: dst becomes dense if a dense string was added, else it stays sparse
// as long as Add would let it. Its cached estimate becomes stale. Like append it changes dst and returns it, elsewhere if it had to
// grow. After an error the content of dst is not defined; there is none if dst was added to u and is not corrupt.
func (u *Union) Store(dst []byte, sparseMax int) ([]byte, error) {
	if !Valid(dst) {
		return dst, ErrInvalid
	}
	first := 0
	if EncodingOf(dst) == Sparse {
		if u.dense {
			d, err := ToDense(dst)
			if err != nil {
				return dst, err
			}
			dst = d
		} else {
			w := sparseWriter{b: dst, max: sparseMax}
			for first < Registers && EncodingOf(w.b) == Sparse {
				if v := u.regs[first]; v != 0 {
					if _, err := w.raise(first, v); err != nil {
						return w.b, err
					}
				}
				first++
			}
			dst = w.b
		}
	}
	if EncodingOf(dst) == Dense {
		for first &^= 3; first < Registers; first += 4 {
			at := HeaderSize + first/4*3
			p, r := dst[at:at+3:at+3], u.regs[first:first+4:first+4]
			a, b, c, d := unpack(p)
			pack(p, max(r[0], a), max(r[1], b), max(r[2], c), max(r[3], d))
		}
	}
	Invalidate(dst)
	return dst, nil
}
