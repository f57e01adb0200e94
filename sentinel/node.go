package sentinel

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where something is reached.
type Address struct {
	Host string // as it was named
	IP   string // "" for a name that could not be resolved yet
	Port int    // 0: not known any more
}

// The errors of an address.
var (
	errUnresolved = errors.New("Can't resolve instance hostname.")
	errPort       = errors.New("Invalid port number.")
)

// Dialed is the address in the form net.Dial takes.
func (a Address) Dialed() string {
	host := a.IP
	if host == "" {
		host = a.Host
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// numeric says whether the host was named by its number.
func (a Address) numeric() bool {
	_, err := netip.ParseAddr(a.Host)
	return err == nil
}

// address makes an Address of a host's name or number. A name that cannot be resolved is an error unless later says that it
// may be resolved later.
func (s *Sentinel) address(host string, port int, later bool) (Address, error) {
	if port < 0 || port > 65535 {
		return Address{}, errPort
	}
	a := Address{Host: host, Port: port}
	if ip, err := netip.ParseAddr(host); err == nil {
		a.IP = ip.String()
		return a, nil
	}
	if s.resolveNames {
		ip, err := s.world.Resolve(host)
		if err == nil {
			a.IP = ip
			return a, nil
		}
	}
	s.log(Warning, "Failed to resolve hostname '"+host+"'")
	if s.resolveNames && later {
		return a, nil
	}
	return Address{}, errUnresolved
}

// same says whether two addresses lead to the same place.
func (s *Sentinel) same(a, b Address) bool {
	if a.Port != b.Port {
		return false
	}
	if a.IP != "" && a.IP == b.IP {
		return true
	}
	return s.resolveNames && strings.EqualFold(a.Host, b.Host)
}

// shown is the host as others are told.
func (s *Sentinel) shown(a Address) string {
	if s.announceNames && s.resolveNames || a.IP == "" {
		return a.Host
	}
	return a.IP
}

// joined is host:port as replicas are named.
func (s *Sentinel) joined(a Address) string {
	return net.JoinHostPort(s.shown(a), strconv.Itoa(a.Port))
}

// kind is what a node is.
type kind uint8

const (
	primaryKind kind = iota
	replicaKind
	peerKind
)

// String is the word of events.
func (k kind) String() string { return [...]string{"master", "slave", "sentinel"}[k] }

// node is what is watched: a primary, a replica, or another Sentinel.
type node struct {
	kind  kind
	name  string
	runID string
	addr  Address
	owner *Primary // whose it is; of a primary itself
	link

	// sDown: this Sentinel thinks that it is down. oDown, of a primary: enough others agree.
	sDown, oDown           bool
	sDownSince, oDownSince Millis
	killedScript           bool // SCRIPT KILL was sent since it went down

	published  Millis // when a hello was last published through it
	infoAt     Millis // when it last answered INFO; 0: not yet
	info       string
	reported   kind // the role INFO showed last: primaryKind or replicaKind
	reportedAt Millis
}

// Primary is a server that is watched, with all that belongs to it.
type Primary struct {
	node
	quorum        int
	downAfter     Millis
	timeout       Millis // failover-timeout
	parallelSyncs int
	user, pass    string
	notify        string // notification-script
	reconfigure   string // client-reconfig-script
	renames       []rename
	rebootAfter   Millis // master-reboot-down-after-period; 0: off
	rebooted      bool   // it came up again as another process, and has not answered PING well since
	rebootedAt    Millis

	configEpoch uint64
	// leader is whom this Sentinel voted for in leaderEpoch; "" when that is not known any more: it votes no second time.
	leader      string
	leaderEpoch uint64

	failing       bool // a failover is in progress here
	forced        bool // it was asked for by SENTINEL FAILOVER
	state         failoverState
	stateAt       Millis
	failoverEpoch uint64
	failoverStart Millis
	delayLogged   Millis // of failoverStart for which the delay was logged
	promoted      *Replica

	replicas []*Replica
	peers    []*Peer
}

// rename is one rename-command of a primary's servers.
type rename struct{ from, to string }

// Replica is a replica of a primary.
type Replica struct {
	node
	priority    int
	offset      int64
	linkDown    Millis // how long its link to the primary is down, as it says
	linkUp      bool
	primaryHost string // whom it follows
	primaryPort int
	followsAt   Millis // when that changed
	announced   bool

	chosen                 bool // promoted by the failover in progress
	reconfSent, reconfDone bool
	reconfBegun            bool
	reconfAt               Millis
}

// Peer is another Sentinel that watches the same primary.
type Peer struct {
	node
	saysDown    bool // that the primary is down
	answered    Millis
	leader      string // whom it voted for
	leaderEpoch uint64
	helloAt     Millis
}

func (s *Sentinel) newNode(k kind, name string, a Address) node {
	now := s.now()
	return node{kind: k, name: name, addr: a, link: link{disconnected: true, pingSent: now, available: now, pong: now, subHeard: now},
		reported: k, reportedAt: now, published: now}
}

func (s *Sentinel) addPrimary(name string, a Address, quorum int) *Primary {
	p := &Primary{node: s.newNode(primaryKind, name, a), quorum: quorum, downAfter: s.times.DefaultDownAfter,
		timeout: s.times.DefaultFailoverTimeout, parallelSyncs: 1}
	p.owner = p
	s.primaries = append(s.primaries, p)
	return p
}

func (s *Sentinel) addReplica(p *Primary, a Address) *Replica {
	r := &Replica{node: s.newNode(replicaKind, s.joined(a), a), priority: 100, announced: true, followsAt: s.now()}
	r.owner = p
	p.replicas = append(p.replicas, r)
	return r
}

func (s *Sentinel) addPeer(p *Primary, id string, a Address) *Peer {
	q := &Peer{node: s.newNode(peerKind, id, a), helloAt: s.now(), answered: s.now()}
	q.runID, q.owner = id, p
	p.peers = append(p.peers, q)
	return q
}

func (s *Sentinel) replicaAt(p *Primary, a Address) *Replica {
	for _, r := range p.replicas {
		if s.same(r.addr, a) {
			return r
		}
	}
	return nil
}

// command is how the primary's servers call a command.
func (p *Primary) command(name string) string {
	for _, r := range p.renames {
		if strings.EqualFold(r.from, name) {
			return r.to
		}
	}
	return name
}

// current is the address clients are sent to: during a failover, from the promotion on, the promoted replica's.
func (p *Primary) current() Address {
	if p.failing && p.promoted != nil && p.state >= stateReconfReplicas {
		return p.promoted.addr
	}
	return p.addr
}
