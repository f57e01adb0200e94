package arena

// A slab is a run of 1, 2, 4 or 8 pages cut into equal blocks of one size class. Small blocks, of which there are
// many, live in single pages, so that a write under an open view copies little; larger blocks get larger slabs, so
// that their classes need not be far apart. A slab is frozen and copied as a whole.
const (
	maxOrder  = 3 // the largest slab is 1<<maxOrder pages
	minBlock  = 16
	maxSlots  = PageSize / minBlock // the most blocks a slab can hold
	fineLimit = 256                 // classes are 8 bytes apart up to here
	maxClass  = 127                 // bounds the list heads, see reservedPages

	// MaxBlock is the largest block in bytes. Larger values are their owner's tables of chunks.
	MaxBlock = PageSize << maxOrder / 4
)

// class describes one size class. Class 0 stands for "no slab here".
type class struct {
	size  uint32 // bytes, a multiple of 8
	slots uint32 // blocks in a slab
	order uint32 // a slab is 1<<order pages
	recip uint64 // offset*recip>>32 == offset/size for every offset inside a slab
}

var (
	classes   [maxClass + 1]class
	lastClass uint32
	classFor  [MaxBlock/8 + 1]uint8 // by (n+7)/8
)

// The classes: every multiple of 8 up to fineLimit; then what divides a page with little left over, 6 to 12 % apart,
// up to an eighth of it; then eighths to fifteenths of 2, 4 and 8 pages; last the 7th to the 4th part of 8 pages.
func init() {
	last := 0
	add := func(size, order int) {
		lastClass++
		classes[lastClass] = class{
			size:  uint32(size),
			slots: uint32(PageSize << order / size),
			order: uint32(order),
			recip: 1<<32/uint64(size) + 1,
		}
		last = size
	}
	for size := minBlock; size <= fineLimit; size += 8 {
		add(size, 0)
	}
	for k := PageSize/fineLimit - 1; k >= 8; k-- {
		if size := PageSize / k &^ 7; size >= last+16 && size > last*105/100 {
			add(size, 0)
		}
	}
	for order := 1; order <= maxOrder; order++ {
		for k := 15; k >= 8; k-- {
			add(PageSize<<order/k&^7, order)
		}
	}
	for k := 7; k >= 4; k-- {
		add(PageSize<<maxOrder/k&^7, maxOrder)
	}
	c := uint8(1)
	for i := range classFor {
		for uint32(i*8) > classes[c].size {
			c++
		}
		classFor[i] = c
	}
}

// BlockSize returns how many bytes a block for n bytes (1..MaxBlock) really takes: the size of its class, which is
// what Usable will say and UsedBytes will count.
func BlockSize(n int) int { return int(classes[classFor[(n+7)>>3]].size) }
