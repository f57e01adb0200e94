package wire

import "testing"

// The pool gives back what it was given, holds no more than its bound, and lets go of what is not needed.
func TestBigPool(t *testing.T) {
	var p bigPool
	b := p.take(70 << 10)
	if cap(b) != 160<<10 {
		t.Fatalf("room for %d bytes", cap(b))
	}
	p.give(append(b, 1))
	if c := p.take(100 << 10); cap(c) != cap(b) || len(c) != 0 || &c[:1][0] != &b[:1][0] || p.held != 0 {
		t.Fatal("the buffer was not used again")
	}
	for range 100 {
		p.give(make([]byte, 0, 1<<20))
	}
	if p.held > maxPooled || p.held < maxPooled/2 {
		t.Fatalf("%d bytes are held", p.held)
	}
	p.trim() // what there is was all new
	p.take(1 << 20)
	p.trim()
	if p.held != 0 {
		t.Fatalf("%d bytes are held by a pool nobody used but for one buffer", p.held)
	}
	if c := p.take(5 << 20); cap(c) < 5<<20 {
		t.Fatal("no room")
	}
}
