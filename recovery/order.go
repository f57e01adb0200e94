package recovery

import (
	"math/bits"

	"frankenredis/snapshot"
)

const (
	// orderFrom is the size of a snapshot from which ordering pays: a table that fits the caches has no misses to avoid.
	orderFrom = 16 << 20
	// runItems and runBytes bound a run that is ordered: so long that several of its keys fall into each segment of a large
	// table, so short that a few of them are no burden on the memory (some 10 MiB each).
	runItems = 32 << 10
	runBytes = 4 << 20
	// itemsAtOnce is how many items LoadItems gets at most: the executor answers clients in between.
	itemsAtOnce = 512
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

// fill reads the next items, and puts them into the order of their hashes.
func (b *itemBatch) fill(rd *snapshot.Reader, order bool) error {
	if b.raw == nil {
		b.raw = new(snapshot.Batch)
		if order {
			b.raw = snapshot.NewBatch(runItems, runBytes)
			b.ordered = make([]snapshot.Item, runItems)
			b.bytes = make([]byte, 0, runBytes)
		}
	}
	err := rd.Next(b.raw)
	b.items, b.end = b.raw.Items, b.raw.End
	if order && len(b.items) > 2*itemsAtOnce && b.items[0].DB == b.items[len(b.items)-1].DB {
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
