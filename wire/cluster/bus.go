package cluster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Bus tells other nodes what this one knows, and learns what they know. It belongs to the executor: frames, ends of connections and the
// clock are handed in, and what is to be sent is handed out by Flush, after the file holds what it may rest on.
//
// The rules in short. Every node has a link of its own to every other one and pings over it; pings and their answers carry who serves which
// slots at which configuration epoch, and what the sender knows of some others. Of two claims to a slot the higher epoch wins. A node
// that does not answer is suspected (PFail), and fails (Fail) when most primaries say so. A replica of a failing primary asks
// the other primaries for their votes in a new epoch; each votes once an epoch, and whoever has most votes takes the slots over.
type Bus struct {
	s    *State
	host Host
	log  hclog.Logger
	rng  *rand.Rand
	now  time.Time
	set  Settings

	links   map[*Link]struct{}
	touched []*Link              // have something to send
	held    bool                 // and are not to send it yet
	gone    map[string]time.Time // nodes that were forgotten, and until when they do not come back
	ticks   int

	sent, received [messageTypes]int64
	overLimit      int64
	suspects       int // of all nodes, as last counted
	dropped        int // messages of this type are not looked at; -1: all are

	election election
	manual   manual
}

// Settings are the parameters that the bus goes by.
type Settings struct {
	NodeTimeout    time.Duration
	FullCoverage   bool
	TLS            bool // the bus is secured
	ReplicateTLS   bool // replicas connect to their primaries by TLS
	AnnounceIP     string
	LinkLimit      int64 // bytes that may wait to be sent over a link; 0: any number
	ValidityFactor int64
	NoFailover     bool
	Barrier        int64 // replicas that a primary keeps when one leaves for another
	Migration      bool  // replicas may change their primary by themselves
	PingReplicas   time.Duration
	PingEvery      time.Duration // a node that has not answered for so long is pinged; 0: half of NodeTimeout
}

// Host is the server, as far as the bus needs it. All methods run on the executor.
type Host interface {
	Settings() Settings
	// Dial begins to connect to a node and calls Opened or Closed later.
	Dial(l *Link, ip string, port int)
	// End is the position of this server's stream, as a primary or as a replica.
	End() uint64
	// Heard is how long nothing came from the primary, and whether the link to it is up.
	Heard() (ago time.Duration, up bool)
	// Following says whom the server copies now: host "": nobody.
	Following() (host string, port int)
	Follow(host string, port int)
	Promote()
	KeysIn(slot uint16) int
	// Drop removes the keys of a slot that another node serves now.
	Drop(slot uint16)
	// SlotsLost is called when slots have changed their owner.
	SlotsLost()
	Publish(channel, payload []byte, shard bool)
	// PauseWrites makes clients that write wait; zero: no longer.
	PauseWrites(until time.Time)
}

// Conn is a link's connection. Its methods do not wait.
type Conn interface {
	Send(frame []byte)
	Close()
	Queued() int      // bytes that wait to be sent
	LocalIP() string  // this node's address on it
	RemoteIP() string // the other one's
}

// Link is a connection to another node. This node makes its own and sends pings on them; what others have made brings theirs.
type Link struct {
	node    *Node // nil: one that came in from a node that is not known (yet)
	inbound bool
	created time.Time
	conn    Conn
	out     [][]byte
}

// NewBus makes the bus of a node. The seed is for what is left to chance: whom to tell of, and how long to wait with an election.
func NewBus(s *State, host Host, log hclog.Logger, seed uint64) *Bus {
	return &Bus{s: s, host: host, log: log, rng: rand.New(rand.NewPCG(seed, 1)), links: make(map[*Link]struct{}), gone: make(map[string]time.Time), dropped: -1, set: host.Settings()}
}

// Accepted takes a connection that came in.
func (b *Bus) Accepted(c Conn, now time.Time) *Link {
	l := &Link{inbound: true, created: now, conn: c}
	b.links[l] = struct{}{}
	return l
}

// Opened says that a connection that Dial was asked for is there.
func (b *Bus) Opened(l *Link, c Conn, now time.Time) {
	if _, wanted := b.links[l]; !wanted {
		c.Close()
		return
	}
	b.now, l.conn = now, c
	// The first ping goes out at once. When the node was asked already and did not answer, that still counts.
	since := l.node.pingSent
	kind := msgPing
	if l.node.Flags&Meet != 0 {
		kind = msgMeet
	}
	b.ping(l, kind)
	if !since.IsZero() {
		l.node.pingSent = since
	}
	l.node.Flags &^= Meet
}

// Closed says that a connection has ended, or was never made.
func (b *Bus) Closed(l *Link) {
	if _, known := b.links[l]; known {
		b.drop(l)
	}
}

// drop ends a link.
func (b *Bus) drop(l *Link) {
	delete(b.links, l)
	if l.conn != nil {
		l.conn.Close()
	}
	if n := l.node; n != nil {
		if n.bus.link == l {
			n.bus.link = nil
		}
		if n.bus.inbound == l {
			n.bus.inbound = nil
		}
	}
	l.node, l.out = nil, nil
}

// Close ends all links.
func (b *Bus) Close() {
	for l := range b.links {
		b.drop(l)
	}
}

// Flush sends what was decided since it was last called. Whoever calls it has saved the state before: a vote that a crash makes this node
// forget is a vote that it may give twice.
func (b *Bus) Flush() {
	if b.held {
		return
	}
	for _, l := range b.touched {
		for _, frame := range l.out {
			if l.conn != nil {
				l.conn.Send(frame)
			}
		}
		l.out = nil
	}
	b.touched = b.touched[:0]
}

// Hold keeps Flush from sending while the file is being written.
func (b *Bus) Hold(on bool) { b.held = on }

// send puts a message where Flush finds it.
func (b *Bus) send(l *Link, m *message) { b.sendFrame(l, m.kind, b.encode(m)) }

// encode makes a message's bytes; m is of no use afterwards.
func (b *Bus) encode(m *message) []byte {
	if b.set.TLS {
		m.swapPorts()
	}
	return appendMessage(nil, m)
}

// replicationPort is where a node's replicas connect to it.
func (b *Bus) replicationPort(n *Node) int { return n.ClientPort(b.set.ReplicateTLS) }

func (b *Bus) sendFrame(l *Link, kind messageType, frame []byte) {
	if l == nil || l.conn == nil {
		return
	}
	if len(l.out) == 0 {
		b.touched = append(b.touched, l)
	}
	l.out = append(l.out, frame)
	b.sent[kind]++
}

// broadcast sends to all nodes that there are links to.
func (b *Bus) broadcast(m *message) {
	frame := b.encode(m)
	for _, n := range b.s.Nodes() {
		if n != b.s.Me && n.Flags&Handshake == 0 {
			b.sendFrame(n.bus.link, m.kind, frame)
		}
	}
}

// message begins one of this node's.
func (b *Bus) message(kind messageType) *message {
	s, me := b.s, b.s.Me
	m := &message{
		kind: kind, epoch: s.Epoch, sender: me.ID, port: me.Port, busPort: me.BusPort, second: me.TLSPort, flags: me.Flags, failing: !s.OK, offset: b.host.End(),
		ip: b.set.AnnounceIP,
	}
	primary := me
	if me.Of != nil {
		primary, m.of = me.Of, me.Of.ID
	}
	m.configEpoch, m.slots = primary.Epoch, primary.set
	if b.manual.of != nil && me.Flags&Primary != 0 {
		m.mflags |= mflagPaused
	}
	return m
}

// Deliver takes a frame. A frame that is no message ends its link.
func (b *Bus) Deliver(l *Link, frame []byte, now time.Time) {
	if _, known := b.links[l]; !known {
		return
	}
	b.now, b.set = now, b.host.Settings()
	m, err := parseMessage(frame)
	if err != nil {
		b.log.Warn("Bad message length or signature received from the Cluster bus: " + err.Error())
		b.drop(l)
		return
	}
	if b.set.TLS {
		m.swapPorts()
	}
	if m.kind < messageTypes {
		b.received[m.kind]++
	}
	if int(m.kind) == b.dropped {
		return
	}
	sender := b.sender(l, m)
	if sender != nil && sender != b.s.Me {
		sender.bus.heard = now
		if m.mflags&mflagExtended != 0 {
			sender.bus.extensions = true
		}
		if l.inbound && l.node == nil {
			if old := sender.bus.inbound; old != nil {
				b.drop(old)
			}
			l.node, sender.bus.inbound = sender, l
		}
		if sender.Flags&Handshake == 0 {
			b.learnEpochs(sender, m)
		}
	}
	b.handle(l, sender, m)
}

// sender is the node that sent a message, or nil.
func (b *Bus) sender(l *Link, m *message) *Node {
	if l.node != nil && l.node.Flags&Handshake == 0 {
		return l.node
	}
	return b.s.nodes[m.sender]
}

// learnEpochs takes over the highest epochs seen, and where the sender's stream ends.
func (b *Bus) learnEpochs(sender *Node, m *message) {
	if m.epoch > b.s.Epoch {
		b.s.Epoch, b.s.Changed = m.epoch, true
	}
	if m.configEpoch > sender.Epoch {
		sender.Epoch, b.s.Changed = m.configEpoch, true
	}
	sender.offset = m.offset
	sender.bus.paused = m.mflags&mflagPaused != 0
	b.manualOffset(sender, m)
}

// handle acts on a message.
func (b *Bus) handle(l *Link, sender *Node, m *message) {
	if m.kind.gossips() {
		b.handlePing(l, sender, m)
		return
	}
	if sender == nil {
		if m.kind == msgFail {
			b.log.Info("Ignoring FAIL message from unknown node " + m.sender + " about " + m.about)
		}
		return
	}
	switch m.kind {
	case msgFail:
		n := b.s.nodes[m.about]
		if n != nil && n.Flags&(Fail|Myself) == 0 {
			b.log.Info(fmt.Sprintf("FAIL message received from %s (%s) about %s (%s)", m.sender, sender.Name, n.ID, n.Name))
			b.fail(n)
		}
	case msgPublish, msgPublishShard:
		b.host.Publish(m.channel, m.payload, m.kind == msgPublishShard)
	case msgVoteRequest:
		b.vote(sender, m)
	case msgVote:
		b.countVote(sender, m)
	case msgManualFailover:
		b.manualRequested(sender)
	case msgUpdate:
		n := b.s.nodes[m.about]
		if n == nil || n.Epoch >= m.aboutEpoch {
			return
		}
		if n.IsReplica() {
			b.setPrimary(n)
		}
		n.Epoch, b.s.Changed = m.aboutEpoch, true
		b.claim(n, m.aboutEpoch, m.aboutSlots)
	}
}

// Publish sends what a client published to the other nodes: all of them, or of a shard channel those of this node's shard.
func (b *Bus) Publish(channel, payload []byte, shard bool) {
	m := b.message(msgPublish)
	m.channel, m.payload = channel, payload
	if !shard {
		b.broadcast(m)
		return
	}
	m.kind = msgPublishShard
	frame := b.encode(m)
	for _, n := range b.s.nodes {
		if n != b.s.Me && n.Flags&Handshake == 0 && n.ShardID == b.s.Me.ShardID {
			b.sendFrame(n.bus.link, m.kind, frame)
		}
	}
}

// Meet begins to get to know the node at an address; it takes part from then on, if it answers.
func (b *Bus) Meet(ip string, port, busPort int, now time.Time) {
	for _, n := range b.s.nodes {
		if n.Flags&Handshake != 0 && n.IP == ip && n.BusPort == busPort {
			return
		}
	}
	n := b.s.node(randomID())
	n.ShardID = randomID()
	n.Flags, n.IP, n.BusPort, n.bus.created = Handshake|Meet, ip, busPort, now
	if b.set.TLS {
		n.TLSPort = port
	} else {
		n.Port = port
	}
}

// Forgotten keeps a node that was forgotten from coming back by what others tell, and has them forget it, too. Call it before State.Forget.
func (b *Bus) Forgotten(n *Node, now time.Time) {
	b.gone[n.ID] = now.Add(forgetFor)
	b.forgetNode(n)
}

// forgetFor is how long a forgotten node does not come back.
const forgetFor = time.Minute

// forgetNode ends a node's links and removes it.
func (b *Bus) forgetNode(n *Node) {
	for l := range b.links {
		if l.node == n {
			b.drop(l)
		}
	}
	for _, other := range b.s.nodes {
		delete(other.bus.reports, n)
	}
	b.s.Forget(n)
}

// Forgot says whether a node was forgotten a short while ago.
func (b *Bus) Forgot(id string) bool {
	until, ok := b.gone[id]
	if ok && b.now.After(until) {
		delete(b.gone, id)
		ok = false
	}
	return ok
}

// Reset forgets everything that State.Reset does not: links and elections.
func (b *Bus) Reset() {
	b.Close()
	b.election, b.manual = election{}, manual{}
	clear(b.gone)
}

// Drop sets which type of message is not looked at any more; -1: all are.
func (b *Bus) Drop(kind int) { b.dropped = kind }

// KillLinks ends the links to or from a node.
func (b *Bus) KillLinks(n *Node, to, from bool) {
	if to && n.bus.link != nil {
		b.drop(n.bus.link)
	}
	if from && n.bus.inbound != nil {
		b.drop(n.bus.inbound)
	}
}

// LinkInfo is one line of CLUSTER LINKS.
type LinkInfo struct {
	Inbound bool
	Node    string
	Created time.Time
	Queued  int
}

// Links are the links to and from known nodes.
func (b *Bus) Links() (all []LinkInfo) {
	for _, n := range b.s.Nodes() {
		for _, l := range []*Link{n.bus.link, n.bus.inbound} {
			if l != nil && l.conn != nil {
				all = append(all, LinkInfo{l.inbound, n.ID, l.created, l.conn.Queued()})
			}
		}
	}
	return all
}

// Len is how many connections there are.
func (b *Bus) Len() int { return len(b.links) }

// Counts calls f with how many messages of each type were sent and received.
func (b *Bus) Counts(f func(kind string, sent, received int64)) {
	for k := range messageTypes {
		f(k.String(), b.sent[k], b.received[k])
	}
}

// OverLimit is how many links were ended because too much waited to be sent.
func (b *Bus) OverLimit() int64 { return b.overLimit }
