// Package arena is the keyspace's memory: blocks in pages outside the Go heap, named by numbers instead of pointers,
// with consistent views that cost microseconds to make.
//
// The collector sees none of it, whatever its size. Every byte is accounted for at once, and empty pages go back to
// the system in slices. Freeze makes a View, the whole arena as of that instant, which any goroutine may read while
// the owner goes on changing things: the first change to a page that a view needs goes to a copy of the page.
//
// # Layout
//
// A Ref is the address of a byte: the number of a page, and an offset in it. Numbers are turned into memory by a table
// of two levels, because the live side of a page moves when it is copied:
//
//	 47               21 20         12 11          0
//	+------------------+-------------+-------------+
//	| leaf             | page        | offset      |
//	+------------------+-------------+-------------+
//	  top []*leaf --->   leaf[512] -----> 4 KiB
//
// Frozen memory is never written. Freeze copies top, and from then on a leaf that the copy shares is itself copied
// before its first change, as a page is. So a View needs no lock: it has its own top, and what it leads to stays as it is.
//
// Pages form slabs of 1, 2, 4 or 8, each cut into blocks of one size class (class.go), each a unit of freezing. Slab
// records (slab.go) are kept apart from the pages: allocating writes to no frozen page, freeing to no page at all.
// While a view is open new blocks come from pages that are not frozen. Behind page numbers lie frames, pieces of
// memory mapped 16 MiB at a time (frame.go). The old frame of a copied slab is left to the newest open view;
// when that ends, it passes to the next older one that sees it, or is free. One copy thus serves all views.
//
// Who can give a block another place, and has many of them, asks Leave before a change: then the block is copied instead of its page, and the
// figures below are for the tables alone that lead to the blocks.
//
// Only the owner of blocks can move them, for only it knows where their refs stand. Survey, Move and Settle (compact.go) help
// it to empty the slabs that hold little.
//
// # Page size
//
// 3 million blocks of 88 and 96 bytes (276 MB), random writes to single blocks with a view open, then its share of
// memory; two cores (EPYC, virtual), CPU time; BenchmarkView. Page faults are most of a write's time.
//
//	page     10,000 writes                   100,000 writes       memory    MaxBlock
//	         copied   bytes a    us a        copied   us a        a block
//	                  write      write                write
//	 4 KiB    13.8 %   3,808      2.9        78 %     2.7         95.3        8 KiB
//	 8 KiB    25.6 %   7,072      6.6        95 %     3.1         93.6       16 KiB
//	16 KiB    44.8 %  12,367     11.4       100 %     2.8         93.3       32 KiB
//	32 KiB    69.4 %  19,141     16.6       100 %     2.8         93.0       64 KiB
//	64 KiB    90.4 %  24,946     21.3       100 %     2.7         93.0      128 KiB
//
// Hence 4 KiB: a fork, for comparison, copies 1.7 to 2 pages of 4 KiB a write in stock Redis. What 4 KiB alone would
// cost, coarse classes above 512 bytes, the slabs of several pages avoid.
//
// Other figures, same machine and load: Freeze 10 to 25 us after other work, 2 us when its data is cached; a forced
// collection 3 to 6 ms; At, Mut (no view open) and Load64 4 to 7 ns, 120 to 160 ns on blocks not in the caches; Free
// and Alloc together 23 ns, 360 ns not cached; the first use of memory from the system 2 to 3 us a page.
//
// # Limits
//
// Blocks are at most MaxBlock bytes. An arena can number 16 TiB. When the system refuses memory the arena panics:
// keeping below a limit is up to its user, with UsedBytes.
//
// # Catching mistakes
//
// The race detector does not see memory outside the Go heap. Under it, pages come from the Go heap, and At, Mut,
// Load64 and Store64 check that they stay inside one allocated block. Options.Protect lets the processor refuse
// writes to frozen pages. Both fill blocks with junk when they are allocated and freed. Check verifies an arena's records.
package arena
