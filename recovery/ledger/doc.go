// Package ledger keeps the record of what a server decided about its data and at its doors: append-only lines on disk, each
// chained to the one before by a hash, bounded in size. It knows nothing of what the decisions are about and imports nothing
// of ours but the disk.
//
// # Files
//
// A folder, by default dir/ledger beside the append-only folder, holds segments named ledger.00000001.jsonl and so on, without a gap
// in the numbers. The highest is open, all others are sealed and never change again. ledger.lock is locked by the one process that
// writes; readers need no lock. ledger.temp is a segment being rewritten; what it holds counts for nothing.
//
// # Layout
//
// A segment is lines of JSON, UTF-8, each one object that ends with a line feed, at most 16384 bytes long. Members stand in the order
// of [Record], those that are empty or zero are left out; prev, seq, time, mode, rule, threat, decision, reason, durable and hash are always there.
//
//	{"prev":"<64 hex>","seq":7,"time":"...Z","mode":"strict","rule":20,...,"durable":6,"hash":"<64 hex>"}\n
//	|<------------------------ hashed ------------------------------------------->|
//
// # Hashes
//
// hash is SHA-256, in lower case hexadecimal, of the line's bytes from its first up to but without the 76 that end the line before the line feed:
// ,"hash":"<64 hex>"}  . As prev is among those bytes and equals the hash of the line before, each hash stands for all lines
// before it. seq counts from 1 by one. The very first line's prev is 64 zeros. durable is the highest seq that was known to be synced when the
// line was made.
//
// # Rollover
//
// A segment that has reached its size ends with a record of rule 2 (sealed). The next begins with one of rule 3 (segment), whose prev
// is the hash of that last line and whose input is "sha256:" and the digest of the whole sealed file. When there are more segments than the
// bound allows the oldest is removed; the chain then begins with the first line that is left, whose prev nobody can check.
//
// # Crash
//
// Lines are written and synced in batches. A crash leaves, at the end of the open segment, bytes that form no line, or lines whose chain is broken: the
// torn tail. A segment gets its name with its first line synced in it, by a rename. The next writer replaces the segment by its whole lines and a record of rule 4 (torn tail) that tells how many bytes went and
// their digest. It is damage, not a torn tail, when a whole line behind it says that what is broken was durable, or when the segment is not the
// last; then nothing is removed: the writer goes on in a new segment that begins with a record of rule 6 (damaged) and is chained to
// the last good line, and every later verification tells of the damage until the segment has been dropped.
// Whoever may write the folder can cut whole lines off its end and be unseen; keep the last hash elsewhere against that.
//
// # Digests
//
// "sha256:<hex>" is of all the bytes in question. "tail:<hex>" is SHA-256 of a file's size (8 bytes, little endian) and its last
// 4096 bytes, or all it has: enough to tell the states of a growing file apart without reading it. "aof:<hex>" is the digest by which package
// wal knows a whole sealed file.
//
// # Limits
//
// Texts are cut at the bounds beside their fields in [Entry]. A ledger takes at most Options.LimitBytes. Entries wait in a queue of Options.Queue; those that find it
// full are dropped and counted, and a record of rule 5 tells how many.
//
// # Versions
//
// A reader passes over members and rules that it does not know. Ours; to look at one: frctl evidence show.
package ledger
