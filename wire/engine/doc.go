// Package engine is the executor: one goroutine at a time, locked to its thread, that owns the working set and runs every
// command. It knows how any command runs and no command by name; what a command does lives in wire/command.
//
// # A turn
//
// The executor runs turns in fixed phases:
//
//	poll -> read and parse -> execute -> propagate -> commit -> release replies -> timers and background slices
//
// A Transport (package wire) brings bytes in and takes replies out. During "execute" each command appends its reply
// to the session's writer and its effects to the stream; "commit" hands the turn's effects to the log in one piece;
// "release" sends each reply as soon as the log covers the stream end at which the reply was made.
//
// # Invariants
//
//   - Log order is execution order is replication order (I7): effects are appended to one buffer by one goroutine, and
//     that buffer is committed before any reply of the turn can leave.
//   - A unit (a command with everything it causes, or a whole MULTI .. EXEC) is either wholly in the committed
//     buffer or not at all (I5): a turn ends between units only.
//   - No byte reaches a socket before the log covers what it shows (I2); see Release in turn.go.
//   - Expiry is an event: a key that expires is deleted here and its DEL goes into the stream (I20). While the log is
//     replayed nothing expires by the clock.
//   - The executor never waits: not for a disk, not for a socket, not for another goroutine. Others reach it through
//     Post only. One exception is bounded: where a turn leaves nothing else to do, its thread may wait for the commit ring
//     (wal.Log.CommitIdle). After 0.7 ms a second one, which stands by, goes on as the executor (relief.go).
//
// # Threads
//
// GOMAXPROCS is cores plus background workers, and background workers are locked to threads of their own at nice 19
// (see Background): measured with two busy goroutines on two cores, a loop that merely locks its thread woke up
// 16.7 ms late (p99), with the extra Ps 73 us, with the workers at nice 19 as well 25 us. Where others want the cores too, niceness is not
// enough: a wake-up waited behind a worker's time slice, 0.04 to 15 ms late (p99, six runs in turn), with slices of 0.1 ms 0.05 to 0.55.
// They yield as well, see Yielder: what is late without that is late up to a tick.
package engine
