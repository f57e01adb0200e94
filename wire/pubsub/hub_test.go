package pubsub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"frankenredis/wire/glob"
)

// client is a receiver that keeps what it is sent.
type client struct {
	Subscriptions
	proto int
	got   strings.Builder
}

func (c *client) Proto() int    { return c.proto }
func (c *client) Push(m []byte) { c.got.Write(m) }

func TestMessages(t *testing.T) {
	h := New()
	two, three := &client{proto: 2}, &client{proto: 3}
	for _, c := range []*client{two, three} {
		h.Subscribe(Channels, &c.Subscriptions, c, []byte("ch"))
		h.Subscribe(Patterns, &c.Subscriptions, c, []byte("c?"))
		h.Subscribe(Shards, &c.Subscriptions, c, []byte("ch"))
	}
	if n := h.Publish([]byte("ch"), []byte("a\r\n")); n != 4 {
		t.Errorf("%d received the message, want 4", n)
	}
	if n := h.PublishShard([]byte("ch"), nil); n != 2 {
		t.Errorf("%d received the shard message, want 2", n)
	}
	if n := h.Publish([]byte("other"), nil) + h.PublishShard([]byte("other"), nil); n != 0 {
		t.Errorf("%d received what they did not subscribe to", n)
	}
	want := "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$3\r\na\r\n\r\n" +
		"*4\r\n$8\r\npmessage\r\n$2\r\nc?\r\n$2\r\nch\r\n$3\r\na\r\n\r\n" +
		"*3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$0\r\n\r\n"
	if got := two.got.String(); got != want {
		t.Errorf("RESP2: %q\nwant %q", got, want)
	}
	if got, want := three.got.String(), strings.ReplaceAll(want, "*", ">"); got != want {
		t.Errorf("RESP3: %q\nwant %q", got, want)
	}
}

// Whatever is subscribed, unsubscribed and left, the hub agrees with plain sets.
func TestAgainstSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := New()
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = &client{proto: 2 + i%2}
	}
	names := []string{"a", "b", "ab", "*", "a*", "?"}
	type sub struct {
		client int
		kind   Kind
		name   string
	}
	model := map[sub]bool{}
	for step := range 20000 {
		at := sub{rng.IntN(len(clients)), Kind(rng.IntN(int(kindCount))), names[rng.IntN(len(names))]}
		c := clients[at.client]
		switch rng.IntN(20) {
		case 0:
			h.LeaveAll(&c.Subscriptions)
			for s := range model {
				if s.client == at.client {
					delete(model, s)
				}
			}
		case 1:
			var told, want []string
			h.Leave(at.kind, &c.Subscriptions, func(name []byte) { told = append(told, string(name)) })
			for s := range model {
				if s.client == at.client && s.kind == at.kind {
					want = append(want, s.name)
					delete(model, s)
				}
			}
			slices.Sort(told)
			slices.Sort(want)
			if !slices.Equal(told, want) {
				t.Fatalf("step %d: left %q, want %q", step, told, want)
			}
		case 2, 3, 4, 5, 6, 7, 8:
			if ended := h.Unsubscribe(at.kind, &c.Subscriptions, []byte(at.name)); ended != model[at] {
				t.Fatalf("step %d: Unsubscribe of %v gives %v", step, at, ended)
			}
			delete(model, at)
		default:
			if added := h.Subscribe(at.kind, &c.Subscriptions, c, []byte(at.name)); added == model[at] {
				t.Fatalf("step %d: Subscribe to %v gives %v", step, at, added)
			}
			model[at] = true
		}
		receivers, counts := 0, [kindCount]int{}
		distinct := map[string]bool{}
		for s := range model {
			if s.client == at.client {
				counts[s.kind]++
			}
			distinct[fmt.Sprint(s.kind, s.name)] = true
			if (s.kind == Channels && s.name == at.name) || (s.kind == Patterns && glob.Match([]byte(s.name), []byte(at.name), false)) {
				receivers++
			}
		}
		if n := h.Publish([]byte(at.name), nil); n != receivers {
			t.Fatalf("step %d: %d receivers of %q, want %d", step, n, at.name, receivers)
		}
		topics, sum := 0, 0
		for k := range kindCount {
			topics += h.Len(k)
			sum += c.Count(k)
			if c.Count(k) != counts[k] {
				t.Fatalf("step %d: client has %d of kind %d, want %d", step, c.Count(k), k, counts[k])
			}
		}
		if topics != len(distinct) || c.Any() != (sum > 0) {
			t.Fatalf("step %d: %d topics, want %d; any %v with %d", step, topics, len(distinct), c.Any(), sum)
		}
	}
}

// A delivery allocates nothing.
func TestDeliveryAllocatesNothing(t *testing.T) {
	h := New()
	silent := deaf{}
	subs := make([]Subscriptions, 100)
	for i := range subs {
		h.Subscribe(Channels, &subs[i], silent, []byte("ch"))
		h.Subscribe(Patterns, &subs[i], silent, []byte("c*"))
	}
	channel, payload := []byte("ch"), []byte("payload")
	if n := testing.AllocsPerRun(100, func() { h.Publish(channel, payload) }); n > 0 {
		t.Errorf("a message to 100 subscribers allocates %v times", n)
	}
}

type deaf struct{}

func (deaf) Proto() int  { return 3 }
func (deaf) Push([]byte) {}
