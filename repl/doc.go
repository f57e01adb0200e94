// Package repl speaks PSYNC from both ends, as far as that is bytes, connections and positions: it knows nothing of commands.
//
//	link.go, link_handshake.go    a [Link] follows a primary: it connects, introduces this server, and asks for the stream from where it stands
//	link_transfer.go              a [Transfer] is the snapshot that comes instead, framed by its length or by a mark at its end
//	backlog.go                    a [Backlog] is the stream's latest bytes, once for all replicas: those that lag, and those that were away
//
// What comes over a link is handed to a [Follower]; the server's (cmd/frankenredis, replica_*.go) applies the stream in the executor's turns
// and takes snapshots up. The primary's side of a sync is there, too (primary_*.go).
//
// # Promises
//
//   - The stream of a replica is its primary's, byte for byte (I7): it goes into the log, the backlog and on to replicas of its own as it
//     came, and the position is the primary's.
//   - An acknowledgement is never ahead of what was applied and may be shown, nor its durable part ahead of the disk (I2, I8).
//   - A snapshot that is not whole changes nothing (I21).
//   - A replica that missed more than the backlog holds goes on from the increments of the append-only file, as far back as they prove the
//     stream, also behind a restart or a kill of the primary (I9, wal.Past); fr-aof-keep-generations keeps more of them.
//   - A promoted replica begins a history of its own whose past is its primary's; the new name is durable before the first byte that bears
//     it (I6, wal.Log.Rename).
//
// # Limits
//
// A line of the handshake has at most 1024 bytes. A primary is not limited otherwise, as in Redis; what waits for the executor is bounded
// by its Follower, and then TCP slows the primary down.
//
// # Source
//
// Redis 7.2.4 src/replication.c: the handshake, PSYNC, the framings, and the log lines.
package repl
