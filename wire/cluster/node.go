package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
)

// Flags say what a node is.
type Flags uint16

// The flags of a node, in Redis's bits and order.
const (
	Primary Flags = 1 << iota
	Replica
	PFail // not heard of for cluster-node-timeout
	Fail
	Myself
	Handshake
	NoAddr
	Meet // never shown
	MigrateTo
	NoFailover
)

// flagNames are what CLUSTER NODES shows, in its order.
var flagNames = []struct {
	flag Flags
	name string
}{
	{Myself, "myself"}, {Primary, "master"}, {Replica, "slave"}, {PFail, "fail?"}, {Fail, "fail"}, {Handshake, "handshake"},
	{NoAddr, "noaddr"}, {NoFailover, "nofailover"},
}

func (f Flags) String() string {
	var names []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	if names == nil {
		return "noflags"
	}
	return strings.Join(names, ",")
}

// AddressLen is how many bytes of an address other nodes are told.
const AddressLen = 45

// Node is one node of the cluster.
type Node struct {
	ID, ShardID string // 40 hexadecimal digits each
	Flags       Flags
	IP          string // "": not known
	Port        int
	BusPort     int
	TLSPort     int
	Hostname    string
	Name        string // for people
	Of          *Node  // of a replica: its primary
	Epoch       uint64 // configuration epoch
	Slots       int    // how many it serves
	set         slotSet

	offset   uint64    // where it says its stream ends
	pingSent time.Time // since when an answer is missing; zero: none is
	bus      nodeBus
}

// nodeBus is what the bus knows of another node.
type nodeBus struct {
	link, inbound *Link // to it, and from it; nil: none
	created       time.Time
	pong, heard   time.Time // when it last answered, and last said anything
	failed        time.Time // since when it counts as failing
	voted         time.Time // when this node last voted for one of its replicas
	orphaned      time.Time // since when it has slots and no working replica
	extensions    bool      // it understands them
	paused        bool      // its clients wait for a manual failover
	reports       map[*Node]time.Time
}

// ClientPort is where a client finds the node that speaks TLS or does not.
func (n *Node) ClientPort(overTLS bool) int {
	if overTLS {
		return n.TLSPort
	}
	return n.Port
}

// IsReplica says that the node copies another.
func (n *Node) IsReplica() bool { return n.Flags&Replica != 0 }

// Offset is where the node last said that its stream ends.
func (n *Node) Offset() uint64 { return n.offset }

// Linked says that there is a connection to the node.
func (n *Node) Linked() bool { return n.bus.link != nil && n.bus.link.conn != nil }

// Endpoint is where clients are sent: of the kind that cluster-preferred-endpoint-type names.
func (n *Node) Endpoint(kind string) string {
	switch kind {
	case "hostname":
		if n.Hostname == "" {
			return "?"
		}
		return n.Hostname
	case "unknown-endpoint":
		return ""
	}
	return n.IP
}

// randomID makes an id, 40 hexadecimal digits.
func randomID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
