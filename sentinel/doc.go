// Package sentinel is what decides in Sentinel mode: it watches primaries, their replicas and the other Sentinels, agrees with
// those on who is down and who may act, and gives a primary's role to a replica.
//
// A Sentinel is a state machine without sockets, clocks and files: all of these are its World. It is driven by Tick, by the
// replies and messages that connections made by World hand it, and by the calls behind the SENTINEL command. Everything
// happens on one goroutine, the executor; nothing here waits, except that World.Save and World.Resolve may.
//
// # Durability
//
// What others may rest on is durable before they hear of it: a vote, an epoch adopted from others or opened for a failover,
// a configuration that was switched to. The state is lines of the configuration file (see Lines), which World.Save replaces
// as a whole and syncs. While a save fails nothing is voted for and no failover begins: a Sentinel that forgets its vote
// elects two leaders.
//
// # Elections
//
// Epochs only grow. Who sees a primary objectively down opens a new epoch and asks the others for their vote in it; each gives
// one vote an epoch and primary, to whom asks first. A majority of all known Sentinels, and at least the quorum, makes the
// leader of that epoch; so there is at most one. The epoch becomes the version of the configuration that the leader makes,
// and of two configurations the one with the larger version is believed.
//
// # Source
//
// Behaviour, commands, events and the file's directives are those of Redis 7.2.4's Sentinel, as documented and as observed.
package sentinel
