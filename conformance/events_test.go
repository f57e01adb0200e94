package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/generate"
	"frankenredis/conformance/testbed"
)

// Random commands cause the same keyspace events, of every class, in the same order.
func TestKeyspaceEvents(t *testing.T) {
	d := newDuel(t, "redict-server")
	commands := knownTo(t, d.servers[0])
	for i := range d.servers {
		if r := d.admin[i].Call(t, "CONFIG", "SET", "notify-keyspace-events", "KEAmn"); r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	for _, f := range families {
		g := generate.New(1, commands, f.weights)
		if g == nil || generate.New(1, commands, generate.Weights{f.name: 1}) == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			first, n := f.run(f.seeds / 4)
			total := 0
			for seed := first; seed < first+uint64(n) && !t.Failed(); seed++ {
				began := time.Now()
				stream := generate.New(seed, commands, f.weights).Commands(*lengthFlag)
				events, why, err := d.listen(stream)
				total += events
				e := testbed.Entry{Suite: "events", Case: f.name, Seed: seed, Millis: testbed.Millis(began), Outcome: testbed.Pass,
					Replay: fmt.Sprintf("go test ./conformance -count=1 -run '^TestKeyspaceEvents$/^%s$' -seed %d -length %d", f.name, seed, *lengthFlag)}
				if err != nil || why != "" {
					e.Outcome, e.Reason = testbed.Fail, "events differ"
					t.Errorf("seed %d: %s%v\nreplay: %s", seed, why, err, e.Replay)
				}
				testbed.Record(t, e)
			}
			t.Logf("%d seeds of %d commands, %d events", n, *lengthFlag, total)
		})
	}
}

// listen starts both servers from nothing, gives them a stream command by command, and compares the events of each. It returns
// how many there were, and what differs, or "".
func (d *duel) listen(stream [][]string) (count int, why string, err error) {
	var conns, listeners [2]*testbed.Client
	for i, s := range d.servers {
		for _, reset := range [][]string{{"DEBUG", "SET-ACTIVE-EXPIRE", "0"}, {"FLUSHALL"}} {
			if _, err := d.admin[i].Do(reset...); err != nil {
				return 0, "", fmt.Errorf("%s: %w", side(i), err)
			}
		}
		for _, c := range []**testbed.Client{&conns[i], &listeners[i]} {
			if *c, err = s.DialErr(); err != nil {
				return 0, "", err
			}
			defer (*c).Close()
		}
		if _, err := listeners[i].Do("PSUBSCRIBE", "__key*__:*"); err != nil {
			return 0, "", err
		}
	}
	cmp := &comparison{}
	for n, args := range stream {
		found, err := exchange(conns, [][]string{args}, cmp)
		if err != nil {
			return count, "", fmt.Errorf("at command %d: %w", n, err)
		}
		var events [2][]string
		for i, l := range listeners {
			if events[i], err = pending(l); err != nil {
				return count, "", fmt.Errorf("%s, events of command %d: %w", side(i), n, err)
			}
		}
		count += len(events[0])
		if inNoOrder(args, events) {
			slices.Sort(events[0])
			slices.Sort(events[1])
		}
		if found != nil {
			return count, "", nil // the replies differ: TestRandom's matter
		}
		if !slices.Equal(events[0], events[1]) {
			return count, fmt.Sprintf("command %d, %q, with what came before:\n%sour events   %q\ntheir events %q\n",
				n, args, listing(stream[max(0, n-6):n+1]), events[0], events[1]), nil
		}
	}
	return count, "", nil
}

func listing(cmds [][]string) string {
	var b strings.Builder
	for _, c := range cmds {
		fmt.Fprintf(&b, "    %.300q\n", c)
	}
	return b.String()
}

// pending reads the events that have been published so far.
func pending(l *testbed.Client) (events []string, err error) {
	if err := l.Send("PING"); err != nil {
		return nil, err
	}
	for {
		r, err := l.Receive()
		switch {
		case err != nil:
			return nil, err
		case len(r.Elems) == 2:
			return events, nil
		case len(r.Elems) != 4:
			return nil, errors.New("neither a message nor the end of them")
		}
		events = append(events, r.Elems[2].Str+" "+r.Elems[3].Str)
	}
}

// inNoOrder says whether a command met expired keys in the order of a hash table.
func inNoOrder(args []string, events [2][]string) bool {
	switch strings.ToUpper(args[0]) {
	case "SCAN", "KEYS", "EXEC", "RANDOMKEY":
		return slices.ContainsFunc(events[0], func(e string) bool { return strings.HasSuffix(e, " expired") })
	}
	return false
}

// Commands that the generator leaves out cause the same events: those that block, once at rest and once served by another
// client, and those that choose at random.
func TestKeyspaceEventsOfBlockedClients(t *testing.T) {
	d := newDuel(t, "redict-server")
	for _, c := range []struct {
		before   []string // commands
		blocked  string
		wakes    string // "": the command does not block
		replyToo bool
	}{
		{nil, "BLPOP l m 0", "RPUSH m 1 2", true},
		{nil, "BRPOP l 0", "LPUSH l 1", true},
		{[]string{"RPUSH l 1"}, "BLPOP l 0", "", true},
		{nil, "BLMPOP 0 1 l LEFT COUNT 5", "RPUSH l a b", true},
		{nil, "BLMOVE l m LEFT RIGHT 0", "RPUSH l a", true},
		{nil, "BLMOVE l l LEFT RIGHT 0", "RPUSH l a", true},
		{nil, "BRPOPLPUSH l m 0", "RPUSH l a b", true},
		{[]string{"SADD s 1 2"}, "BLPOP l 0", "SORT s STORE l", true},
		{nil, "BZPOPMIN z 0", "ZADD z 1 a", true},
		{nil, "BZPOPMAX z 0", "ZADD z 1 a 2 b", true},
		{nil, "BZMPOP 0 1 z MAX COUNT 2", "ZADD z 1 a 2 b", true},
		{[]string{"ZADD z 1 a"}, "BZPOPMIN z 0", "", true},
		{nil, "XREAD BLOCK 0 STREAMS x $", "XADD x 1-1 f v", true},
		{[]string{"XGROUP CREATE x g $ MKSTREAM"}, "XREADGROUP GROUP g c BLOCK 0 STREAMS x >", "XADD x 1-1 f v", true},
		{[]string{"XGROUP CREATE x g $ MKSTREAM"}, "XREADGROUP GROUP g c BLOCK 0 STREAMS x >", "DEL x", true},
		{[]string{"XADD x 1-1 f v", "XGROUP CREATE x g 0"}, "XREADGROUP GROUP g c STREAMS x >", "", true},
		{[]string{"RPUSH a 1"}, "BLPOP l 0", "RENAME a l", true},
		{[]string{"SADD s a"}, "SPOP s", "", true},
		{[]string{"SADD s a b c"}, "SPOP s 9", "", false},
		{[]string{"SADD s a b c"}, "SPOP s 2", "", false},
	} {
		t.Run(c.blocked+" "+c.wakes, func(t *testing.T) {
			var got [2]string
			for i, s := range d.servers {
				d.admin[i].Call(t, "CONFIG", "SET", "notify-keyspace-events", "KEAmn")
				d.admin[i].Call(t, "FLUSHALL")
				l, a, b := s.Dial(t), s.Dial(t), s.Dial(t)
				for _, line := range c.before {
					b.Call(t, strings.Fields(line)...)
				}
				l.Call(t, "PSUBSCRIBE", "__key*__:*")
				ok(t, a.Send(strings.Fields(c.blocked)...))
				if c.wakes != "" {
					waitFor(t, "the client blocks", func() bool {
						return strings.Contains(d.admin[i].Call(t, "INFO", "clients").Str, "blocked_clients:1\r")
					})
					b.Call(t, strings.Fields(c.wakes)...)
				}
				if c.replyToo || c.wakes == "" {
					r, err := a.ReceiveRaw()
					ok(t, err)
					if c.replyToo {
						got[i] = fmt.Sprintf("%q\n", r)
					}
				}
				events, err := pending(l)
				ok(t, err)
				got[i] += strings.Join(events, "\n")
				a.Close()
				waitFor(t, "nobody is blocked", func() bool {
					return strings.Contains(d.admin[i].Call(t, "INFO", "clients").Str, "blocked_clients:0\r")
				})
			}
			if got[0] != got[1] {
				t.Errorf("ours\n%s\ntheirs\n%s", got[0], got[1])
			}
		})
	}
}
