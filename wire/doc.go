// Package wire carries clients: it accepts connections, moves bytes between sockets and the executor, enforces the
// limits on both directions and holds replies back until the log covers them.
//
// The Reactor is an epoll loop on the executor's own thread: plain TCP, unix sockets and TLS. A TLS handshake runs in a goroutine of its
// own, behind it crypto/tls reads and writes on the executor as the system does, without waiting.
//
// # Holding replies back
//
// At the end of a turn what a client was answered becomes a chunk marked with the end of the effect stream at that
// moment. A chunk leaves when the log says that this position is released (I2): at once when nothing is pending. Chunks
// of one connection leave in order, so a read that overtook a write's sync cannot show the write early.
package wire
