package arena

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// Ref is the address of a byte in an arena: page number and offset. Blocks begin at multiples of 8. The zero Ref is
// nil and never allocated; every Ref is below 1<<48. An address inside a block may be formed by adding to its Ref.
type Ref uint64

const (
	pageShift = 12
	pageMask  = PageSize - 1
	// PageSize is the unit of freezing and of giving memory back, in bytes. The package comment says why this size.
	PageSize = 1 << pageShift
)

// Mem is what a reader needs; *Arena and *View both satisfy it.
type Mem interface {
	// At returns n bytes from r on, read only.
	At(r Ref, n int) []byte
	// Load64 returns the little-endian word at r, a multiple of 8.
	Load64(r Ref) uint64
}

// Options configure New; the zero value is a working default.
type Options struct {
	// Protect makes pages that an open view needs read-only to the processor, so that a stray write faults instead of
	// changing a frozen view, and fills blocks with junk when they are allocated and freed. For tests: Freeze and the
	// end of a view then visit every page. Without effect on protection under the race detector, where pages lie in
	// the Go heap and the detector itself sees such a write.
	Protect bool
	// Restless makes Survey choose every slab that has room, whether that gains anything or not, so that much is moved. For tests.
	Restless bool
}

// Arena is a heap of blocks outside the Go heap. All methods belong to one goroutine, the owner; only Views may be
// read and closed elsewhere.
//
// Invariants (Check verifies them):
//   - a slab is frozen if its birth is not after the epoch of the newest open view; a frozen slab's frame and a frozen
//     leaf are never written;
//   - a slab with a free block is in exactly one list of its class; those in the writable list are not frozen, those in
//     the sparse list are sparse, and no others;
//   - a frame belongs to one slab, or to the retired list of one view, or is free.
type Arena struct {
	top    table  // live page table
	frozen uint32 // epoch of the newest open view; 0 when none is open
	epoch  uint32 // epoch of what is made now; each Freeze ends one
	poison bool   // fill blocks with junk on Alloc and Free

	used   int64 // bytes of allocated blocks
	blocks int64
	pages  int64 // pages of live slabs

	meta     []*slabChunk // one slab record a page number
	leafBorn []uint32     // epoch of each leaf in top
	numbers  buddy        // page numbers
	frames   buddy        // memory behind them
	spans    []*span      // frames' memory

	compact       compaction
	restless      bool
	moved, stayed int64 // blocks, by Move

	views     []*View      // open as far as the owner knows, oldest first
	draining  []*View      // closed, with retired frames still to be sorted out
	viewPages int64        // pages in retired lists
	copied    atomic.Int64 // bytes copied on behalf of views, ever
	protect   bool

	mu        sync.Mutex  // protects closed
	closed    []*View     // closed by their readers, not yet seen by the owner
	hasClosed atomic.Bool // len(closed) > 0
}

// New returns an empty arena. It takes memory from the system as blocks are allocated.
func New(o Options) *Arena {
	a := &Arena{epoch: 1, protect: o.Protect && canProtect, poison: o.Protect || raceEnabled, restless: o.Restless}
	a.numbers.frontier = reservedPages / blockPages
	a.frames.frontier = 1 // frame 0 would look like the end of a list
	a.growTable(reservedPages - 1)
	for head := range uint32(reservedPages) {
		a.initList(head)
	}
	return a
}

// Close gives all memory back to the system. Neither the arena nor any of its views or slices may be used after it:
// the caller has stopped every reader.
func (a *Arena) Close() {
	for _, s := range a.spans {
		s.unmap()
	}
	a.spans, a.top, a.meta, a.views, a.draining = nil, nil, nil, nil, nil
}

// At returns the n bytes from r on, for reading only. They are valid until the next Alloc, Free, Mut or Store64 of
// anything. n must not pass the end of the block; under the race detector that is checked.
func (a *Arena) At(r Ref, n int) []byte {
	if raceEnabled {
		a.checkRange(r, n)
	}
	return unsafe.Slice((*byte)(a.top.ptr(r)), n)
}

// Mut is At for writing. When an open view still needs the page, the slab is copied first and the live side goes on
// with the copy; slices taken from it before are then out of date.
func (a *Arena) Mut(r Ref, n int) []byte {
	if raceEnabled {
		a.checkRange(r, n)
	}
	return unsafe.Slice((*byte)(a.writable(r)), n)
}

// writable returns the address of the byte r names, in a page that no view needs. It is one call of Mut and Store64,
// which the compiler inlines only as long as it does not try to inline this.
//
//go:noinline
func (a *Arena) writable(r Ref) unsafe.Pointer {
	if a.frozen != 0 {
		a.thaw(r)
	}
	return a.top.ptr(r)
}

// TryMut is Mut where no copy is needed, and nil where one would be: for writes that can rest while a view is open.
func (a *Arena) TryMut(r Ref, n int) []byte {
	if a.frozen != 0 && a.isFrozen(r) {
		return nil
	}
	return a.At(r, n)
}

// Leave says that the block r, which is about to change, is better given another place (Alloc, Free): an open view needs its page, and
// a write there would copy the page. Who is told so does it: the block is counted as copied, because its old place stays with the view.
func (a *Arena) Leave(r Ref) bool {
	if a.frozen == 0 || !a.isFrozen(r) {
		return false
	}
	a.copied.Add(int64(a.Usable(r)))
	return true
}

// Load64 returns the little-endian word at r, a multiple of 8.
func (a *Arena) Load64(r Ref) uint64 {
	if raceEnabled {
		a.checkRange(r, 8)
	}
	return load64(a.top.ptr(r))
}

// Store64 writes the word Load64 reads, copying first where Mut would.
func (a *Arena) Store64(r Ref, v uint64) {
	if raceEnabled {
		a.checkRange(r, 8)
	}
	store64(a.writable(r), v)
}

// UsedBytes returns the bytes of all allocated blocks, each counted with the size of its class. It changes with
// every Alloc and Free, at once.
func (a *Arena) UsedBytes() int64 { return a.used }

// Stats is what an arena holds at one moment.
type Stats struct {
	UsedBytes   int64 // allocated blocks, by class size
	Blocks      int64 // allocated blocks
	Pages       int64 // pages of slabs that hold them
	PageBytes   int64 // memory taken from the system and not given back: live, retired and idle pages
	IdleBytes   int64 // of PageBytes: free, waiting for reuse or Reclaim
	ViewBytes   int64 // of PageBytes: old versions kept for views (or for closed ones, until Reclaim reaches them)
	Views       int   // open views
	CopiedBytes int64 // copied on behalf of views since New
	TableBytes  int64 // page tables and slab records, in the Go heap
}

// Stats returns the arena's figures.
func (a *Arena) Stats() Stats {
	a.settle()
	return Stats{
		UsedBytes:   a.used,
		Blocks:      a.blocks,
		Pages:       a.pages,
		PageBytes:   int64(a.frames.touched) * PageSize,
		IdleBytes:   int64(a.frames.touched-a.frames.used) * PageSize,
		ViewBytes:   a.viewPages * PageSize,
		Views:       len(a.views),
		CopiedBytes: a.copied.Load(),
		TableBytes: int64(len(a.top))*int64(unsafe.Sizeof(leaf{})+unsafe.Sizeof(slabChunk{})) +
			int64(len(a.numbers.chunks)+len(a.frames.chunks))*int64(unsafe.Sizeof(buddyChunk{})) +
			int64(len(a.spans))*int64(unsafe.Sizeof(span{})),
	}
}
