package arena

import (
	"slices"
	"sync/atomic"
	"unsafe"
)

// View is the arena as it was at one Freeze. It may be read by any number of goroutines while the owner goes on:
// nothing it reaches is ever written until it is closed.
type View struct {
	top    table
	arena  *Arena
	epoch  uint32       // sees frames with birth <= epoch that were live when it was made
	held   uint32       // owner's: list of retired frames, of which it was the newest viewer
	before int64        // arena's copied bytes at Freeze
	final  atomic.Int64 // copied bytes at Close
	closed atomic.Bool
}

// drainStep is how many retired frames are sorted out whenever a frame is needed: more than one, so that the backlog of a
// closed view shrinks also without Reclaim, few enough not to be noticed.
const drainStep = 4

// Freeze returns a view of the arena as it is now, in microseconds: it copies the upper level of the page table.
func (a *Arena) Freeze() *View {
	a.settle()
	v := &View{top: slices.Clone(a.top), arena: a, epoch: a.epoch, before: a.copied.Load()}
	a.views = append(a.views, v)
	a.epoch++
	if a.epoch == 0 {
		panic("arena: out of epochs")
	}
	a.frozen = v.epoch
	for c := range lastClass + 1 {
		a.join(frozenList(c), writableList(c))
	}
	if a.protect {
		a.fixAll()
	}
	return v
}

// At returns n bytes from r on as they were, read only, until Close.
func (v *View) At(r Ref, n int) []byte {
	return unsafe.Slice((*byte)(v.top.ptr(r)), n)
}

// Load64 returns the little-endian word at r, a multiple of 8, as it was.
func (v *View) Load64(r Ref) uint64 { return load64(v.top.ptr(r)) }

// CopiedBytes returns how much the owner has copied on behalf of views since this one was opened (until it was
// closed). Any goroutine may ask.
func (v *View) CopiedBytes() int64 {
	if v.closed.Load() {
		return v.final.Load()
	}
	return v.arena.copied.Load() - v.before
}

// Close ends the view: no goroutine reads it any more. It may be called from any goroutine; a second call does
// nothing. What only this view needed goes back to the owner, who puts it to use with its next calls.
func (v *View) Close() {
	a := v.arena
	v.final.CompareAndSwap(0, a.copied.Load()-v.before)
	if v.closed.Swap(true) {
		return
	}
	a.mu.Lock()
	a.closed = append(a.closed, v)
	a.hasClosed.Store(true)
	a.mu.Unlock()
}

// Views is the number of open views.
func (a *Arena) Views() int {
	a.settle()
	return len(a.views)
}

// settle takes notice of the views closed since the last time.
func (a *Arena) settle() {
	if !a.hasClosed.Load() {
		return
	}
	a.mu.Lock()
	closed := a.closed
	a.closed = nil
	a.hasClosed.Store(false)
	a.mu.Unlock()
	for _, v := range closed {
		i := slices.Index(a.views, v)
		a.views = slices.Delete(a.views, i, i+1)
		v.top = nil
		if v.held != 0 {
			a.draining = append(a.draining, v)
		}
	}
	newest := uint32(0)
	if n := len(a.views); n > 0 {
		newest = a.views[n-1].epoch
	}
	if newest == a.frozen {
		return
	}
	a.frozen = newest
	if newest == 0 {
		for c := range lastClass + 1 {
			a.join(writableList(c), frozenList(c))
		}
	}
	if a.protect {
		a.fixAll()
	}
}

// isFrozen says whether an open view needs the page of r.
func (a *Arena) isFrozen(r Ref) bool {
	a.settle()
	_, m := a.find(r)
	return m.birth <= a.frozen
}

// thaw makes the page of r writable. If an open view needs it, the slab moves to a copy and the old frame is left to
// all views that see it.
func (a *Arena) thaw(r Ref) {
	a.settle()
	pn, m := a.find(r)
	if m.birth > a.frozen || m.class == 0 {
		return
	}
	order := uint32(m.order)
	frame := a.takeFrame(order)
	copy(a.frameBytes(frame, order), a.frameBytes(m.frame, order))
	a.copied.Add(PageSize << order)
	a.retire(m.frame, m.birth, order)
	m.frame, m.birth = frame, a.epoch
	a.setPages(pn, order, a.frameAddr(frame))
	if m.used < classes[m.class].slots && !m.sparse {
		a.unlink(m)
		a.link(writableList(uint32(m.class)), pn)
	}
}

// retire leaves a frame to the views that see it: it goes to the newest, and from there on to older ones.
func (a *Arena) retire(frame, birth, order uint32) {
	v := a.views[len(a.views)-1]
	i := a.frameInfo(frame)
	i.next, i.birth, i.order = v.held, birth, uint8(order)
	v.held = frame
	a.viewPages += 1 << order
}

// drain sorts out up to about budget pages of frames that closed views held: an older view that sees a frame gets it,
// else it is free. It returns the pages handled.
func (a *Arena) drain(budget int) int {
	done := 0
	for len(a.draining) > 0 && done < budget {
		v := a.draining[0]
		var older *View
		for _, o := range a.views {
			if o.epoch < v.epoch {
				older = o
			}
		}
		for v.held != 0 && done < budget {
			frame := v.held
			i := a.frameInfo(frame)
			v.held = i.next
			order := uint32(i.order)
			if older != nil && older.epoch >= i.birth {
				i.next = older.held
				older.held = frame
			} else {
				a.viewPages -= 1 << order
				a.freeFrame(frame, order)
			}
			done += 1 << order
		}
		if v.held == 0 {
			a.draining = slices.Delete(a.draining, 0, 1)
		}
	}
	return done
}

// fixAll brings the protection of all live frames up to date with what is frozen.
func (a *Arena) fixAll() {
	a.eachSlab(func(pn uint32, m *slab) {
		a.fix(m.frame, uint32(m.order), m.birth <= a.frozen)
	})
}

// eachSlab calls f for each slab in order of page numbers.
func (a *Arena) eachSlab(f func(pn uint32, m *slab)) {
	end := min(a.numbers.frontier*blockPages, uint32(len(a.meta))*leafPages)
	for pn := uint32(reservedPages); pn < end; {
		m := a.slab(pn)
		if m.class == 0 {
			pn++
			continue
		}
		f(pn, m)
		pn += 1 << m.order
	}
}
