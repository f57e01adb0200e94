// Command savebench measures what saving costs clients, and how fast data comes back, beside redis-server in the same run.
//
// # Method
//
// redis-server is filled with -size bytes of mixed data and saves it once; both servers, one after the other, then start from that very
// file, so that they hold the same (their DEBUG DIGEST is compared). Each is put under an open loop: -rate requests a second, half of them
// writes, are sent when they are due, whether or not earlier ones were answered, and latency counts from when a request was due. A
// single connection sends PING after PING beside it; its longest round trip is the longest pause. Measured are the quiet server,
// BGSAVE, and BGREWRITEAOF; a BGSAVE and a rewrite without load tell how long each takes by itself. Then the file, and an append-only file of
// commands that redis-server made of the same data, are loaded by both with a warm cache.
//
// The client shares the machine with the server and is in the figures of both. Memory is what each server says it copied
// (rdb_last_cow_size, aof_last_cow_size), and the growth of the resident set of the process itself. Turns and phases are our executor's
// own figures (fr_turn and fr_phase_* of INFO), which redis-server does not have; the processor time of a turn is what it took by itself, its
// length also what it waited for a core that others had.
//
// # Files
//
// NAME.json and NAME.md in -out, as cmd bench leaves them.
package main
