// Package dict is the hash table of the keyspace, its expiry index, and big hashes, sets and
// sorted sets: it finds entries, which are blocks in a kv/arena, by key. It stores refs to them;
// how an entry looks is known to its owner, who hands in a Type. A dict lives wholly in the arena
// behind one root ref, so a View of the arena shows it as it was, to any goroutine.
//
// # Layout
//
// Extendible hashing by the leading bits of the hash. A directory leads to segments of up to
// 64 entries; segments split and merge one at a time. All order is the hash's own: a scan's
// cursor is a place in the hash space and survives any change of shape (see Dict.Scan).
//
//	root block                node: 2..256 words              segment: 1..64 slots
//	0        8       16       +------+------+---     0        +------+------+---
//	+--------+-------+---     | word | word | ...             | slot | slot | ...  by tag
//	| length | top   |        +------+--|---+---              +------+--|---+---
//	+--------+---|---+---         ^     +-> node or segment       ^     +-> entry
//	             +----------------+-------------------------------+
//	16       24       32
//	+--------+--------+
//	| bytes  | levels |   bytes of all blocks; depths in use (levels.go) or how far Free is
//	+--------+--------+
//
// A word (word.go) holds a ref and all that a lookup must know about the block, so no block
// needs a header that costs a cache miss. A slot is a 48-bit ref and a 16-bit tag of hash bits. A
// segment's slots are sorted and packed: since tags are uniform, a slot is found by guessing its
// place, one or two cache lines away at most, and the block is as full as the arena's size classes
// allow. A dict of ten entries takes 112 bytes.
//
// Tags save the hashing of entries in a split or merge: six or seven splits consume their bits
// one by one, then a segment's entries are hashed again (Type.Hash), at most 64 of them at once.
//
// # Limits
//
// Entries: 2^32 segments, that is some 10^11. Refs are those of the arena, below 2^48. A lookup reads
// the root, a node for each 8 bits of depth (2 for a million entries, 4 for a thousand
// million), a segment and the entry. An insertion moves at most one segment and doubles at most one
// node of 2 KiB. When over 64 entries agree in the first 32 bits of their hashes, which a keyed
// hash does not let happen, they form a chain (chain.go): right, but slow.
//
// # Views
//
// Reading never writes. An insertion or removal under an open view writes to the page of the
// root, that of the segment, and that of its node; Replace to the segment's only.
//
// # Figures
//
// go test -bench . ./kv/dict, best of 6 (Insert: each insertion's best of 3), on 2 virtual cores of an AMD
// EPYC that were busy with other work too; Go 1.26. 512 KiB L2 a core, a miss of it costs 100 to 200 ns. Entries of
// 104 bytes, 16-byte keys, the hash computed beforehand (Hash: 15 ns).
//
//	entries                       1000    10,000   100,000   1,000,000   3,000,000
//	Find hit, ns                    48        53       204         446         536
//	Find miss, ns                   38        41        68         190         325
//	Find hit behind Warm, ns                                       214         240
//	Random, ns                                          86         236
//	Frozen Each, ns an entry                                       110
//
//	Insert, 3 million: mean 400 ns, p99.9 3.5 us, p99.999 19 us, longest 35 us
//	    (those over 12 us are the arena's, which takes 2 MiB more from the system)
//	Table bytes an entry: 9.0 to 9.1 while growing, 10.2 after each entry was replaced three times
//
// # Source
//
// Extendible hashing: Fagin, Nievergelt, Pippenger, Strong 1979. SipHash: Aumasson, Bernstein 2012, here
// with 1 and 3 rounds as in Redis. The layout is ours.
package dict
