package conformance

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// Four clients that track in all modes, and one that hears what others redirect to it, run random commands, transactions and scripts.
// Each receives from the subject what it receives from redict, in the same order.
func TestRandomTracking(t *testing.T) {
	seeds, steps := uint64(2), 1500
	if testing.Short() {
		seeds, steps = 1, 300
	}
	if long() {
		seeds = 50
	}
	if *seedsFlag > 0 {
		seeds = uint64(*seedsFlag)
	}
	for seed := *seedFlag; seed < *seedFlag+seeds; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			var sides [2]*trackers
			for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
				sides[i] = newTrackers(t, binary)
			}
			rnd := rand.New(rand.NewPCG(seed, 11))
			for step := range steps {
				who := rnd.IntN(len(sides[0].clients))
				batch := make([][]string, 1+rnd.IntN(3)/2*rnd.IntN(3))
				for i := range batch {
					batch[i] = trackingCommand(rnd)
				}
				got, want := sides[0].run(t, who, batch), sides[1].run(t, who, batch)
				if got != want {
					t.Fatalf("step %d, client %d: %q\ngot\n%s\nwant\n%s", step, who, batch, got, want)
				}
			}
		})
	}
}

// trackers are the clients of one server.
type trackers struct {
	clients  []*testbed.Client
	listener *testbed.Client
	id       string // the listener's
}

func newTrackers(t *testing.T, binary string) *trackers {
	s := testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--save", ""}})
	x := &trackers{listener: s.Dial(t)}
	x.id = strconv.FormatInt(x.listener.Call(t, "CLIENT", "ID").Int, 10)
	for _, channel := range []string{"__redis__:invalidate", "__redict__:invalidat"} { // redict-invalidate
		x.listener.Call(t, "SUBSCRIBE", channel)
	}
	for range 4 {
		x.clients = append(x.clients, s.Dial(t))
	}
	return x
}

// run has one client send some commands at once, and returns what everybody receives.
func (x *trackers) run(t *testing.T, who int, batch [][]string) string {
	t.Helper()
	var out strings.Builder
	receive := func(c *testbed.Client, name string, replies int) {
		for replies > 0 {
			r, err := c.Receive()
			ok(t, err)
			if r.Kind != testbed.Push && !(r.Kind == testbed.Array && len(r.Elems) == 3 && r.Elems[0].Str == "message") {
				replies--
			}
			text := testbed.Format(r)
			if strings.Contains(text, `"server"`) {
				text = "HELLO"
			}
			fmt.Fprintf(&out, "%s: %s\n", name, strings.ReplaceAll(text, "__redict__:invalidat", "__redis__:invalidate"))
		}
	}
	var sent []byte
	for _, args := range batch {
		args = append([]string(nil), args...)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "LISTENER", x.id)
		}
		sent = testbed.AppendCommand(sent, args...)
	}
	ok(t, x.clients[who].SendRaw(sent))
	receive(x.clients[who], "reply", len(batch))
	for i, c := range x.clients { // a reply to PING is behind all that came before
		ok(t, c.Send("PING"))
		receive(c, strconv.Itoa(i), 1)
	}
	ok(t, x.listener.Send("PING"))
	receive(x.listener, "listener", 1)
	return out.String()
}

// trackingCommand is a random command: one that reads, changes, or says what is tracked.
func trackingCommand(rnd *rand.Rand) []string {
	keys := []string{"a1", "a2", "b1", "b2", "c"}
	k, k2 := keys[rnd.IntN(len(keys))], keys[rnd.IntN(len(keys))]
	one := func(lines ...string) []string {
		args := strings.Fields(lines[rnd.IntN(len(lines))])
		for i := range args {
			args[i] = strings.NewReplacer("KEY2", k2, "KEY", k, "_", " ").Replace(args[i])
		}
		return args
	}
	switch n := rnd.IntN(100); {
	case n < 30:
		return one("GET KEY", "MGET KEY KEY2", "EXISTS KEY", "STRLEN KEY", "TYPE KEY", "HGETALL KEY", "LRANGE KEY 0 -1", "TOUCH KEY", "BITCOUNT KEY",
			"EVAL return_redis.call('get',KEYS[1]) 1 KEY", "EVAL_RO return_redis.call('get',KEYS[1]) 1 KEY")
	case n < 66:
		return one("SET KEY v", "MSET KEY 1 KEY2 2", "DEL KEY KEY2", "INCR KEY", "APPEND KEY x", "EXPIRE KEY 100", "PERSIST KEY", "RENAME KEY KEY2",
			"COPY KEY KEY2 REPLACE", "GETDEL KEY", "GETEX KEY EX 100", "HSET KEY f v", "LPUSH KEY x", "LPOP KEY", "SADD KEY x", "EXPIRE KEY -1",
			"EVAL redis.call('set',KEYS[1],1)_redis.call('get',KEYS[2])_return_redis.call('del',KEYS[2]) 2 KEY KEY2")
	case n < 78:
		return one("MULTI", "EXEC", "EXEC", "DISCARD", "WATCH KEY", "CLIENT CACHING YES", "CLIENT CACHING NO")
	case n < 82:
		return one("FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SELECT 0", "SELECT 1")
	case n < 94:
		return one("CLIENT TRACKING on", "CLIENT TRACKING on BCAST", "CLIENT TRACKING on BCAST PREFIX a", "CLIENT TRACKING on BCAST PREFIX a PREFIX b",
			"CLIENT TRACKING on OPTIN", "CLIENT TRACKING on OPTOUT", "CLIENT TRACKING on NOLOOP", "CLIENT TRACKING on BCAST NOLOOP",
			"CLIENT TRACKING on OPTIN NOLOOP", "CLIENT TRACKING on REDIRECT LISTENER", "CLIENT TRACKING on BCAST REDIRECT LISTENER")
	}
	return one("CLIENT TRACKING off", "RESET", "HELLO 2", "HELLO 3", "HELLO 3")
}
