// Package testbed starts servers as processes and talks to them over sockets, for tests that see nothing else.
//
// It knows no package of this repository: whatever is proved with it is proved of the binary. The server under test (the
// subject) is named by FR_SERVER, the path of any program that takes redis-server's arguments; without it the caller says
// which (conformance builds ./cmd/frankenredis). Real servers to compare with (the peers) come from the folder that
// conformance/peers.sh fills.
//
// # Processes
//
// A Server is one data directory and, while it runs, one process in it: Start, Kill (SIGKILL), Stop (SIGTERM), Restart in the
// same directory. Each listens on a free loopback port. A process ends with the test that started it, also when the test
// binary itself dies.
//
// # Clients
//
// A Client is a blocking RESP2/RESP3 connection with its own codec, for one goroutine. Format prints a Reply as redis-cli
// does on a terminal, SplitArgs reads a command line as redis-cli does.
package testbed
