package lua

import "strings"

// builder makes a string piece by piece and counts the memory it takes while it grows.
type builder struct {
	g    *global
	text strings.Builder
}

func (b *builder) room(n int) {
	size := b.text.Len() + n
	if size <= b.text.Cap() {
		return
	}
	b.g.checkLength(size)
	b.g.charge(max(size, 2*b.text.Cap()))
	b.text.Grow(n)
}

func (b *builder) add(s string) {
	b.room(len(s))
	b.text.WriteString(s)
}

func (b *builder) addByte(c byte) {
	b.room(1)
	b.text.WriteByte(c)
}

func (b *builder) addNumber(n float64) {
	var text [32]byte
	s := AppendNumber(text[:0], n)
	b.room(len(s))
	b.text.Write(s)
}

func (b *builder) pad(c byte, n int) {
	for ; n > 0; n-- {
		b.addByte(c)
	}
}
