package cluster

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// world is a cluster in memory: nodes, the messages between them, and a clock that only the test moves. Everything follows from the seed.
type world struct {
	pingEvery time.Duration
	t         *testing.T
	rng       *rand.Rand
	now       time.Time
	nodes     []*worldNode
	cut       func(a, b *worldNode) bool // nothing passes between them; nil: everything does
	post      []func()                   // what happens next, in order
	votes     map[string]string          // "voter epoch": whom it voted for
}

// worldNode is one node and its host.
type worldNode struct {
	w       *world
	port    int
	s       *State
	b       *Bus
	up      bool
	saved   []byte // nodes.conf
	end     uint64
	of      string // whom it copies: "ip:port"
	heard   time.Time
	keys    map[uint16]int
	paused  bool
	heardOf []string // what was published to it
}

const worldTimeout = 2 * time.Second

func newWorld(t *testing.T, n int, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1_700_000_000, 0), votes: make(map[string]string)}
	for i := range n {
		id := fmt.Sprintf("%040x", uint64(i+1)*0x9E3779B97F4A7C15)
		text := fmt.Sprintf("%s 127.0.0.1:%d@%d,,tls-port=0,shard-id=%s myself,master - 0 0 0 connected\n", id, 7000+i, 17000+i, id)
		w.nodes = append(w.nodes, &worldNode{w: w, port: 7000 + i, saved: []byte(text), keys: make(map[uint16]int), end: 1})
	}
	for _, n := range w.nodes {
		n.start()
	}
	return w
}

func (n *worldNode) start() {
	s, _, err := Parse(n.saved, n.w.now)
	if err != nil {
		n.w.t.Fatalf("%v\n%s", err, n.saved)
	}
	n.s, n.up, n.of, n.heard = s, true, "", n.w.now
	n.b = NewBus(s, n, hclog.NewNullLogger(), n.w.rng.Uint64())
}

// done saves and then sends, as the server does.
func (n *worldNode) done() {
	if n.s.Changed {
		n.saved, n.s.Changed = n.s.AppendFile(nil), false
	}
	n.b.Flush()
}

func (n *worldNode) crash() {
	n.up = false
	n.b.Close()
}

// pipe is one end of a connection.
type pipe struct {
	from, to *worldNode
	peer     *pipe
	link     *Link
	closed   bool
}

func (p *pipe) Send(frame []byte) {
	w := p.from.w
	w.post = append(w.post, func() {
		if p.closed || p.peer.closed || !p.to.up || w.cut != nil && w.cut(p.from, p.to) {
			return
		}
		if m, err := parseMessage(frame); err != nil {
			w.t.Fatal(err)
		} else if m.kind == msgVote {
			key := fmt.Sprintf("%s %d", m.sender, m.epoch)
			if old := w.votes[key]; old != "" && old != p.to.s.Me.ID {
				w.t.Fatalf("%s voted twice in epoch %d", m.sender, m.epoch)
			}
			w.votes[key] = p.to.s.Me.ID
		}
		p.to.b.Deliver(p.peer.link, frame, w.now)
		p.to.done()
	})
}

func (p *pipe) Close() {
	if p.closed {
		return
	}
	p.closed = true
	w := p.from.w
	w.post = append(w.post, func() {
		if !p.peer.closed && p.to.up {
			p.peer.closed = true
			p.to.b.Closed(p.peer.link)
		}
	})
}
func (p *pipe) Queued() int      { return 0 }
func (p *pipe) LocalIP() string  { return "127.0.0.1" }
func (p *pipe) RemoteIP() string { return "127.0.0.1" }

// Dial implements Host.
func (n *worldNode) Dial(l *Link, ip string, port int) {
	w := n.w
	w.post = append(w.post, func() {
		i := port - 17000
		if i < 0 || i >= len(w.nodes) || !w.nodes[i].up || w.cut != nil && w.cut(n, w.nodes[i]) {
			n.b.Closed(l)
			return
		}
		near := &pipe{from: n, to: w.nodes[i], link: l}
		far := &pipe{from: w.nodes[i], to: n, peer: near}
		near.peer = far
		far.link = w.nodes[i].b.Accepted(far, w.now)
		n.b.Opened(l, near, w.now)
		n.done()
	})
}

func (n *worldNode) Settings() Settings {
	return Settings{NodeTimeout: worldTimeout, FullCoverage: true, Migration: true, Barrier: 1, ValidityFactor: 10, PingReplicas: 10 * time.Second,
		PingEvery: n.w.pingEvery}
}
func (n *worldNode) End() uint64 { return n.end }
func (n *worldNode) Heard() (time.Duration, bool) {
	return n.w.now.Sub(n.heard), false
}
func (n *worldNode) Following() (string, int) {
	if n.of == "" {
		return "", 0
	}
	var port int
	_, _ = fmt.Sscanf(n.of, "127.0.0.1:%d", &port)
	return "127.0.0.1", port
}
func (n *worldNode) Follow(host string, port int) { n.of = fmt.Sprintf("%s:%d", host, port) }
func (n *worldNode) Promote()                     { n.of = "" }
func (n *worldNode) KeysIn(slot uint16) int       { return n.keys[slot] }
func (n *worldNode) Drop(slot uint16)             { delete(n.keys, slot) }
func (n *worldNode) SlotsLost()                   {}
func (n *worldNode) Publish(channel, payload []byte, _ bool) {
	n.heardOf = append(n.heardOf, string(channel)+" "+string(payload))
}
func (n *worldNode) PauseWrites(until time.Time) { n.paused = !until.IsZero() }

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(TickEvery) {
		for _, n := range w.nodes {
			if !n.up {
				continue
			}
			if _, port := n.Following(); port != 0 && w.nodes[port-7000].up && (w.cut == nil || !w.cut(n, w.nodes[port-7000])) {
				n.heard = w.now // its primary sends
			}
			n.b.Tick(w.now)
			n.s.Judge(w.now, true, worldTimeout)
			n.done()
		}
		for len(w.post) > 0 {
			f := w.post[0]
			w.post = w.post[1:]
			f()
		}
	}
}

// join makes a cluster of the first primaries nodes, the others their replicas in turn.
func (w *world) join(primaries int) {
	for _, n := range w.nodes[1:] {
		n.b.Meet("127.0.0.1", 7000, 17000, w.now)
	}
	for slot := range Slots {
		n := w.nodes[slot*primaries/Slots]
		n.s.Assign(uint16(slot), n.s.Me)
	}
	for i, n := range w.nodes {
		n.s.SetEpoch(uint64(i + 1))
	}
	w.run(10 * time.Second)
	for i, n := range w.nodes[primaries:] {
		n.b.Follow(n.s.Lookup(w.nodes[i%primaries].s.Me.ID))
	}
	w.run(10 * time.Second)
	w.agree()
}

// agree checks that all working nodes know the same, and that each slot is served by exactly one working node, which knows it.
func (w *world) agree() {
	w.t.Helper()
	var first *worldNode
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		if first == nil {
			first = n
		}
		if !n.s.OK {
			w.t.Fatalf("%d: the cluster fails\n%s", n.port, n.s.AppendNodes(nil, PlainView))
		}
		for slot := range Slots {
			a, b := first.s.slots[slot], n.s.slots[slot]
			if a == nil || b == nil || a.ID != b.ID {
				w.t.Fatalf("slot %d is %v's for %d and %v's for %d", slot, a, first.port, b, n.port)
			}
		}
		for _, other := range w.nodes {
			if !other.up {
				continue
			}
			seen := n.s.Lookup(other.s.Me.ID)
			if seen == nil || seen.IsReplica() != other.s.Me.IsReplica() || seen.Flags&(Fail|PFail) != 0 {
				w.t.Fatalf("%d sees %d as %+v", n.port, other.port, seen)
			}
			if of := other.s.Me.Of; of != nil && (seen.Of == nil || seen.Of.ID != of.ID || other.of != fmt.Sprintf("127.0.0.1:%d", of.Port)) {
				w.t.Fatalf("%d sees %d as a replica of %v; it copies %s", n.port, other.port, seen.Of, other.of)
			}
		}
	}
	epochs := make(map[uint64]string)
	for _, n := range first.s.Nodes() {
		if n.Flags&Primary != 0 && n.Slots > 0 {
			if other := epochs[n.Epoch]; other != "" {
				w.t.Fatalf("%s and %s both have epoch %d", n.ID, other, n.Epoch)
			}
			epochs[n.Epoch] = n.ID
		}
	}
}

// A cluster finds together; when a primary dies, one of its replicas takes over; when it comes back it is a replica of that one.
func TestFailover(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, 6, seed)
		w.join(3)
		dead := w.nodes[seed%3]
		dead.crash()
		w.run(20 * time.Second)
		w.agree()
		heir := w.nodes[seed%3+3]
		if heir.s.Me.IsReplica() || heir.s.Me.Slots == 0 || heir.of != "" {
			t.Fatalf("seed %d: the replica serves %d slots", seed, heir.s.Me.Slots)
		}
		dead.start()
		w.run(10 * time.Second)
		w.agree()
		if dead.s.Me.Of == nil || dead.s.Me.Of.ID != heir.s.Me.ID {
			t.Fatalf("seed %d: the old primary follows %v", seed, dead.s.Me.Of)
		}
	}
}

// Nodes are pinged as often as cluster-ping-interval says, or when half the timeout has passed.
func TestPingInterval(t *testing.T) {
	pings := func(every time.Duration) int64 {
		w := newWorld(t, 3, 1)
		w.pingEvery = every
		w.join(3)
		count := func() (n int64) {
			w.nodes[0].b.Counts(func(kind string, sent, _ int64) {
				if kind == "ping" {
					n = sent
				}
			})
			return n
		}
		before := count()
		w.run(20 * time.Second)
		return count() - before
	}
	if usual, often := pings(0), pings(200*time.Millisecond); usual > 60 || often < 100 {
		t.Errorf("%d pings in 20 s, and every 200 ms %d", usual, often)
	}
}

// Whatever crashes and whoever is cut off from whom, no node votes twice in an epoch, and when all can talk again they agree.
func TestStorm(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, 9, 1000+seed)
		w.join(3)
		for range 15 {
			switch w.rng.IntN(4) {
			case 0:
				if n := w.nodes[w.rng.IntN(len(w.nodes))]; n.up {
					n.crash()
				}
			case 1:
				if n := w.nodes[w.rng.IntN(len(w.nodes))]; !n.up {
					n.start()
				}
			case 2:
				side := w.rng.Uint64()
				w.cut = func(a, b *worldNode) bool { return side>>(a.port-7000)&1 != side>>(b.port-7000)&1 }
			case 3:
				w.cut = nil
			}
			for _, n := range w.nodes {
				n.end += uint64(w.rng.IntN(100))
			}
			w.run(time.Duration(1+w.rng.IntN(8)) * time.Second)
		}
		w.cut = nil
		for _, n := range w.nodes {
			if !n.up {
				n.start()
			}
		}
		w.run(60 * time.Second)
		w.agree()
	}
}

// A manual failover hands over without a vote being lost and without the primary failing; the clients that waited go on.
func TestManualFailover(t *testing.T) {
	w := newWorld(t, 6, 3)
	w.join(3)
	old, heir := w.nodes[0], w.nodes[3]
	heir.end, old.end = 500, 900
	heir.b.Failover(false, false, "test", w.now)
	heir.done()
	w.run(time.Second)
	if !old.paused || !heir.s.Me.IsReplica() {
		t.Fatalf("the primary's clients wait: %v; the replica took over without what it lacks: %v", old.paused, !heir.s.Me.IsReplica())
	}
	heir.end = 900
	w.run(3 * time.Second)
	if old.paused || heir.s.Me.IsReplica() || !old.s.Me.IsReplica() {
		t.Fatalf("paused %v; %v\n%s", old.paused, heir.s.Me, old.s.AppendNodes(nil, PlainView))
	}
	w.agree()
	old.b.Failover(false, true, "test", w.now) // and back, by force
	old.done()
	w.run(3 * time.Second)
	w.agree()
	if old.s.Me.IsReplica() {
		t.Error("TAKEOVER did not")
	}
}

// A replica of a primary that has two goes to one that has none left; a forgotten node is forgotten by all and stays away.
func TestMigrationAndForget(t *testing.T) {
	w := newWorld(t, 7, 5)
	w.join(3) // the first primary has two replicas
	lone := w.nodes[4]
	lone.crash()
	w.run(40 * time.Second)
	primary := w.nodes[1].s.Me
	if got := w.nodes[1].s.ReplicasOf(primary); len(got) != 2 {
		t.Fatalf("%d replicas of the orphan, the dead one among them:\n%s", len(got), w.nodes[1].s.AppendNodes(nil, PlainView))
	}
	gone := w.nodes[0].s.Lookup(lone.s.Me.ID)
	w.nodes[0].b.Forgotten(gone, w.now)
	w.run(10 * time.Second)
	for _, n := range w.nodes {
		if n.up && n.s.Lookup(gone.ID) != nil {
			t.Errorf("%d still knows it", n.port)
		}
	}
}

// After a restart of all nodes a primary that had replicas is still one that others' come to; one whose last replica was taken away is not.
func TestMigrationRemembers(t *testing.T) {
	for _, taken := range []bool{false, true} {
		w := newWorld(t, 7, 5)
		w.join(3) // the first primary has two replicas
		for _, n := range w.nodes {
			n.crash()
		}
		for _, n := range w.nodes {
			n.start()
		}
		w.run(10 * time.Second)
		w.agree()
		lone := w.nodes[4]
		lone.crash()
		if taken {
			w.nodes[0].b.Forgotten(w.nodes[0].s.Lookup(lone.s.Me.ID), w.now)
		}
		w.run(40 * time.Second)
		got := 0
		for _, r := range w.nodes[1].s.ReplicasOf(w.nodes[1].s.Me) {
			if r.ID != lone.s.Me.ID {
				got++
			}
		}
		if want := map[bool]int{false: 1, true: 0}[taken]; got != want {
			t.Errorf("taken away: %v; %d replicas came, want %d:\n%s", taken, got, want, w.nodes[1].s.AppendNodes(nil, PlainView))
		}
	}
}

// Slots given to another node lose their keys here; two primaries with one epoch come apart; what is published is heard.
func TestSlotsAndMessages(t *testing.T) {
	w := newWorld(t, 4, 9)
	w.join(3)
	a, b := w.nodes[0], w.nodes[1]
	a.keys[5] = 10
	b.s.Assign(5, b.s.Me)
	b.s.BumpEpoch()
	b.done()
	w.run(5 * time.Second)
	if len(a.keys) != 0 || a.s.Owner(5).ID != b.s.Me.ID {
		t.Errorf("%v, slot 5 is %v's", a.keys, a.s.Owner(5))
	}
	a.s.SetEpoch(b.s.Me.Epoch)
	a.done()
	w.run(10 * time.Second)
	w.agree()
	a.b.Publish([]byte("c"), bytes.Repeat([]byte("x"), 3), false)
	a.b.Publish([]byte("s"), nil, true)
	a.done()
	w.run(time.Second)
	for i, want := range [][]string{nil, {"c xxx"}, {"c xxx"}, {"c xxx", "s "}} {
		if got := w.nodes[i].heardOf; !reflect.DeepEqual(got, want) {
			t.Errorf("%d heard %q, want %q", i, got, want)
		}
	}
}

// What is written is read again, and no bytes make the reader panic.
func FuzzMessage(f *testing.F) {
	w := newWorld(&testing.T{}, 4, 1)
	me := w.nodes[0]
	for kind := range messageTypes {
		m := me.b.message(kind)
		m.gossip = []gossip{{me.s.Me.ID, 1, 2, "1.2.3.4", 5, 6, 7, Primary}}
		if !kind.gossips() {
			m.gossip = nil
		}
		name := "a name"
		m.name, m.about, m.aboutSlots, m.channel, m.payload = &name, me.s.Me.ID, &m.slots, []byte("channel"), []byte("p")
		m.forgotten = []forgotten{{me.s.Me.ID, 60}}
		frame := appendMessage(nil, m)
		f.Add(frame)
		if back, err := parseMessage(frame); err != nil || !bytes.Equal(appendMessage(nil, back), frame) {
			f.Fatalf("%s: %v", kind, err)
		}
		if got, err := ReadFrame(bytes.NewReader(frame)); err != nil || !bytes.Equal(got, frame) {
			f.Fatalf("%s: %v", kind, err)
		}
		if _, err := ReadFrame(strings.NewReader(string(frame[:len(frame)-1]))); err == nil {
			f.Fatalf("%s: a cut frame was read", kind)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := parseMessage(p)
		if err != nil {
			return
		}
		if again, err := parseMessage(appendMessage(nil, m)); err != nil || !reflect.DeepEqual(again.slots, m.slots) || again.sender != m.sender {
			t.Fatalf("%v", err)
		}
	})
}

// While the file is written nothing leaves; a node that is not known yet is not in the file; a node that meets itself stays what it is.
func TestHoldAndSelf(t *testing.T) {
	w := newWorld(t, 2, 11)
	a, b := w.nodes[0], w.nodes[1]
	a.b.Hold(true)
	a.b.Meet("127.0.0.1", b.port, b.port+10000, w.now)
	a.s.Changed = true
	w.run(time.Second)
	if b.s.Len() != 1 || strings.Contains(string(a.saved), "handshake") {
		t.Fatalf("%d nodes are known; in the file:\n%s", b.s.Len(), a.saved)
	}
	a.b.Hold(false)
	w.run(3 * time.Second)
	if a.s.Len() != 2 || b.s.Len() != 2 {
		t.Fatalf("%d and %d nodes are known", a.s.Len(), b.s.Len())
	}
	a.s.Me.Hostname = "here"
	a.b.Meet("127.0.0.1", a.port, a.port+10000, w.now)
	w.run(5 * time.Second)
	if a.s.Len() != 2 || a.s.Me.Hostname != "here" {
		t.Errorf("%d nodes, host %q", a.s.Len(), a.s.Me.Hostname)
	}
}
