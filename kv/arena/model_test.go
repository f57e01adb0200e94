package arena

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// model drives an arena beside a Go map that says what it must hold, and freezes both together. Every view is read
// over and over by goroutines of its own, one of which closes it, while the owner goes on.
type model struct {
	t     testing.TB
	a     *Arena
	live  map[Ref][]byte // contents are replaced, never changed, so a snapshot of the map is a frozen view
	refs  []Ref
	views []*modelView
	wg    sync.WaitGroup
	used  int64
	stamp uint64
}

type modelView struct {
	v    *View
	want map[Ref][]byte
	stop chan struct{}
}

func newModel(t testing.TB, o Options) *model {
	return &model{t: t, a: New(o), live: make(map[Ref][]byte)}
}

// content returns n bytes that occur nowhere else.
func (m *model) content(n int) []byte {
	m.stamp++
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.stamp>>(i%8*8)) ^ byte(i>>3*31)
	}
	return b
}

func (m *model) alloc(n int) {
	r := m.a.Alloc(n)
	if r == 0 || r%8 != 0 || r >= 1<<48 || m.live[r] != nil {
		m.t.Fatalf("Alloc(%d) = %#x", n, r)
	}
	if u := m.a.Usable(r); u < n || u != BlockSize(n) {
		m.t.Fatalf("Usable = %d for %d bytes", u, n)
	}
	copied := m.a.copied.Load()
	m.live[r] = m.content(n)
	copy(m.a.Mut(r, n), m.live[r])
	if m.a.copied.Load() != copied {
		m.t.Fatal("a new block was not writable without a copy")
	}
	m.refs = append(m.refs, r)
	m.used += int64(BlockSize(n))
}

func (m *model) write(i int) {
	r := m.refs[i%len(m.refs)]
	old := m.live[r]
	b := m.content(len(old))
	switch {
	case i&3 == 0 && len(b) >= 8: // one word
		copy(b[8:], old[8:])
		m.a.Store64(r, load64Bytes(b))
	case i&3 == 1:
		w := m.a.TryMut(r, len(b))
		if w == nil {
			if len(m.a.views) == 0 {
				m.t.Fatal("TryMut refused without a view")
			}
			b = old
		}
		copy(w, b)
	default: // some bytes
		from := i % len(b)
		copy(b[:from], old)
		copy(m.a.Mut(r, len(b))[from:], b[from:])
	}
	m.live[r] = b
	if got := m.a.At(r, len(b)); !bytes.Equal(got, b) {
		m.t.Fatalf("%#x reads %x after writing %x", r, got, b)
	}
}

func (m *model) free(i int) {
	i %= len(m.refs)
	r := m.refs[i]
	m.used -= int64(m.a.Usable(r))
	m.a.Free(r)
	delete(m.live, r)
	m.refs[i] = m.refs[len(m.refs)-1]
	m.refs = m.refs[:len(m.refs)-1]
}

func (m *model) freeze() {
	mv := &modelView{m.a.Freeze(), maps.Clone(m.live), make(chan struct{})}
	m.views = append(m.views, mv)
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		defer mv.v.Close()
		for {
			if err := compare(mv.v, mv.want); err != nil {
				m.t.Errorf("view %d: %v", mv.v.epoch, err)
				return
			}
			select {
			case <-mv.stop:
				return
			default:
			}
		}
	}()
}

func (m *model) end(i int) {
	i %= len(m.views)
	close(m.views[i].stop)
	m.views = slices.Delete(m.views, i, i+1)
}

func compare(from Mem, want map[Ref][]byte) error {
	for r, b := range want {
		if got := from.At(r, len(b)); !bytes.Equal(got, b) {
			return fmt.Errorf("%#x holds %x, want %x", r, got, b)
		}
		if len(b) >= 8 && from.Load64(r) != load64Bytes(b) {
			return fmt.Errorf("%#x: word %x, want %x", r, from.Load64(r), b[:8])
		}
	}
	return nil
}

func load64Bytes(b []byte) uint64 {
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// step does what op says, x choosing among things.
func (m *model) step(op byte, x int) {
	const mostBlocks, mostViews = 3000, 4
	switch {
	case op < 90 && len(m.refs) < mostBlocks:
		n := 1 + x%120
		if x>>20&15 == 0 {
			n = 1 + x%MaxBlock
		}
		m.alloc(n)
		for i := 0; op < 20 && i < 20; i++ {
			m.alloc(n)
		}
	case op < 160 && len(m.refs) > 0:
		m.write(x)
	case op < 234 && len(m.refs) > 0:
		m.free(x)
	case op < 238 && len(m.refs) > 0: // many at once, so that slabs empty
		slices.Sort(m.refs)
		from := x % len(m.refs)
		for i := min(len(m.refs), from+100) - 1; i >= from; i-- {
			m.free(i)
		}
	case op < 244 && len(m.views) < mostViews:
		m.freeze()
	case op < 250 && len(m.views) > 0:
		m.end(x)
	case op < 253:
		m.a.Reclaim(x % 64)
	default:
		m.compact(x)
	}
	if m.a.UsedBytes() != m.used {
		m.t.Fatalf("UsedBytes = %d, want %d", m.a.UsedBytes(), m.used)
	}
}

// isSparse says whether the block r lies in a slab that is being given up.
func (a *Arena) isSparse(r Ref) bool {
	_, m := a.find(r)
	return m.sparse
}

// compact goes a little further with a compaction, and when blocks are to be moved, moves some.
func (m *model) compact(x int) {
	switch {
	case x%50 == 0:
		m.a.Settle(1 + x>>8%64)
	case m.a.compact.stage == compactSettle:
		m.a.Settle(1 + x>>8%64)
	case m.a.compact.stage != compactMove:
		m.a.Survey(1 + x>>8%256)
	default:
		for i := range min(len(m.refs), 100) {
			i = (x + i) % len(m.refs)
			r := m.refs[i]
			sparse := m.a.isSparse(r)
			n := m.a.Move(r)
			if sparse != (n != r) || m.a.isSparse(n) || n != r && m.live[n] != nil {
				m.t.Fatalf("Move(%#x) = %#x", r, n)
			}
			if n != r {
				m.live[n] = m.live[r]
				delete(m.live, r)
				m.refs[i] = n
			}
		}
	}
}

func (m *model) check() {
	m.t.Helper()
	if err := m.a.Check(); err != nil {
		m.t.Fatal(err)
	}
	if err := compare(m.a, m.live); err != nil {
		m.t.Fatal("live: ", err)
	}
}

// finish ends all views, frees everything, and expects nothing to be left.
func (m *model) finish() {
	m.t.Helper()
	for len(m.views) > 0 {
		m.end(0)
	}
	m.wg.Wait()
	m.check()
	for len(m.refs) > 0 {
		m.free(0)
	}
	for m.a.Reclaim(10) > 0 {
	}
	m.check()
	s := m.a.Stats()
	if s.UsedBytes != 0 || s.Blocks != 0 || s.Pages != 0 || s.PageBytes != 0 || s.ViewBytes != 0 || s.IdleBytes != 0 || s.Views != 0 {
		m.t.Fatalf("after freeing everything: %+v", s)
	}
	m.a.Close()
}

func TestModel(t *testing.T) {
	steps, rounds := 12000, 2
	if raceEnabled || testing.Short() {
		steps, rounds = 6000, 1
	}
	for round := range rounds {
		for _, o := range []Options{{Restless: true}, {}, {Protect: true}, {Protect: true, Restless: true}} {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("round=%d,protect=%v,restless=%v", round, o.Protect, o.Restless), func(t *testing.T) {
				t.Logf("seed %d", seed)
				rnd := rand.New(rand.NewPCG(seed, 0))
				m := newModel(t, o)
				for i := range steps {
					m.step(byte(rnd.Uint32()), int(rnd.Uint32()))
					if i%1000 == 0 {
						m.check()
					}
				}
				m.finish()
			})
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 239, 0, 0, 0, 100, 1, 2, 3, 200, 0, 0, 0, 245, 0, 0, 0})
	seed := make([]byte, 4000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range seed {
		seed[i] = byte(rnd.Uint32())
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(t, Options{Protect: len(ops)%2 == 0})
		for ; len(ops) >= 4; ops = ops[4:] {
			m.step(ops[0], int(ops[1])|int(ops[2])<<8|int(ops[3])<<16)
		}
		m.check()
		m.finish()
	})
}
