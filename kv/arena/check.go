package arena

import (
	"errors"
	"fmt"
	"math/bits"
)

// Check compares everything the arena records about itself: bitmaps with counts and totals, lists with bitmaps, the
// page table with slabs, and frames with their users. It is for tests and takes time proportional to the arena.
func (a *Arena) Check() error {
	a.settle()
	c := checker{a: a, owner: make(map[uint32]string)}
	c.slabs()
	c.lists()
	c.views()
	c.buddy("frame", &a.frames, blockPages)
	c.buddy("page number", &a.numbers, reservedPages)
	c.want("frames in use", int64(len(c.owner)), int64(a.frames.used))
	return errors.Join(c.errs...)
}

type checker struct {
	a       *Arena
	owner   map[uint32]string // by frame
	partial map[uint32]bool   // slabs with free blocks, by page number
	errs    []error
}

func (c *checker) fail(format string, args ...any) {
	if len(c.errs) < 20 {
		c.errs = append(c.errs, fmt.Errorf("arena: "+format, args...))
	}
}

func (c *checker) want(what string, found, recorded int64) {
	if found != recorded {
		c.fail("%s: found %d, recorded %d", what, found, recorded)
	}
}

// claim notes who uses the frames from f on.
func (c *checker) claim(f, order uint32, who string) {
	for j := range uint32(1) << order {
		if other, ok := c.owner[f+j]; ok {
			c.fail("frame %d belongs to %s and %s", f+j, other, who)
		}
		c.owner[f+j] = who
		if b := c.a.frames.block((f + j) / blockPages); b.used>>((f+j)%blockPages)&1 == 0 {
			c.fail("frame %d of %s is free", f+j, who)
		}
	}
}

func (c *checker) slabs() {
	a := c.a
	var used, blocks, pages int64
	c.partial = make(map[uint32]bool)
	a.eachSlab(func(pn uint32, m *slab) {
		who := fmt.Sprintf("slab %d", pn)
		k := &classes[m.class]
		taken := -max(0, maxSlots-int(k.slots))
		for _, w := range m.taken {
			taken += bits.OnesCount64(w)
		}
		c.want(who+": blocks", int64(taken), int64(m.used))
		if m.used == 0 || m.used > k.slots || uint32(m.order) != k.order || pn%(1<<m.order) != 0 {
			c.fail("%s: class %d, order %d, %d blocks", who, m.class, m.order, m.used)
		}
		c.partial[pn] = m.used < k.slots
		if m.sparse && m.used == k.slots {
			c.fail("%s is full and sparse", who)
		}
		if m.birth == 0 || m.birth > a.epoch {
			c.fail("%s: born in epoch %d of %d", who, m.birth, a.epoch)
		}
		for j := range uint32(1) << m.order {
			if t := a.slab(pn + j); t.class != m.class || t.order != m.order {
				c.fail("%s: its page %d says class %d", who, j, t.class)
			}
			at := a.top[(pn+j)>>leafShift][(pn+j)&leafMask]
			if at != a.frameAddr(m.frame)+uintptr(j)*PageSize {
				c.fail("%s: the table sends page %d elsewhere", who, j)
			}
		}
		c.claim(m.frame, uint32(m.order), who)
		used += int64(m.used) * int64(k.size)
		blocks += int64(m.used)
		pages += 1 << m.order
	})
	c.want("used bytes", used, a.used)
	c.want("blocks", blocks, a.blocks)
	c.want("pages", pages, a.pages)
	c.want("page numbers", pages, int64(a.numbers.used))
	found := int64(0)
	for _, l := range a.top {
		for _, addr := range l {
			if addr != 0 {
				found++
			}
		}
	}
	c.want("table entries", found, a.pages)
}

func (c *checker) lists() {
	a := c.a
	listed := 0
	for head := range uint32(reservedPages) {
		prev := head
		for pn := a.slab(head).next; pn != head; pn = a.slab(pn).next {
			m := a.slab(pn)
			if m.prev != prev || uint32(m.class) != classOfList(head) || !c.partial[pn] {
				c.fail("slab %d is wrong in list %d", pn, head)
				return
			}
			if head == writableList(uint32(m.class)) && m.birth <= a.frozen {
				c.fail("slab %d is frozen and listed as writable", pn)
			}
			if m.sparse != (head == sparseList(uint32(m.class))) {
				c.fail("slab %d in list %d says sparse=%v", pn, head, m.sparse)
			}
			if head == frozenList(uint32(m.class)) && a.frozen == 0 {
				c.fail("slab %d is listed as frozen without a view", pn)
			}
			c.partial[pn] = false // once only
			listed++
			prev = pn
		}
		if a.slab(head).prev != prev {
			c.fail("list %d does not close", head)
		}
	}
	for pn, unlisted := range c.partial {
		if unlisted {
			c.fail("slab %d has free blocks and is in no list", pn)
		}
	}
}

func classOfList(head uint32) uint32 {
	if head >= sparseList(0) {
		return head - sparseList(0)
	}
	return head / 2
}

func (c *checker) views() {
	a := c.a
	pages := int64(0)
	last := uint32(0)
	walk := func(v *View) {
		for f := v.held; f != 0; f = a.frameInfo(f).next {
			i := a.frameInfo(f)
			if i.birth > v.epoch {
				c.fail("frame %d of epoch %d is held by view %d", f, i.birth, v.epoch)
			}
			c.claim(f, uint32(i.order), fmt.Sprintf("view %d", v.epoch))
			pages += 1 << i.order
		}
	}
	for _, v := range a.views {
		if v.epoch <= last || v.epoch >= a.epoch {
			c.fail("view %d after %d in epoch %d", v.epoch, last, a.epoch)
		}
		last = v.epoch
		walk(v)
	}
	for _, v := range a.draining {
		walk(v)
	}
	c.want("frozen epoch", int64(last), int64(a.frozen))
	c.want("retired pages", pages, a.viewPages)
}

func (c *checker) buddy(what string, b *buddy, first uint32) {
	used, touched := 0, 0
	for i := first / blockPages; i < b.frontier; i++ {
		k := b.block(i)
		used += bits.OnesCount8(k.used)
		touched += bits.OnesCount8(k.touched)
		if k.used&^k.touched != 0 {
			c.fail("%s block %d: used %08b, touched %08b", what, i, k.used, k.touched)
		}
		if run := longestRun[k.used]; (run < 0) != (k.list == noList) || run >= 0 && k.list%(maxOrder+1) != uint8(run) {
			c.fail("%s block %d: used %08b, list %d", what, i, k.used, k.list)
		}
	}
	c.want(what+"s used", int64(used), int64(b.used))
	c.want(what+"s touched", int64(touched), int64(b.touched))
	idle := int64(0)
	for _, chunk := range b.chunks {
		idle += int64(chunk.idle)
	}
	c.want(what+"s idle", idle, int64(touched-used))
	for l, i := range b.heads {
		for prev := uint32(0); i != 0; prev, i = i, b.block(i).next {
			if k := b.block(i); k.prev != prev || int(k.list) != l {
				c.fail("%s block %d is wrong in list %d", what, i, l)
				break
			}
		}
	}
}
