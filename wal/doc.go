// Package wal is the log: it makes the stream of effects durable as Redis 7's append-only files, says when replies may
// leave, and reads the files back with exact positions.
//
// The stream is one sequence of RESP commands, the same bytes that replicas get. A position in it is an [LSN]. A [Log]
// is written by one executor ([Log.Commit]); a [Reader] reads one increment; [ReadDirectory] says which files there are.
//
// # Files
//
// All lie in one folder (dir/appenddirname); name is appendfilename, n and g are decimal numbers.
//
//	name.manifest            which files make up the data set, in Redis's format and nothing else; replaced by rename
//	name.manifest.g.fr       companion of one manifest: what Redis's format has no room for; durable before its manifest
//	name.manifest.g.twin.fr  the same bytes once more: any one of manifest, companion and twin may be damaged
//	name.n.base.rdb .aof     the state at one position; made by a rewrite, renamed when whole, never changed
//	name.n.incr.aof          the stream from there on; only the last is written to, the others are sealed
//	name.epoch.fr            which start of a server wrote here last; replaced by rename at each start
//	name.ring.fr             the commit ring: what replies wait for under always; made at its first use by temp, sync, rename, and
//	                         then only overwritten. A second one may lie in another folder (Options.RingDir)
//	name.watermark.fr        up to where the log is durable; overwritten in place once a second, and at a clean stop
//	temp-name.held           the stream while a log's first base is made ([Held]); it becomes the first increment by rename
//	temp-name.*              being made; removed at the next start, unless it is the half of a repair (see Crash)
//
// Just before a switch the next increment lies there empty, and a companion that has yet to be filled; no manifest has them.
//
// The manifest of a rewritten log calls the files of the generation before "history" until they are deleted. With
// Options.Annotate off there are only the files that Redis knows.
//
// # Layout
//
// An increment is text: RESP multibulks with decimal counts, and lines that begin with '#', which Redis's loader and
// redis-check-aof skip wherever a command may begin, also between MULTI and EXEC. Three kinds of lines occur:
//
//	#FR1 id=.. epoch=.. lsn=.. ms=.. len=.. sum=.. durable=.. [prologue=..] cs=..  CR LF   ours (type Line)
//	#TS:<unix seconds>                                                            CR LF   Redis's aof-timestamp-enabled
//	#<anything>                                                                      LF   somebody's; skipped
//
//	+----------+------------------+----------------------+------+-----------------+------+------- - -
//	| prologue | its line (len=0) | commands, len bytes  | line | commands        | line | commands
//	+----------+------------------+----------------------+------+-----------------+------+------- - -
//	0          ^ only if the stream's database is not 0  ^ lsn, sum of the len bytes before
//
// A line of ours stands behind whole units and tells of the stream bytes since the line before, or since the file's
// beginning: history and epoch that wrote it, the position it stands at, the time, how many bytes there were and their
// digest, and how far the log was durable. It is written before a background sync, behind each group commit under
// always, behind the commit that reaches 64 KiB, when an increment is sealed, at the end, and in front of what a new
// start appends to unproven bytes; never first in a file, never because time passes.
//
// Loaders begin each file in database 0, while the stream goes on across files. So an increment that begins in another
// database starts with a prologue, a SELECT that is no part of the stream. The line behind it has prologue=<its bytes>,
// len=0 and the prologue's digest.
//
// Positions are not in the commands: the companion has the position where each increment begins, lines have their own,
// and every byte of a command counts one. MULTI to EXEC never crosses increments.
//
// The companion is lines of name-value pairs like the manifest's:
//
//	FR-FACTS 1
//	generation 7 uuid <32 hex> manifest <digest of the manifest's bytes> id <40 hex> epoch 3 lsn 0 [cut <file>]
//	file <name> seq 1 type i uuid <32 hex> startoffset 0 db 0 endoffset 5000 size 5230 sum <32 hex>
//	file <name> seq 2 type i uuid <32 hex> startoffset 5000 db 3
//	cs=<16 hex>
//
// endoffset, size and sum (of all bytes of the file) are those of sealed files. db is the stream's database where an
// increment begins, -1 before any SELECT. There is a line for each of the manifest's; of a file that another server made it says no more than that
// does. So a damaged manifest is made anew from it, byte for byte ([Facts.Rebuild]).
//
// The epoch file and the watermark file hold one line each in three copies, every copy in a cell of 4 KiB filled up with
// zeros: a header ("FR-EPOCH 1", "FR-WATERMARK 1"), name=value fields, cs=<16 hex>.
//
// The commit ring (CommitRing) is two halves of equal size, each a sequence of frames that begin at multiples of 4 KiB, hold the
// commits of a turn or more each, and stand at the same place in both. Numbers are little-endian. What follows the payload up to the next
// multiple of 4 KiB is zeros. A frame does not wrap around: what does not fit at the end of a half goes to its beginning.
//
//	0       16         24     25   28   32     48      64    72      80      88    96      104        112
//	+-------+----------+------+----+----+------+-------+-----+-------+-------+-----+-------+----------+-------- -
//	| sum16 | FR-RING1 | kind | 0  | db | log16| prev16| seq | epoch | start | end | filed | incr seq | incr pos
//	+-------+----------+------+----+----+------+-------+-----+-------+-------+-----+-------+----------+-------- -
//	120      128     136        176  192
//	+--------+-------+----------+----+------------------- - -
//	| millis | place | id 40    | 0  | payload, end-start bytes of the stream
//	+--------+-------+----------+----+------------------- - -
//
// kind is 0, or 1 for a descriptor, which has no payload: the increment has the range. log is the companion's uuid, prev the sum of the
// frame before (zeros for the first of an epoch), seq one more than that frame's, or three more if something between them failed, place the offset within the half. filed is up to where the increments were durable, which is
// byte "incr pos" of increment "incr seq". A frame's room is used again only when the increments are durable up to its end, and covered
// ([Cover]). Bytes that several frames have, of the same epoch, are the same.
//
// # Checksums
//
// A frame's sum is XXH3-128 of everything behind it up to the payload's end. sum is XXH3-128, cs is XXH3-64 of everything before the token "cs=" in its line, companion or copy. They find damage,
// not tampering. A sum that differs means that bytes changed between the two lines; where, it does not say. The
// manifest has none of its own: its digest is in the companion, and a manifest that has no companion is a stock server's.
//
// # Limits
//
// Lines of ours are below 512 bytes (Redis takes 1023 and calls more a format error); manifest lines 1024 with their
// newline; counts and lengths 18 digits. The reader's memory is bounded by the largest command that is really there,
// never by what a header claims. A log holds in memory what may have to be written again, at most about
// Options.PendingLimit, then [Log.Full] stops the intake.
//
// # Crash
//
// A crash leaves a prefix of the last increment, perhaps with zeros behind where bytes had not arrived, and after a power
// failure perhaps with holes before that. A reader calls an end torn that the file's end or zeros cut short, and cuts
// nothing else; a unit whose EXEC is missing is torn as a whole. It calls it corrupt if something whole follows, which the
// death of a process cannot leave and a changed length digit does: a line of ours, or commands in a row. A power failure
// can: there the watermark in the lines behind tells a hole from bytes that changed ([Reader.DurableBehind]). Other holes
// are found by the next line's digest, and everything a sync covered ends with a line; so after a power failure what lines
// prove, or the watermark, counts, and after the mere death of the process every whole unit counts.
//
// A manifest is replaced in one step and its companion is durable before, so one generation is whole at every instant.
// With the ring the increment follows: a start takes the stream from the increments as far as they are whole, and what lies behind
// from the frames of the last epoch ([ReadRings]), and appends that to the last increment ([Extend]) before its own epoch begins. A frame
// that is torn in both halves was the last one, and not acknowledged; torn or lost in one half, the other has it. A stock server sees the increments only.
//
// An increment never gets a byte before the manifest naming it has its name, nor after its successor has; under always not before that
// manifest is durable. Under everysec and no a power loss in the few milliseconds between the two goes back to the manifest before, whose
// last increment is durable to its end; what its successor got counts for nothing then, and no sync had covered it. An increment that no
// manifest has, and companions newer than the one in force, whole or not, are such a switch's, and cleared away.
//
// A log that begins while the stream flows ([Begin] with a [Held]) has its first increment before its manifest: that is durable, then it gets its
// name, then the manifest. Until then none of it counts, nothing of it was called durable, and what a crash leaves of it is cleared away or replaced.
//
// After an I/O error the bytes behind the last good sync are written to a new increment, and the spoiled one is cut
// there. Between the cut and the new manifest only the new increment has them: the manifest then lies ready as
// temp-name.manifest, the companion names the file that was cut, and [ReadDirectory] goes on with them (Directory.Mending).
//
// # Versions
//
// Stock Redis 7.0 to 7.4 reads all of it and drops what is ours at its next rewrite. Tokens and pairs that a reader does
// not know it skips, after the checksum; what an older reader must not skip needs a new prefix (#FR2, FR-FACTS 2), which an
// older reader takes for somebody's comment, or refuses.
//
// # Source
//
// Manifest, file names, "#TS:" and loading rules: Redis 7.2.4 src/aof.c. Lines, companion, ring, epoch and watermark: ours. To look
// at one: frctl dump FILE.
package wal
