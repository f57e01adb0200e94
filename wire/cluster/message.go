package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// messageType is what a message on the bus is about.
type messageType uint16

// The types, in the protocol's numbers.
const (
	msgPing messageType = iota
	msgPong
	msgMeet
	msgFail
	msgPublish
	msgVoteRequest
	msgVote
	msgUpdate
	msgManualFailover
	msgModule
	msgPublishShard
	messageTypes
)

var messageNames = [messageTypes]string{"ping", "pong", "meet", "fail", "publish", "auth-req", "auth-ack", "update", "mfstart", "module", "publishshard"}

func (t messageType) String() string {
	if t < messageTypes {
		return messageNames[t]
	}
	return fmt.Sprintf("type %d", uint16(t))
}

func (t messageType) gossips() bool { return t <= msgMeet }

// Bits of message.mflags.
const (
	mflagPaused   = 1 << 0 // the sender's clients wait for a manual failover
	mflagForced   = 1 << 1 // vote also while the primary works
	mflagExtended = 1 << 2 // the sender understands extensions
)

// Positions in a message, all numbers big-endian. Behind the header come the gossip entries and their extensions, or what the type carries.
//
//	0 "RCmb" | 4 length, 32 bits | 8 version, 16 | 10 port | 12 type | 14 gossip entries | 16 current epoch, 64 | 24 configuration epoch, 64
//	32 stream offset, 64 | 40 sender, 40 hex digits | 80 slots, 2048 bytes, slot n is bit n%8 of byte n/8 | 2128 its primary, 40
//	2168 address, 46 | 2214 extensions | 2216 30 unused | 2246 second port | 2248 bus port | 2250 flags | 2252 state | 2253 3 bytes of bits
const (
	headerSize    = 2256
	gossipSize    = 104
	slotBytes     = Slots / 8
	idSize        = 40
	addressSize   = AddressLen + 1
	extHeaderSize = 8
	busVersion    = 1
	// maxFrame bounds a message: gossip of all nodes that fit the counter, or what a client may publish.
	maxFrame = 1 << 30
)

// The kinds of extensions.
const (
	extHostname  = 0
	extName      = 1
	extForgotten = 2
	extShard     = 3
)

// slotSet is a set of slots as messages carry it.
type slotSet [slotBytes]byte

func (s *slotSet) has(slot int) bool { return s[slot/8]&(1<<(slot%8)) != 0 }
func (s *slotSet) add(slot int)      { s[slot/8] |= 1 << (slot % 8) }
func (s *slotSet) remove(slot int)   { s[slot/8] &^= 1 << (slot % 8) }

// gossip is what one node tells of another.
type gossip struct {
	id                     string
	pingSent, pongReceived uint32 // Unix seconds
	ip                     string
	port, busPort, second  int
	flags                  Flags
}

// forgotten is a node that an administrator removed: others are to forget it, too.
type forgotten struct {
	id  string
	ttl uint64 // seconds
}

// message is one message of the bus.
type message struct {
	kind                  messageType
	epoch, configEpoch    uint64
	offset                uint64
	sender, of            string // of "": a primary
	slots                 slotSet
	ip                    string
	port, busPort, second int
	flags                 Flags
	failing               bool // the sender finds the cluster failing
	mflags                byte

	gossip []gossip
	// Extensions; a nil pointer: not sent.
	hostname, name, shard *string
	forgotten             []forgotten

	about            string // fail and update: the node
	aboutEpoch       uint64 // update: its configuration epoch
	aboutSlots       *slotSet
	channel, payload []byte // publish
}

var be = binary.BigEndian

// swapPorts exchanges the ports for clients with and without TLS: on a bus that is secured itself the one with TLS comes first.
func (m *message) swapPorts() {
	m.port, m.second = m.second, m.port
	for i := range m.gossip {
		g := &m.gossip[i]
		g.port, g.second = g.second, g.port
	}
}

// appendMessage appends m as it goes over the bus.
func appendMessage(dst []byte, m *message) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	h := dst[at:]
	copy(h, "RCmb")
	be.PutUint16(h[8:], busVersion)
	be.PutUint16(h[10:], uint16(m.port))
	be.PutUint16(h[12:], uint16(m.kind))
	be.PutUint16(h[14:], uint16(len(m.gossip)))
	be.PutUint64(h[16:], m.epoch)
	be.PutUint64(h[24:], m.configEpoch)
	be.PutUint64(h[32:], m.offset)
	copy(h[40:80], m.sender)
	copy(h[80:], m.slots[:])
	copy(h[2128:2168], m.of)
	copy(h[2168:2168+addressSize-1], m.ip)
	be.PutUint16(h[2246:], uint16(m.second))
	be.PutUint16(h[2248:], uint16(m.busPort))
	be.PutUint16(h[2250:], uint16(m.flags))
	if m.failing {
		h[2252] = 1
	}
	h[2253] = m.mflags
	switch m.kind {
	case msgPing, msgPong, msgMeet:
		for i := range m.gossip {
			dst = appendGossip(dst, &m.gossip[i])
		}
		var n uint16
		if dst, n = appendExtensions(dst, m); n > 0 {
			be.PutUint16(dst[at+2214:], n)
		}
	case msgFail:
		dst = append(dst, m.about...)
	case msgPublish, msgPublishShard:
		dst = be.AppendUint32(dst, uint32(len(m.channel)))
		dst = be.AppendUint32(dst, uint32(len(m.payload)))
		dst = append(append(dst, m.channel...), m.payload...)
	case msgUpdate:
		dst = be.AppendUint64(dst, m.aboutEpoch)
		dst = append(dst, m.about...)
		dst = append(dst, m.aboutSlots[:]...)
	}
	be.PutUint32(dst[at+4:], uint32(len(dst)-at))
	return dst
}

func appendGossip(dst []byte, g *gossip) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, gossipSize)...)
	p := dst[at:]
	copy(p, g.id)
	be.PutUint32(p[40:], g.pingSent)
	be.PutUint32(p[44:], g.pongReceived)
	copy(p[48:48+addressSize-1], g.ip)
	be.PutUint16(p[94:], uint16(g.port))
	be.PutUint16(p[96:], uint16(g.busPort))
	be.PutUint16(p[98:], uint16(g.flags))
	be.PutUint16(p[100:], uint16(g.second))
	return dst
}

// appendExtensions appends what belongs behind the gossip, each piece padded to eight bytes.
func appendExtensions(dst []byte, m *message) (_ []byte, n uint16) {
	put := func(kind uint16, body []byte) {
		size := (extHeaderSize + len(body) + 7) &^ 7
		dst = be.AppendUint32(dst, uint32(size))
		dst = be.AppendUint16(dst, kind)
		dst = be.AppendUint16(dst, 0)
		dst = append(dst, body...)
		dst = append(dst, make([]byte, size-extHeaderSize-len(body))...)
		n++
	}
	if m.hostname != nil {
		put(extHostname, append([]byte(*m.hostname), 0))
	}
	if m.name != nil {
		put(extName, append([]byte(*m.name), 0))
	}
	for _, f := range m.forgotten {
		put(extForgotten, be.AppendUint64([]byte(f.id), f.ttl))
	}
	if m.shard != nil {
		put(extShard, []byte(*m.shard))
	}
	return dst, n
}

// errFrame says that what came is no message: the link is of no use any more.
var errFrame = errors.New("not a message of the cluster bus")

// ReadFrame reads one message's bytes. Memory grows as they arrive, not as the header claims.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := be.Uint32(head[4:])
	if string(head[:4]) != "RCmb" || size < 16 || size > maxFrame {
		return nil, errFrame
	}
	var b bytes.Buffer
	b.Write(head[:])
	if _, err := io.CopyN(&b, r, int64(size)-int64(len(head))); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// parseMessage reads a message. What is not whole, or longer or shorter than its type says, is an error.
func parseMessage(p []byte) (*message, error) {
	if len(p) < 14 || string(p[:4]) != "RCmb" || int(be.Uint32(p[4:])) != len(p) {
		return nil, errFrame
	}
	if v := be.Uint16(p[8:]); v != busVersion {
		return nil, fmt.Errorf("messages of version %d are not known here", v)
	}
	m := &message{kind: messageType(be.Uint16(p[12:]))}
	if len(p) < headerSize {
		return nil, fmt.Errorf("a %s of %d bytes", m.kind, len(p))
	}
	m.port = int(be.Uint16(p[10:]))
	m.epoch, m.configEpoch, m.offset = be.Uint64(p[16:]), be.Uint64(p[24:]), be.Uint64(p[32:])
	m.sender = string(p[40:80])
	copy(m.slots[:], p[80:])
	if of := string(p[2128:2168]); of != strings.Repeat("\x00", idSize) {
		m.of = of
	}
	m.ip = text(p[2168 : 2168+addressSize])
	m.second, m.busPort = int(be.Uint16(p[2246:])), int(be.Uint16(p[2248:]))
	m.flags, m.failing, m.mflags = Flags(be.Uint16(p[2250:])), p[2252] != 0, p[2253]
	if !isID(m.sender) || m.of != "" && !isID(m.of) {
		return nil, fmt.Errorf("a %s whose sender has no id", m.kind)
	}
	rest := p[headerSize:]
	var err error
	switch m.kind {
	case msgPing, msgPong, msgMeet:
		err = m.parseGossip(rest, int(be.Uint16(p[14:])), int(be.Uint16(p[2214:])))
	case msgFail:
		if len(rest) != idSize {
			err = errFrame
			break
		}
		m.about = string(rest)
	case msgPublish, msgPublishShard:
		if len(rest) < 8 {
			err = errFrame
			break
		}
		a, b := int64(be.Uint32(rest)), int64(be.Uint32(rest[4:]))
		if rest = rest[8:]; int64(len(rest)) != a+b {
			err = errFrame
			break
		}
		m.channel, m.payload = rest[:a], rest[a:a+b]
	case msgUpdate:
		if len(rest) != 8+idSize+slotBytes {
			err = errFrame
			break
		}
		m.aboutEpoch, m.about = be.Uint64(rest), string(rest[8:48])
		m.aboutSlots = (*slotSet)(rest[48:])
	case msgVoteRequest, msgVote, msgManualFailover:
		if len(rest) != 0 {
			err = errFrame
		}
	}
	if err != nil {
		return nil, fmt.Errorf("a %s of %d bytes: %w", m.kind, len(p), err)
	}
	return m, nil
}

// text is what stands before the first NUL.
func text(p []byte) string {
	s, _, _ := strings.Cut(string(p), "\x00")
	return s
}

func (m *message) parseGossip(p []byte, entries, extensions int) error {
	if len(p) < entries*gossipSize {
		return errFrame
	}
	m.gossip = make([]gossip, entries)
	for i := range m.gossip {
		g := p[i*gossipSize : (i+1)*gossipSize]
		m.gossip[i] = gossip{
			id: string(g[:40]), pingSent: be.Uint32(g[40:]), pongReceived: be.Uint32(g[44:]), ip: text(g[48 : 48+addressSize]),
			port: int(be.Uint16(g[94:])), busPort: int(be.Uint16(g[96:])), flags: Flags(be.Uint16(g[98:])), second: int(be.Uint16(g[100:])),
		}
		if !isID(m.gossip[i].id) {
			return errFrame
		}
	}
	p = p[entries*gossipSize:]
	for range extensions {
		if len(p) < extHeaderSize {
			return errFrame
		}
		size, kind := int64(be.Uint32(p)), be.Uint16(p[4:])
		if size < extHeaderSize || size%8 != 0 || size > int64(len(p)) {
			return errFrame
		}
		if err := m.parseExtension(kind, p[extHeaderSize:size]); err != nil {
			return err
		}
		p = p[size:]
	}
	if len(p) != 0 {
		return errFrame
	}
	return nil
}

// parseExtension reads one extension; kinds that are not known are skipped.
func (m *message) parseExtension(kind uint16, body []byte) error {
	switch kind {
	case extHostname:
		m.hostname = new(text(body))
	case extName:
		m.name = new(text(body))
	case extForgotten:
		if len(body) < idSize+8 || !isID(string(body[:idSize])) {
			return errFrame
		}
		m.forgotten = append(m.forgotten, forgotten{string(body[:idSize]), be.Uint64(body[idSize:])})
	case extShard:
		if len(body) < idSize || !isID(string(body[:idSize])) {
			return errFrame
		}
		m.shard = new(string(body[:idSize]))
	}
	return nil
}
