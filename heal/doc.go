// Package heal keeps sidecars: files beside other files that find changed bytes and bring them back, exactly, as long as
// the damage stays within their budget. It knows files, not what they mean. Covered are files that no longer change, and files
// that are only appended to (Growing), up to where they are durable.
//
// # Files
//
//	ROOT/NAME                     the file that is covered; NAME is a path with slashes below ROOT, or an absolute one
//	ROOT/NAME.heal.tmp            what a repair writes that will replace the file
//	ROOT/heal/NAME.G.rs           its sidecar of generation G (decimal); in NAME, % is written %25 and / is written %2F
//	ROOT/heal/NAME.G.tail         of a growing file: copies of what has no parity yet
//	ROOT/heal/catalog.0 .1 .2     what is covered, three times
//	ROOT/heal/quarantine/         damaged bytes that a repair replaced, raw: NAME.G.POSITION, and .N behind if that was taken; at
//	                              position 0 also whole files as covered, which others took the place of (Keep)
//	ROOT/heal/lock                held by whoever writes here
//	ROOT/heal/server              how a server that holds the lock is reached; a hint
//
// A sidecar is written under a name of its own ending in .tmp, synced, read back, renamed, and the folder synced; then each
// copy of the catalog is replaced in the same way, one after the other; then the sidecar of the generation before is removed.
//
// # Layout
//
// Numbers are little-endian. The unit of damage is the cell, 4096 bytes. A file is cut into stripes of k*262144 bytes. A stripe
// of n bytes has k data shards of S bytes, where S is n/k rounded up to whole cells, and at least 17/m cells, rounded up, lying one
// after the other in the file; what the file lacks counts as zeros. So every stripe, however short, survives the loss of 64 KiB at any offset. Cell c of a stripe is row c mod (S/4096) of shard c div (S/4096). m parity shards belong to it.
// An empty file has no stripe.
// Each row of k+m cells is a code word of its own: any m of its cells can be missing. So m*S-4096 bytes in a row can be lost, at
// any offset within a stripe. Profiles (k+m) are 64+4, 64+8 and 16+8. The code is Reed-Solomon over GF(2^8) with polynomial
// 0x11D: the generator is the Vandermonde matrix a[r][c] = r^c (0^0 = 1), k+m by k, times the inverse of its upper k by k part. A file
// below 65536 bytes that does not grow has k = 1, m = 3, one stripe, S is its size rounded up to whole cells, and each parity shard is a plain
// copy of it, padded with zeros.
//
// A sidecar is a row of packets without gaps:
//
//	0       8        24      26     27      28       32         48           56       60     64
//	+-------+--------+-------+------+-------+--------+----------+------------+--------+------+---------+
//	| magic | digest | v = 1 | type | flags | length | uuid     | generation | stripe | part | payload |
//	+-------+--------+-------+------+-------+--------+----------+------------+--------+------+---------+
//
// The magic is "FRHEAL\r\n". length counts the payload. flags bit 0: keyed. A reader finds packets by looking for the magic at
// every position, not by where they ought to be, and drops each one whose digest, uuid or generation is not the one wanted.
//
//	type 1  info    stripe 0, part 0..2 (copy): size of the file u64, k u16, m u16, cell size u32, NAME
//	type 2  table   part 0..2 (copy): the digests of the stripe's data cells, 16 bytes each
//	type 3  parity  part = shard*(S/4096)+row: one cell of parity
//	type 4  catalog (in catalog files only, uuid 0, generation = serial, stripe and part 0): JSON
//	type 5  tail    stripe = the open one, part = cell of it: a copy of the cell's durable bytes, at most 4096
//
// They come as: info, all tables, per stripe (table, parity), info, all tables, info. A table has digests for the cells that hold bytes of the file only.
//
// The catalog is an object of NAME to an object of: uuid and root, 32 hexadecimal digits each; generation; size in bytes, 0 while the file grows; k; m; made
// and checked, when it was covered and last read whole, in milliseconds since 1970; growing, true or absent. Of the three copies the whole one with the highest
// serial counts.
//
// The sidecar of a growing file has profile 64+8 whatever its size, and for each stripe that is complete a block of 2326720 bytes:
// table, half of the parity, table, the other half, table. Its tail file has slots of 4160 bytes, each one packet: slots 0 and 1 take
// turns with the last cell, whole, partial or empty, and say how far the file is covered; slot 2+c holds cell c of the open stripe once it
// is complete. In a new file the first of those that take turns is written to both. When a stripe's block is durable, one says, with an empty cell 0, that the
// stripe behind it is open. What stands in other slots of stripes before that counts for nothing, and stays until the slot is used again. (Older versions
// cut the tail to nothing instead.)
// The open stripe is the highest that a tail packet names, or, without one, as many as the others have room for blocks; and if from there on blocks are complete, with every
// packet, the one behind them: blocks may be durable before a slot says so, several under one sync. One that is not complete counts for nothing there, as its stripe
// may be covered by copies still.
//
// # Checksums
//
// A digest is XXH3-128, big-endian as its authors print it; keyed, it is the first 16 bytes of HMAC-SHA256. A packet's covers
// byte 24 to its end. A cell's covers its 4096 bytes (the last one padded with zeros), with the seed XXH3-64(uuid, generation)
// + number*0x9E3779B97F4A7C15, where number counts cells from the start of the file; keyed, uuid, generation and number (u64)
// stand before the bytes. So a cell that is stale, or another's, or in another's place, differs too.
// The root is the first 16 bytes of SHA-256 (keyed HMAC-SHA256) over uuid, generation, size u64, k u16, m u16 and the digests of
// all data cells in order. It stands in the catalog only. A sidecar whose tables do not give the root is not used at all;
// a stripe whose three tables are lost counts by what its data says, and the root then decides. Unkeyed digests find damage, not
// tampering. A growing file has no root: its packets prove themselves, and a stripe whose three tables are lost is not covered.
//
// # Limits
//
// Names to 1024 bytes, catalogs to 16 MiB. A sidecar of profile 64+8 has at most 14 % of its file plus 1 MiB.
// Of a growing file it has at most 14 % plus 17 MiB, and grows with the file, never with the number of appends.
// Tables are held in memory while a file is read: 1/256 of it.
//
// # Crash
//
// Each file appears whole or not. A *.tmp is nobody's and is overwritten, or swept: a server removes, a moment after it opened the folder, and
// frctl when it has written there, what no catalog names, when all three are the same (Sweep). Until all three catalogs are replaced both sidecars
// exist, and the newest catalog that is whole decides which one counts; each names a sidecar that is durable. A repair overwrites
// damaged cells, after their bytes are durable in the quarantine, or, if the file lacks bytes or has some to be cut, replaces it by rename, or does
// that in place where there is no room for a second copy; it may be cut short and done again.
// Its tail is written so that a torn write loses no copy that was there before: complete cells have slots of their own, and
// are durable before a partial one behind them says so; partial ones take turns. A crash leaves one thing torn, a slot, copies or blocks. So where
// neither slot 0 nor 1 is a packet, or one is none and a copy or a block is not sound either, it was damage: the cover may have reached further, and is made
// anew. The generation before stays in the catalog until the new one covers as much.
//
// # Versions
//
// A reader drops packets whose version it does not know; a file whose catalog is of another version is not touched.
//
// # Source
//
// Ours. To look at one: frctl verify.
package heal
