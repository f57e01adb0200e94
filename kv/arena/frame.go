package arena

import "unsafe"

// span is a piece of memory from the system, the home of spanPages frames. Frames are numbered through all spans.
type span struct {
	base uintptr
	mem  spanMemory
	old  [spanPages]retired // by frame
}

// retired is a frame no longer live that a view still needs, in a list of such.
type retired struct {
	next  uint32 // 0 ends the list
	birth uint32
	order uint8
	fixed bool // Protect: the frame is read-only now (live or retired)
}

// bytes returns the memory of the pages [start, end) of the span.
func (s *span) bytes(start, end int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&s.base))), spanPages*PageSize)[start*PageSize : end*PageSize]
}

func (a *Arena) frameAddr(f uint32) uintptr {
	return a.spans[f/spanPages].base + uintptr(f%spanPages)*PageSize
}

func (a *Arena) frameInfo(f uint32) *retired { return &a.spans[f/spanPages].old[f%spanPages] }

// frameBytes returns the memory of a frame of 1<<order pages.
func (a *Arena) frameBytes(f, order uint32) []byte {
	start := int(f % spanPages)
	return a.spans[f/spanPages].bytes(start, start+1<<order)
}

// takeFrame returns a free frame of 1<<order pages, writable, of undefined content.
func (a *Arena) takeFrame(order uint32) uint32 {
	if len(a.draining) > 0 {
		a.drain(drainStep)
	}
	f := a.frames.alloc(order)
	for int(f/spanPages) >= len(a.spans) {
		a.spans = append(a.spans, newSpan())
	}
	return f
}

// freeFrame takes a frame back that no slab and no view needs.
func (a *Arena) freeFrame(f, order uint32) {
	if a.protect {
		a.fix(f, order, false)
	}
	a.frames.free(f, order)
}

// fix makes a frame read-only, or writable again. The system bounds the number of differently protected ranges; when it
// refuses one more, the frame goes unprotected, or the whole span is made writable: this is an aid, not a guarantee.
func (a *Arena) fix(f, order uint32, fixed bool) {
	i := a.frameInfo(f)
	if i.fixed == fixed {
		return
	}
	if err := protect(a.frameBytes(f, order), fixed); err == nil {
		i.fixed = fixed
	} else if !fixed {
		s := a.spans[f/spanPages]
		if err := protect(s.bytes(0, spanPages), false); err != nil {
			panic("arena: cannot make a page writable again: " + err.Error())
		}
		for i := range s.old {
			s.old[i].fixed = false
		}
	}
}

// Idle memory kept for reuse, so that a steady load, or one snapshot after another, does not give pages back only to
// fault them in again (2 to 3 us each on the machine of the package comment): one page in idleShare of those in use,
// never more than idleMax.
const (
	idleShare = 16
	idleMax   = 16 << 20 / PageSize
)

// Reclaim does the arena's chores, at most about budget pages of them: it sorts out the pages that closed views held
// and gives idle memory back to the system. It returns the pages handled; 0 means that nothing is left to do.
func (a *Arena) Reclaim(budget int) int {
	a.settle()
	done := a.drain(budget)
	excess := a.frames.touched - a.frames.used - min(a.frames.used/idleShare, idleMax)
	for c := 0; c < len(a.frames.chunks) && excess > 0 && done < budget; c++ {
		if a.frames.chunks[c].idle > 0 {
			n := a.reclaimChunk(c, min(excess, budget-done))
			done += n
			excess -= n
		}
	}
	return done
}

// reclaimChunk gives up to budget idle pages of a span back to the system, neighbours in one call.
func (a *Arena) reclaimChunk(c, budget int) int {
	s := a.spans[c]
	done, start, end := 0, 0, 0
	for b := 0; b < chunkBlocks && done < budget && a.frames.chunks[c].idle > 0; b++ {
		k := &a.frames.chunks[c].blocks[b]
		idle := k.touched &^ k.used
		if idle == 0 {
			continue
		}
		mask := uint8(0)
		for i := 0; i < blockPages && done < budget; i++ {
			if idle>>i&1 == 0 {
				continue
			}
			if page := b*blockPages + i; page != end {
				s.release(start, end)
				start, end = page, page+1
			} else {
				end++
			}
			mask |= 1 << i
			done++
		}
		a.frames.untouch(uint32(c*chunkBlocks+b), mask)
	}
	s.release(start, end)
	return done
}
