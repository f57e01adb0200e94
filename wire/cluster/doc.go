// Package cluster is a node of a cluster: which hash slots there are, who serves each, in which file that is kept, and how nodes agree
// on it. It knows neither clients nor commands; the server is a [Host], connections are [Conn]s, and time is told.
//
//	slot.go, node.go, state.go    what this node knows; the executor's
//	file.go                       nodes.conf, and CLUSTER NODES
//	message.go                    the bytes of the bus
//	bus.go                        links, and what comes over them
//	bus_gossip.go                 pings, handshakes, what nodes tell of each other
//	bus_slots.go                  whose claim to a slot counts
//	bus_failure.go                who fails
//	bus_election.go               who takes over
//	bus_cron.go                   what time asks for
//
// # Promises
//
//   - A node votes at most once in an epoch, and remembers it: what a message rests on is in the file before the message leaves ([Bus.Flush]).
//   - Of two claims to a slot the one with the higher configuration epoch counts, everywhere; no two primaries that serve keep one epoch.
//   - A replica takes over with the votes of most primaries only, or because an administrator says so.
//
// As in Redis, writes that a primary took while it was cut off from most others, or had not yet sent to its replica, are lost when another
// takes over.
//
// # The bus
//
// A TCP port of its own, 10000 above the one for clients or cluster-port. Each node connects to every other. The messages are Redis's,
// with the extensions of 7.2 (host name, name, shard, nodes to forget); drawings stand in message.go. A frame is at most 1 GiB, and takes
// memory as it arrives.
//
// # The file
//
// nodes.conf, text, one line a node and a last one of variables:
//
//	id ip:port@busport,host[,name=value]... flags primary ping pong epoch link [slot|from-to|[slot->-id]|[slot-<-id]]...
//	vars currentEpoch N lastVoteEpoch N
//
// It is written to a temporary file, synced and renamed. A line that does not fit makes the file corrupt: the node does not
// start. Source: Redis 7.2.4 src/cluster.c and cluster.h.
package cluster
