package recovery

import (
	"math/bits"

	"frankenredis/snapshot"
)

const (
	// orderFrom is the size of a snapshot from which ordering pays: a table that fits the caches has no misses to avoid.
	orderFrom = 16 << 20
	// A run that is ordered has so many items, and bytes of keys and values, at most: the more of its keys fall into each segment of a large
	// table, the fewer misses there are. Two of them, with their copies, take 10 MiB for a snapshot of 64 MiB and 180 MiB for one of 768 MiB or
	// more.
	leastItems, mostItems = 8 << 10, 128 << 10
	leastBytes, mostBytes = 2 << 20, 24 << 20
	// The first run is as small as this, so that the executor need not wait for it long; the following are so many times as far apart from
	// the beginning of the file, and from its end, as they are long: at neither end one core works while the other waits.
	firstBytes, runShare = 256 << 10, 3
	// largeDepth is how many runs travel; a third one would take half as much memory again.
	largeDepth = 2
	// orderLeast is how many items are worth being ordered.
	orderLeast = 1024
	// copyLimit bounds values that are copied into their place in a run; larger ones stay where they were read.
	copyLimit = 512
)

// itemBatch is what travels from the snapshot's decoder to LoadItems.
type itemBatch struct {
	items []snapshot.Item
	end   int64 // position in the snapshot behind the batch

	raw     *snapshot.Batch
	ordered []snapshot.Item
	bytes   []byte
	starts  []uint32
}

// fill reads the next items of a snapshot of about size bytes. finish is still to come.
func (b *itemBatch) fill(rd *snapshot.Reader, order bool, size int64) error {
	if b.raw == nil {
		if !order {
			b.raw = snapshot.BatchFor(size - rd.Pos()) // the last one only sees the end
		} else {
			items, bytes := int(min(max(size>>12, leastItems), mostItems)), int(min(max(size>>5, leastBytes), mostBytes))
			b.raw = snapshot.NewBatch(items, bytes)
			b.ordered = make([]snapshot.Item, items)
			b.bytes = make([]byte, 0, bytes)
		}
	}
	if order {
		pos := rd.Pos()
		b.raw.Bound(int(max(firstBytes, min(pos, size-pos)/runShare)))
	}
	err := rd.Next(b.raw)
	b.end = b.raw.End
	return err
}

// finish makes the items ready, and puts them into the order of their hashes.
func (b *itemBatch) finish(f *snapshot.Finisher, order bool) error {
	err := f.Finish(b.raw)
	b.items = b.raw.Items
	if order && len(b.items) > orderLeast && b.items[0].DB == b.items[len(b.items)-1].DB {
		b.sort()
	}
	return err
}

// sort orders the items by the leading bits of their hashes, in one pass, and lays their bytes out in the same order:
// the executor then walks through memory instead of jumping.
func (b *itemBatch) sort() {
	n := len(b.items)
	shift := 64 - bits.Len(uint(n))
	b.starts = append(b.starts[:0], make([]uint32, 1<<(64-shift)+1)...)
	for i := range b.items {
		b.starts[b.items[i].Hash>>shift+1]++
	}
	for i := 1; i < len(b.starts); i++ {
		b.starts[i] += b.starts[i-1]
	}
	out := b.ordered[:n]
	for i := range b.items {
		place := &b.starts[b.items[i].Hash>>shift]
		out[*place] = b.items[i]
		*place++
	}
	b.bytes = b.bytes[:0]
	for i := range out {
		out[i].Key = b.move(out[i].Key)
		out[i].Value = b.move(out[i].Value)
	}
	b.items = out
}

// move copies short bytes to the end of those copied before.
func (b *itemBatch) move(p []byte) []byte {
	at := len(b.bytes)
	if len(p) == 0 || len(p) > copyLimit || len(p) > cap(b.bytes)-at {
		return p
	}
	b.bytes = append(b.bytes, p...)
	return b.bytes[at:len(b.bytes):len(b.bytes)]
}
