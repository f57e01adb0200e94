package conformance

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// The promise: kill -9 at any moment under load loses no acknowledged write under any fsync policy (I4), leaves no half
// transaction (I5), and takes nothing back that any client has seen (I2).
//
// A stock server promises I4 and I2 only under always: under everysec it lets replies go while it puts a write off.
func TestKill(t *testing.T) {
	rounds := 8
	if long() {
		rounds = 100
	}
	type way struct {
		name, policy string
		more         []string
	}
	ways := []way{{"everysec", "everysec", nil}, {"no", "no", nil}}
	if isStock(t, testbed.Subject(t)) {
		ways = append(ways, way{"always", "always", nil})
	} else {
		ways = append(ways, way{"always", "always", []string{"--fr-wal-commit", "direct"}},
			way{"ring", "always", []string{"--fr-wal-commit", "ring", "--fr-wal-ring-size", "4mb"}})
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			k := newKillTest(t, w.policy, rand.New(rand.NewPCG(seed, 0)), w.more...)
			for round := range rounds {
				k.round(t, round)
				if t.Failed() {
					t.FailNow()
				}
			}
		})
	}
}

// killTest is one server's life over many kills, with what its clients were told.
type killTest struct {
	server   *testbed.Server
	rnd      *rand.Rand
	policy   string
	lossless bool // acknowledged and seen means kept
	writers  []*killWriter
	acked    atomic.Int64 // acknowledged steps of the round, of all writers
}

// killWriter owns some keys and takes steps 1, 2, 3... Each step has a state that shows its number.
type killWriter struct {
	name string
	// step returns the commands of step n, sent at once, and how many replies they have.
	step func(n int) [][]string
	// look returns the highest step that the data shows, or an error when the data can come from no step.
	look func(c *testbed.Client, acked, sent int) (int, error)

	acked, sent int          // steps; touched by the writer's goroutine, read when it has ended
	seen        atomic.Int64 // highest step that another client has seen
	depth       int          // steps in flight at most
}

func newKillTest(t *testing.T, policy string, rnd *rand.Rand, more ...string) *killTest {
	binary := testbed.Subject(t)
	k := &killTest{rnd: rnd, policy: policy, lossless: policy == "always" || !isStock(t, binary)}
	k.server = testbed.Start(t, testbed.Options{Binary: binary, Args: append([]string{"--appendonly", "yes", "--appendfsync", policy,
		"--auto-aof-rewrite-min-size", "100kb", "--auto-aof-rewrite-percentage", "30"}, more...)})
	for i := range 3 {
		k.writers = append(k.writers, counterWriter(i), pairWriter(i), slotWriter(i), flagWriter(i))
	}
	k.writers = append(k.writers, bigWriter())
	return k
}

// counterWriter: INCR; the value is the step.
func counterWriter(i int) *killWriter {
	key := fmt.Sprintf("counter:%d", i)
	return &killWriter{
		name: key, depth: 1 + 15*i,
		step: func(int) [][]string { return [][]string{{"INCR", key}} },
		look: func(c *testbed.Client, _, _ int) (int, error) { return lookInt(c, key) },
	}
}

// pairWriter: MULTI, two keys get the step's number, EXEC. For odd i the keys lie in different databases.
func pairWriter(i int) *killWriter {
	left, right := fmt.Sprintf("left:%d", i), fmt.Sprintf("right:%d", i)
	db := strconv.Itoa(i % 2 * 3)
	return &killWriter{
		name: left, depth: 1 + 3*i,
		step: func(n int) [][]string {
			v := strconv.Itoa(n)
			return [][]string{{"MULTI"}, {"SET", left, v}, {"SELECT", db}, {"SET", right, v}, {"SELECT", "0"}, {"EXEC"}}
		},
		look: func(c *testbed.Client, _, _ int) (int, error) {
			var replies []testbed.Reply
			for _, cmd := range [][]string{{"MULTI"}, {"GET", left}, {"SELECT", db}, {"GET", right}, {"SELECT", "0"}, {"EXEC"}} {
				r, err := c.Do(cmd...)
				if err != nil {
					return 0, err
				}
				replies = r.Elems
			}
			if len(replies) != 4 {
				return 0, fmt.Errorf("EXEC: %v", replies)
			}
			if l, r := replies[0].Str, replies[2].Str; l != r {
				return 0, fmt.Errorf("half a transaction: %s is %q, %s is %q", left, l, right, r)
			}
			return atoi(replies[0].Str)
		},
	}
}

// slotWriter: many keys in turn, each holding the last step that wrote it; so a hole in the sequence shows.
func slotWriter(i int) *killWriter {
	const slots = 50
	key := func(n int) string { return fmt.Sprintf("slot:%d:%d", i, n%slots) }
	return &killWriter{
		name: key(0), depth: 1 + 30*i,
		step: func(n int) [][]string { return [][]string{{"SET", key(n), strconv.Itoa(n), "EX", "100000"}} },
		look: func(c *testbed.Client, _, _ int) (int, error) {
			cmd := []string{"MGET"}
			for s := range slots {
				cmd = append(cmd, key(s))
			}
			r, err := c.Do(cmd...)
			if err != nil {
				return 0, err
			}
			last := 0
			for _, e := range r.Elems {
				n, err := atoi(e.Str)
				if err != nil {
					return 0, err
				}
				last = max(last, n)
			}
			for n := max(1, last-slots+1); n <= last; n++ {
				if got := r.Elems[n%slots].Str; got != strconv.Itoa(n) {
					return 0, fmt.Errorf("step %d is there, of the earlier step %d there is %q", last, n, got)
				}
			}
			return last, nil
		},
	}
}

// flagWriter: odd steps set the key to the step, even steps delete it.
func flagWriter(i int) *killWriter {
	key := fmt.Sprintf("flag:%d", i)
	return &killWriter{
		name: key, depth: 1,
		step: func(n int) [][]string {
			if n%2 == 0 {
				return [][]string{{"DEL", key}}
			}
			return [][]string{{"SET", key, strconv.Itoa(n)}}
		},
		look: func(c *testbed.Client, acked, sent int) (int, error) {
			n, err := lookInt(c, key)
			if err == nil && n == 0 { // deleted, by the last even step that was sent
				n = sent &^ 1
			}
			return n, err
		},
	}
}

// bigWriter: one value of 300 kB that starts and ends with the step.
func bigWriter() *killWriter {
	const key, size = "big", 300_000
	return &killWriter{
		name: key, depth: 1,
		step: func(n int) [][]string {
			v := fmt.Sprintf("%020d", n)
			return [][]string{{"SET", key, v + strings.Repeat("x", size) + v}}
		},
		look: func(c *testbed.Client, _, _ int) (int, error) {
			r, err := c.Do("GET", key)
			if err != nil || r.Kind == testbed.Null {
				return 0, err
			}
			if len(r.Str) != size+40 || r.Str[:20] != r.Str[size+20:] {
				return 0, fmt.Errorf("%s holds %d bytes, from %.20q to %.20q", key, len(r.Str), r.Str, r.Str[max(0, len(r.Str)-20):])
			}
			return strconv.Atoi(strings.TrimLeft(r.Str[:19], "0") + r.Str[19:20])
		},
	}
}

func lookInt(c *testbed.Client, key string) (int, error) {
	r, err := c.Do("GET", key)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return 0, err
	}
	return atoi(r.Str)
}

// atoi reads a step; an absent key is step 0.
func atoi(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	return strconv.Atoi(s)
}

// round puts the server under load, kills it, starts it again and looks at everything.
func (k *killTest) round(t *testing.T, round int) {
	// Enough steps that every writer is in the middle of something; the kill falls wherever that count is reached.
	enough := int64(300 + k.rnd.IntN(3000))
	k.acked.Store(0)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, w := range k.writers {
		wg.Add(2)
		go func() { defer wg.Done(); k.write(w) }()
		go func() { defer wg.Done(); k.watch(t, w, stop) }()
	}
	for start := time.Now(); k.acked.Load() < enough && time.Since(start) < 20*time.Second; {
		time.Sleep(100 * time.Microsecond)
	}
	k.server.Kill()
	close(stop)
	wg.Wait()
	if round%3 == 2 { // die while loading, too: recovery starts over
		killWhileStarting(t, k.server, time.Duration(k.rnd.IntN(30))*time.Millisecond)
	}
	if err := k.server.Restart(); err != nil {
		t.Fatalf("restart after kill -9: %v", err)
	}
	k.verify(t, round)
}

// killWhileStarting starts the server and kills it a moment later.
func killWhileStarting(t *testing.T, s *testbed.Server, after time.Duration) {
	if err := s.RestartNoWait(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	s.Kill()
}

// write takes steps until the server is gone.
func (k *killTest) write(w *killWriter) {
	c, err := k.server.DialErr()
	if err != nil {
		return
	}
	defer c.Close()
	for {
		var out []byte
		replies, first := 0, w.sent+1
		for range w.depth {
			w.sent++
			for _, cmd := range w.step(w.sent) {
				out = testbed.AppendCommand(out, cmd...)
				replies++
			}
		}
		if c.SendRaw(out) != nil {
			return
		}
		perStep := replies / w.depth
		for n := first; n <= w.sent; n++ {
			for range perStep {
				if r, err := c.Receive(); err != nil || r.Err() != nil {
					return
				}
			}
			w.acked = n
			k.acked.Add(1)
		}
	}
}

// watch reads a writer's keys from another connection and remembers the highest step it was shown.
func (k *killTest) watch(t *testing.T, w *killWriter, stop chan struct{}) {
	c, err := k.server.DialErr()
	if err != nil {
		return
	}
	defer c.Close()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if strings.HasPrefix(w.name, "flag") {
			return // an absent key says nothing about the step
		}
		n, err := w.look(c, 0, 0)
		if err != nil {
			if k.server.Running() && strings.Contains(err.Error(), "is there") || strings.Contains(err.Error(), "half") {
				t.Errorf("%s, before the kill: %v", w.name, err)
			}
			return
		}
		if int64(n) < w.seen.Load() {
			t.Errorf("%s, before the kill: step %d after step %d", w.name, n, w.seen.Load())
		}
		w.seen.Store(int64(n))
	}
}

// verify compares what the new process holds with what the clients of the old one were told.
func (k *killTest) verify(t *testing.T, round int) {
	c := k.server.Dial(t)
	defer c.Close()
	for _, w := range k.writers {
		n, err := w.look(c, w.acked, w.sent)
		switch {
		case err != nil:
			t.Errorf("round %d: %s: %v", round, w.name, err)
		case n > w.sent:
			t.Errorf("round %d: %s: step %d was never sent (last %d)", round, w.name, n, w.sent)
		case k.lossless && n < w.acked:
			t.Errorf("round %d: %s: step %d was acknowledged, the server came back with %d", round, w.name, w.acked, n)
		case k.lossless && int64(n) < w.seen.Load():
			t.Errorf("round %d: %s: step %d was seen, the server came back with %d", round, w.name, w.seen.Load(), n)
		}
		w.acked, w.sent = n, n
		w.seen.Store(0)
	}
}
