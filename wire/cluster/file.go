package cluster

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"frankenredis/wire/resp"
)

// CorruptError says that a nodes.conf is none: by which line, and why. Its text is Redis's.
type CorruptError struct {
	Line   string // the line at fault, or the last one where the whole file is
	Number int    // of that line; the first one is 1
	Why    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupted cluster config file \"%s\".", e.Line)
}

func (e *CorruptError) Unwrap() error { return e.Why }

// View says for whom nodes are described.
type View uint8

// The views: a client's, one's that came over TLS, and that of nodes.conf, which holds more.
const (
	PlainView View = iota
	TLSView
	FileView
)

// AppendNodes appends what CLUSTER NODES answers, a line a node.
func (s *State) AppendNodes(b []byte, v View) []byte {
	ranges := make(map[*Node][]byte)
	s.Ranges(func(from, to int, n *Node) {
		if n == nil {
			return
		}
		r := fmt.Appendf(ranges[n], " %d", from)
		if to > from {
			r = fmt.Appendf(r, "-%d", to)
		}
		ranges[n] = r
	})
	for _, n := range s.Nodes() {
		if v == FileView && n.Flags&Handshake != 0 {
			continue // nobody yet
		}
		b = s.AppendNode(b, n, v)
		b = append(b, ranges[n]...)
		if n == s.Me {
			for i := range s.slots {
				if to := s.migrating[i]; to != nil {
					b = fmt.Appendf(b, " [%d->-%s]", i, to.ID)
				} else if from := s.importing[i]; from != nil {
					b = fmt.Appendf(b, " [%d-<-%s]", i, from.ID)
				}
			}
		}
		b = append(b, '\n')
	}
	return b
}

// AppendNode appends a node's line without its slots and the line's end.
func (s *State) AppendNode(b []byte, n *Node, v View) []byte {
	file := v == FileView
	b = fmt.Appendf(b, "%s %s:%d@%d", n.ID, n.IP, n.ClientPort(v == TLSView), n.BusPort)
	if n.Hostname != "" || file {
		b = fmt.Appendf(b, ",%s", n.Hostname)
	}
	if file {
		b = fmt.Appendf(b, ",tls-port=%d", n.TLSPort)
		if n.Name != "" {
			b = fmt.Appendf(b, ",nodename=%s", n.Name)
		}
		b = fmt.Appendf(b, ",shard-id=%s", n.ShardID)
	}
	of, link, ping, pong := "-", "disconnected", int64(0), int64(0)
	epoch := n.Epoch
	if n.Of != nil {
		of, epoch = n.Of.ID, n.Of.Epoch
	}
	if n == s.Me || n.bus.link != nil {
		link = "connected"
	}
	if !n.bus.pong.IsZero() {
		pong = n.bus.pong.UnixMilli()
	}
	if !n.pingSent.IsZero() {
		ping = n.pingSent.UnixMilli()
	}
	return fmt.Appendf(b, " %s %s %d %d %d %s", n.Flags, of, ping, pong, epoch, link)
}

// AppendFile appends the whole nodes.conf.
func (s *State) AppendFile(b []byte) []byte {
	b = s.AppendNodes(b, FileView)
	return fmt.Appendf(b, "vars currentEpoch %d lastVoteEpoch %d\n", s.Epoch, s.VoteEpoch)
}

// Parse reads a nodes.conf. now is when nodes are taken to have been asked first. unknown are the variables in it that nobody knows, which
// do no harm; an error is a *CorruptError.
func Parse(text []byte, now time.Time) (s *State, unknown []string, err error) {
	s = &State{nodes: make(map[string]*Node)}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		split, balanced := resp.SplitArgs([]byte(line), nil)
		if !balanced {
			return nil, nil, &CorruptError{line, i + 1, errors.New("unbalanced quotes")}
		}
		if len(split) == 0 {
			continue
		}
		words := make([]string, len(split))
		for i, w := range split {
			words[i] = string(w)
		}
		if words[0] == "vars" {
			var more []string
			more, err = s.parseVars(words[1:])
			unknown = append(unknown, more...)
		} else {
			err = s.parseNode(words, now)
		}
		if err != nil {
			return nil, nil, &CorruptError{line, i + 1, err}
		}
	}
	if s.Me == nil {
		return nil, nil, &CorruptError{lines[len(lines)-1], len(lines), errors.New("no line is about this node")}
	}
	for _, n := range s.nodes {
		s.Epoch = max(s.Epoch, n.Epoch)
		if n.ShardID == "" {
			if n.Of != nil && n.Of.ShardID != "" {
				n.ShardID = n.Of.ShardID
			} else {
				n.ShardID = randomID()
			}
		}
	}
	s.Changed = false
	return s, unknown, nil
}

// parseVars reads names and their numbers, and returns the names that nobody knows.
func (s *State) parseVars(words []string) (unknown []string, err error) {
	if len(words)%2 != 0 {
		return nil, fmt.Errorf("variable %q has no value", words[len(words)-1])
	}
	for i := 0; i < len(words); i += 2 {
		var to *uint64
		switch words[i] {
		case "currentEpoch":
			to = &s.Epoch
		case "lastVoteEpoch":
			to = &s.VoteEpoch
		default:
			unknown = append(unknown, words[i])
			continue
		}
		if *to, err = strconv.ParseUint(words[i+1], 10, 64); err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

func (s *State) parseNode(words []string, now time.Time) error {
	if len(words) < 8 || !isID(words[0]) {
		return errors.New("not a node")
	}
	n := s.node(words[0])
	if err := n.parseAddress(words[1]); err != nil {
		return err
	}
	for _, name := range strings.Split(words[2], ",") {
		known := name == "noflags"
		for _, f := range flagNames {
			if f.name == name {
				n.Flags |= f.flag
				known = true
			}
		}
		if !known {
			return fmt.Errorf("unknown flag %q", name)
		}
	}
	if n.Flags&Myself != 0 {
		s.Me = n
	}
	if words[3] != "-" {
		if !isID(words[3]) {
			return errors.New("the primary is not a node")
		}
		s.setOf(n, s.node(words[3]))
	}
	if n.Flags&Myself == 0 {
		n.pingSent = now
	}
	epoch, err := strconv.ParseUint(words[6], 10, 64)
	if err != nil {
		return err
	}
	n.Epoch = epoch
	for _, w := range words[8:] {
		if err := s.parseSlots(n, w); err != nil {
			return err
		}
	}
	return nil
}

// node finds or makes a node.
func (s *State) node(id string) *Node {
	n := s.nodes[id]
	if n == nil {
		n = &Node{ID: id}
		s.nodes[id] = n
	}
	return n
}

func isID(w string) bool {
	if len(w) != 40 {
		return false
	}
	for i := range len(w) {
		if c := w[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// parseAddress reads ip:port[@busport][,host[,name=value]...].
func (n *Node) parseAddress(w string) error {
	parts := strings.Split(w, ",")
	if len(parts) > 1 {
		n.Hostname = parts[1]
	}
	for _, aux := range parts[min(2, len(parts)):] {
		name, v, found := strings.Cut(aux, "=")
		switch {
		case !found:
			return fmt.Errorf("field %q has no value", aux)
		case name == "shard-id":
			if !isID(v) {
				return errors.New("the shard has no id")
			}
			n.ShardID = v
		case name == "nodename":
			n.Name = v
		case name == "tls-port":
			p, err := port(v)
			if err != nil {
				return err
			}
			n.TLSPort = p
		case name == "tcp-port": // of a node whose clients come by TLS first
		default:
			return fmt.Errorf("unknown field %q", name)
		}
	}
	at := strings.LastIndexByte(parts[0], ':')
	if at < 0 {
		return errors.New("no port")
	}
	n.IP = parts[0][:at]
	base, bus, given := strings.Cut(parts[0][at+1:], "@")
	p, err := port(base)
	if err != nil {
		return err
	}
	n.Port, n.BusPort = p, p+BusOffset
	if given {
		if n.BusPort, err = port(bus); err != nil {
			return err
		}
	}
	return nil
}

// BusOffset is how far above a node's port the one of its bus is by default.
const BusOffset = 10000

func port(w string) (int, error) {
	p, err := strconv.ParseUint(w, 10, 16)
	return int(p), err
}

// parseSlots reads "5", "5-9", "[5->-id]" or "[5-<-id]".
func (s *State) parseSlots(n *Node, w string) error {
	if strings.HasPrefix(w, "[") {
		at := strings.IndexByte(w, '-')
		if at < 0 || len(w) < at+4 || !strings.HasSuffix(w, "]") {
			return fmt.Errorf("%q is no slot on the move", w)
		}
		slot, err := slotNumber(w[1:at])
		id := w[at+3 : len(w)-1]
		if err != nil || w[at+2] != '-' || !isID(id) {
			return fmt.Errorf("%q is no slot on the move", w)
		}
		switch w[at+1] {
		case '>':
			s.migrating[slot] = s.node(id)
		case '<':
			s.importing[slot] = s.node(id)
		default:
			return fmt.Errorf("%q is no slot on the move", w)
		}
		return nil
	}
	first, last, isRange := strings.Cut(w, "-")
	from, err := slotNumber(first)
	to := from
	if err == nil && isRange {
		to, err = slotNumber(last)
	}
	if err != nil {
		return err
	}
	for i := from; i <= to; i++ {
		if s.slots[i] == nil { // a slot that two lines claim is the first one's, as in Redis
			s.Assign(uint16(i), n)
		}
	}
	return nil
}

func slotNumber(w string) (int, error) {
	v, err := strconv.ParseUint(w, 10, 64)
	if err == nil && v >= Slots {
		err = fmt.Errorf("there is no slot %d", v)
	}
	return int(v), err
}

// ValidAddress says whether a node could be reached there: a numeric address, and ports that exist.
func ValidAddress(ip string, port, busPort int64) bool {
	return net.ParseIP(ip) != nil && port > 0 && port <= 65535 && busPort > 0 && busPort <= 65535
}
