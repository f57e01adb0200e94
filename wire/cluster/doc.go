// Package cluster is what one node knows of a cluster: which hash slots there are, who serves each, and in which file that is
// kept. It knows neither clients nor commands.
//
// The bus by which nodes tell each other what they know is not here: other nodes are known only from a nodes.conf that names
// them, and nothing is ever heard of them. So they count as failing once cluster-node-timeout has passed, as they would for a
// Redis that cannot reach them.
//
// # The file
//
// nodes.conf, text, one line a node and a last one of variables:
//
//	id ip:port@busport,host[,name=value]... flags primary ping pong epoch link [slot|from-to|[slot->-id]|[slot-<-id]]...
//	vars currentEpoch N lastVoteEpoch N
//
// It is written to a temporary file, synced and renamed. A line that does not fit makes the file corrupt: the node does not
// start. Source: Redis 7.2.4 src/cluster.c clusterLoadConfig, clusterGenNodeDescription.
package cluster
