// Package btree is the ordered tree of the keyspace: sorted sets by score and member, lists as sequences of chunks, streams
// by id, pending entries, consumers and groups by name. It counts: the item at a position, the position of a key, and in
// trees with weights the item at a weight, are each one way down. Items are refs of entries, which are blocks in a
// kv/arena; how an entry looks is known to its owner, who hands in a Type. A tree lives wholly in the arena behind one
// root ref, so a View of the arena shows it as it was, to any goroutine.
//
// # Layout
//
// A B+tree. Every node is one block of packed slots, without a header (node.go): a leaf's are the items, ref and key words
// together, so that a search rarely looks at an entry; an inner node's are its children, each with the key of its first
// item and the sums of items and weights below it.
//
//	root block                          inner node                  leaf
//	0        8        16       24       +------+------+---          +------+------+---
//	+--------+--------+--------+---     | slot | slot | ...         | slot | slot | ...
//	| top    | items  | aux    | weight +--|---+------+---          +--|---+------+---
//	+---|----+--------+--------+---     ^  +-> inner node or leaf   ^  +-> entry
//	    +-------------------------------+---------------------------+
//
//	63                       8 7      0
//	+-------------------------+--------+
//	| bytes of all blocks     | levels |   aux; levels of inner nodes. Only weighted trees have the weight.
//	+-------------------------+--------+
//
// A link, the top or in a slot, holds a ref and the number of slots there. A block has room for what is in it and up to an
// eighth more, as the arena's size classes fit: an empty tree takes 24 bytes, one of three scores 72.
//
// # Shape
//
// A full node splits into halves, or gives slots to a neighbour where halves would be too few; only at the ends of the tree does
// the new slot begin a node of its own, so trees that grow at an end, like streams and lists, have full nodes. Two
// neighbours with one parent that have together no more than three quarters of a node's slots become one.
// All this touches one node a level, and its neighbours. Check says the invariants.
//
// # Limits
//
// Items: some 10^12, with maxHeight levels. Refs are those of the arena, below 2^48. Sums of weights are modulo 2^64; AtWeight
// needs that they do not wrap.
//
// # Views
//
// Reading never writes. An insertion or removal under an open view writes to the page of the root and, each level, that of a
// node; Replace and SetAt to the leaf's only, unless the item is its leaf's first or its weight changes.
//
// # Node size
//
// A million items in random order, and 10,000 more with a view open (BenchmarkGrow, BenchmarkView). zset has one word and
// compares entries, stream has two words; the items themselves are 16 and 24 bytes.
//
//	bytes of          bytes an item      copied, bytes a write
//	leaf    inner     zset     stream    zset      stream
//	 256      512     20.4     31.0      1,660     1,930
//	 512      512     19.0     28.7      1,840     2,310
//	 512     1024     18.9     28.6      1,650     1,900
//	 512     2048     18.9     28.6      1,710     1,940
//	1024     1024     18.4     27.9      1,870     2,680
//	1024     2048     18.4     27.9      1,910     2,660
//
// Hence 512 and 1024: the arena copies blocks of up to 512 bytes a page of 4 KiB at a time and larger ones by two pages and more,
// which matters for leaves, while inner nodes are few. Differences in time were below the noise.
//
// # Figures
//
// go test -bench . ./kv/btree, best of 3, on 2 virtual cores of an AMD EPYC that were busy with other work (load 4);
// Go 1.26. 512 KiB L2 a core. No operation allocates in the Go heap.
//
//	ns                                     zset                          stream
//	items                          1000   100,000  1,000,000     1000   100,000  1,000,000
//	Find                            197       519      1,141      195       428        993
//	Rank                            205       740      1,264      181       383        802
//	At                               98       302        424       93       258        502
//	Cursor.Next, in a view          8.7      11.8       28.7     10.8      16.8       45.3
//	Delete and Insert               745     1,228      2,340      809     1,435      2,671
//
//	making a tree of a million             zset      stream
//	Insert, ascending: ns, bytes an item   304 17.0  317 26.0
//	Insert, random: ns, bytes an item      1,263 18.9  1,337 28.6
//	Builder: ns an item                              111
//	Insert with a view open: ns            1,732     2,182
//
// # Source
//
// B-trees: Bayer, McCreight 1972. The layout is ours.
package btree

// The size of the largest nodes, in bytes; the package comment says why.
const (
	leafBytes  = 512
	innerBytes = 1024
)
