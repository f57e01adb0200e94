package pubsub

import (
	"bytes"
	"slices"

	"frankenredis/wire/glob"
	"frankenredis/wire/resp"
)

// Hub knows who listens to what. Executor only.
type Hub struct {
	kinds [kindCount]topics
	// buf holds the message being delivered, in RESP2 and in RESP3.
	buf       [2][]byte
	delivered uint64
}

// New returns a hub without subscribers.
func New() *Hub {
	h := &Hub{}
	for k := range h.kinds {
		h.kinds[k].byName = make(map[string]*topic)
	}
	return h
}

// topics are the names of one kind that somebody is subscribed to.
type topics struct {
	byName map[string]*topic
	list   []*topic
}

// topic is one channel or pattern.
type topic struct {
	name  []byte
	place int // in topics.list
	links []*link
}

// link is one subscription: a client's to a topic.
type link struct {
	topic    *topic
	receiver Receiver
	inTopic  int // place in topic.links
	inClient int // place in Subscriptions.links
}

// Subscribe subscribes the client behind r, whose subscriptions are s, to a channel or pattern. It returns false when it
// was subscribed already.
func (h *Hub) Subscribe(k Kind, s *Subscriptions, r Receiver, name []byte) bool {
	all := &h.kinds[k]
	t := all.byName[string(name)]
	if t == nil {
		t = &topic{name: bytes.Clone(name), place: len(all.list)}
		all.byName[string(name)] = t
		all.list = append(all.list, t)
	}
	if s.byTopic[t] != nil {
		return false
	}
	l := &link{topic: t, receiver: r, inTopic: len(t.links), inClient: len(s.links[k])}
	t.links = append(t.links, l)
	s.links[k] = append(s.links[k], l)
	if s.byTopic == nil {
		s.byTopic = make(map[*topic]*link)
	}
	s.byTopic[t] = l
	return true
}

// Unsubscribe ends one subscription. It returns false when there was none.
func (h *Hub) Unsubscribe(k Kind, s *Subscriptions, name []byte) bool {
	t := h.kinds[k].byName[string(name)]
	if t == nil || s.byTopic[t] == nil {
		return false
	}
	h.unlink(k, s, s.byTopic[t])
	return true
}

// Leave ends all subscriptions of a kind; after each it calls told, unless that is nil, with the name, which it must not change. Those made first end
// first, unless some were ended before.
func (h *Hub) Leave(k Kind, s *Subscriptions, told func(name []byte)) {
	slices.Reverse(s.links[k]) // the last one is taken out without moving another
	for i, l := range s.links[k] {
		l.inClient = i
	}
	for len(s.links[k]) > 0 {
		l := s.links[k][len(s.links[k])-1]
		h.unlink(k, s, l)
		if told != nil {
			told(l.topic.name)
		}
	}
}

// LeaveAll ends every subscription of a client.
func (h *Hub) LeaveAll(s *Subscriptions) {
	if !s.Any() {
		return
	}
	for k := range kindCount {
		h.Leave(k, s, nil)
	}
	*s = Subscriptions{}
}

func (h *Hub) unlink(k Kind, s *Subscriptions, l *link) {
	delete(s.byTopic, l.topic)
	remove(&s.links[k], l.inClient, func(m *link, at int) { m.inClient = at })
	t := l.topic
	remove(&t.links, l.inTopic, func(m *link, at int) { m.inTopic = at })
	if len(t.links) == 0 {
		all := &h.kinds[k]
		delete(all.byName, string(t.name))
		remove(&all.list, t.place, func(m *topic, at int) { m.place = at })
	}
}

// remove takes element at out of a list; the last one takes its place, which moved notes.
func remove[T any](list *[]*T, at int, moved func(e *T, at int)) {
	old := *list
	last := len(old) - 1
	old[at] = old[last]
	moved(old[at], at)
	old[last] = nil
	*list = old[:last]
}

// Publish delivers a message to the subscribers of a channel and of the patterns that match it, and counts the deliveries.
// The arguments are copied.
func (h *Hub) Publish(channel, payload []byte) (receivers int) {
	if t := h.kinds[Channels].byName[string(channel)]; t != nil {
		receivers = h.deliver(t, "message", false, channel, payload)
	}
	for _, t := range h.kinds[Patterns].list {
		if glob.Match(t.name, channel, false) {
			receivers += h.deliver(t, "pmessage", true, channel, payload)
		}
	}
	return receivers
}

// PublishShard delivers a message to the subscribers of a shard channel.
func (h *Hub) PublishShard(channel, payload []byte) (receivers int) {
	if t := h.kinds[Shards].byName[string(channel)]; t != nil {
		receivers = h.deliver(t, "smessage", false, channel, payload)
	}
	return receivers
}

// deliver hands one message to all subscribers of a topic. It is encoded once for each protocol.
func (h *Hub) deliver(t *topic, word string, pattern bool, channel, payload []byte) int {
	var made [2]bool
	for _, l := range t.links {
		proto := l.receiver.Proto()
		i := 0
		if proto == 3 {
			i = 1
		}
		if !made[i] {
			made[i] = true
			w := resp.Writer{Buf: h.buf[i][:0], Proto: proto}
			if pattern {
				w.Push(4)
				w.BulkString(word)
				w.Bulk(t.name)
			} else {
				w.Push(3)
				w.BulkString(word)
			}
			w.Bulk(channel)
			w.Bulk(payload)
			h.buf[i] = w.Buf
		}
		l.receiver.Push(h.buf[i])
	}
	for i := range h.buf {
		if cap(h.buf[i]) > maxIdle {
			h.buf[i] = nil
		}
	}
	h.delivered += uint64(len(t.links))
	return len(t.links)
}

// maxIdle bounds the scratch kept between messages, in bytes.
const maxIdle = 64 << 10

// Delivered counts all deliveries so far.
func (h *Hub) Delivered() uint64 { return h.delivered }

// Listening says whether a published message could reach anybody (shard channels aside).
func (h *Hub) Listening() bool {
	return len(h.kinds[Channels].list)+len(h.kinds[Patterns].list) > 0
}

// Len is the number of different channels or patterns of a kind that are subscribed to.
func (h *Hub) Len(k Kind) int { return len(h.kinds[k].list) }

// Subscribers is the number of clients subscribed to one channel or pattern.
func (h *Hub) Subscribers(k Kind, name []byte) int {
	if t := h.kinds[k].byName[string(name)]; t != nil {
		return len(t.links)
	}
	return 0
}

// Names calls f with each channel or pattern of a kind that is subscribed to, in no order that means anything. f must not change it.
func (h *Hub) Names(k Kind, f func(name []byte)) {
	for _, t := range h.kinds[k].list {
		f(t.name)
	}
}
