// Package kv is the keyspace: databases of keys with their values, expiry, and history of uses, in an arena outside the
// collected heap, with exact byte accounting and consistent frozen views for savers.
//
// Everything but a Frozen belongs to one goroutine, the executor. Nothing here knows the wall clock: what expires is
// decided by the time last given to SetNow (budgets alone are measured).
//
// # Layout
//
// An entry is one arena block, little-endian, at most arena.MaxBlock bytes:
//
//	header   8 bytes
//	expiry   8 bytes, Unix milliseconds; only if volatile
//	key      if big: a blob's descriptor (24 bytes) and the key's hash (8 bytes)
//	value    if int: the number (8 bytes); if big: a blob's descriptor (24 bytes)
//	key      if not big: its bytes
//	value    if neither int nor big: its bytes
//
// and the header, from the lowest bit:
//
//	 0      3         7          8         9           10      14        26          40       64
//	+------+----------+----------+---------+-----------+-------+---------+-----------+--------+
//	| type | encoding | volatile | big key | big value | words | key len | value len | access |
//	+------+----------+----------+---------+-----------+-------+---------+-----------+--------+
//
// words counts the 8-byte words before the key's bytes, so that a lookup needs no cases to find them. access is the LRU
// clock or the LFU counter; it is written only where that copies no page, so it rests while a view is open.
//
// Keys over 4095 bytes and values that would make the entry too long are blobs: trees of chunks of 8 KiB, 1024 to a table.
// A descriptor holds the root (48 bits) with the tree's height above it, the length, and the arena bytes held. Absent
// chunks are zeros, so a SETRANGE far beyond the end costs one chunk. Writing touches the chunks concerned and the tables
// above them; renaming moves the descriptor only.
//
// A collection is packed (a listpack or an intset: one byte string, kept as a string's bytes are) or, when it is large, a table:
// three words in the entry that lead to dicts and trees of blocks of its own (table.go, element.go). It is read through a
// Value, live or in a view, and changed through an edit (edit.go), one at a time. Each type has its files: hash, set, zset,
// list, stream.
//
// Each database has two tables (package dict) over the same entries: all of them, and the volatile ones. An entry that
// changes its size may change its place; both tables follow.
//
// # Memory
//
// UsedBytes is the sum of allocated blocks, less what a command has removed but LazyFree has still to free: values over
// 512 KiB and flushed databases are freed in slices after the command. The exceptions are UNLINK and asynchronous flushes,
// whose memory leaves the account as it is freed, and which count as pending objects until then, as in Redis.
//
// Three million keys of 16 bytes with values of 64 bytes take 97 bytes a key in blocks, 102 with partly filled pages and the
// page table; a freeze then takes about 30 microseconds and a collection of the Go heap a few milliseconds at most
// (BenchmarkFootprint).
//
// Deletions at random leave pages with little in them; Defrag (defrag.go) moves what is left together, in slices.
//
// # Source
//
// Observable behaviour (encodings, expiry, LRU and LFU, the sampling of active expiry) follows Redis 7.2.4 (src/object.c,
// db.c, expire.c, evict.c); representation and freezing are ours.
package kv
