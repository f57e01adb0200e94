// Package conformance tests the server as its users meet it: as processes, sockets and files.
//
// It imports nothing of the rest of the repository, so every test runs unchanged against any server that takes redis-server's
// arguments: FR_SERVER=/usr/bin/redis-server go test ./conformance. Without FR_SERVER it builds and tests ./cmd/frankenredis.
// Where Redis promises less than we do, a test says so and does not ask that much of a stock server.
//
// The servers to compare with come from conformance/peers.sh. Without them a run says what was not compared; with CI=true it fails.
//
//	FR_SERVER   the server under test
//	FR_PEERS    where peers.sh unpacked the peers (default /opt/peers)
//	FR_LONG=1   the long forms: 100 rounds of kill -9, 90 of histories, a million commands through redis-cli --pipe, 1000 seeds of random commands
//	FR_TESTLOG  a file that gets a JSON line for each case (testbed.Entry); without it nothing is written
//	FR_CLIENTS  where clients/fetch.sh put client libraries of other languages (default /opt/clients); without them those tests are skipped
//	-update     write what redict answers into testdata (nothing else changes expectations)
//	-seed N     of the random comparison only this seed, or with -seeds as many from it on; -length says how long one is
//
// Nothing is left uncompared silently: what a test forgives, it names by an entry of DRIFT.md.
package conformance
