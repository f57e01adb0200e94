// Package recovery brings a data set back at start: it finds the files, reads and judges all of them, loads what they
// hold, and only then mends on disk what a crash left behind. It writes down what it saw, decided and did.
//
// # Files
//
// With the append-only file on: everything in dir/appenddirname that belongs to appendfilename (package wal), under the
// lock <appendfilename>.lock.fr, and an old-style append-only file dir/appendfilename, which is moved into the folder as
// Redis 7 does it. With it off: dir/dbfilename. Bytes that are cut from a file are first copied into
// dir/appenddirname/quarantine, under a name that says where they stood; nothing ever deletes them from there.
//
// # Order
//
// Lock; read and judge; load; act; report. Loading into memory is not acting: when a later file refuses, the process ends
// and nothing on disk has changed (I19). The acts are few: copy the end of a torn increment to the quarantine, sync,
// cut it off, sync; move an old-style file; move an increment there that was begun and never named. Each may be cut short and repeated (I18).
//
// # Judging the end of the last increment
//
//	end within a unit (torn)          cut there, if aof-load-truncated; never below the watermark (I16)
//	whole units behind the last       the same boot of the machine: they count, the page cache was intact (I4);
//	line of ours or the watermark     another boot: they are not proven and are cut like a torn end, unless another
//	                                  server wrote them after us: then Redis's rules, they count
//	shorter than the watermark        corrupt: durable bytes are gone; refused
//	bytes that are no command, or     corrupt; refused, with the position
//	content behind the place where
//	the file seems to end
//	the same after another boot       below the watermark, also that of any line behind the damage: corrupt; refused.
//	                                  Above: sectors that were in flight, unproven like all behind the last line before
//
// The commit ring (package wal) has the stream's last bytes under always. What it has behind the end of the last increment is loaded, and
// appended there. It also stands in for an end that is torn, changed or unproven, if it has everything from there on: then that end is cut,
// in whatever mode. If the increment has a SELECT or MULTI where the ring has another command, and nothing of ours behind it, another
// server went on there: the ring is set aside. A ring that does not follow the increment is refused: durable bytes are gone.
//
// Anywhere else, a torn file is as fatal as a corrupt one. A file that another server wrote has no lines and no
// watermark: it is loaded by Redis's rules, the rules above that need neither included.
//
// Refused means: Boot logs why, in Redis's words where Redis has them, and returns a *Refusal; the server exits with 1.
// It never starts empty over data it could not read: append-only files without their manifest are refused too, unless
// they hold nothing.
//
// # Identity
//
// A clean stop keeps the replication id. After anything else the id is new, and the old one becomes the second id, valid
// up to the recovered position. The epoch always grows (I6).
//
// # Source
//
// Redis 7.2.4 src/aof.c (loadAppendOnlyFiles, aofUpgradePrepare) and server.c (loadDataFromDisk); the log lines as
// redis-server 7.0.15 printed them over damaged files. The rest is ours (design: Recovery).
package recovery
