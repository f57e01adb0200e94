package pubsub

// Kind is what a name stands for.
type Kind uint8

// The kinds of names one can subscribe to. Each has names of its own.
const (
	Channels Kind = iota
	Patterns
	Shards
	kindCount
)

// Receiver takes messages for one client.
type Receiver interface {
	// Proto is the protocol version the client speaks now, 2 or 3.
	Proto() int
	// Push takes one message, encoded. The bytes are valid during the call only.
	Push(message []byte)
}

// Subscriptions are what one client listens to. The zero value is nothing; the Hub changes it.
type Subscriptions struct {
	links   [kindCount][]*link
	byTopic map[*topic]*link
}

// Count is the number of subscriptions of a kind.
func (s *Subscriptions) Count(k Kind) int { return len(s.links[k]) }

// Any says whether there is any subscription: the client is a Pub/Sub client then.
func (s *Subscriptions) Any() bool { return len(s.byTopic) > 0 }

// Names calls f with the name of each subscription of a kind. f must not change it.
func (s *Subscriptions) Names(k Kind, f func(name []byte)) {
	for _, l := range s.links[k] {
		f(l.topic.name)
	}
}
