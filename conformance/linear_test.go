package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"frankenredis/conformance/testbed"
)

// The promise: clients that share keys see one server that does one thing at a time, and never goes back, through any number of
// deaths by kill -9, also while it stands still by SIGSTOP, rewrites its log or is starting (I1, I4, I5, I7). Every reply was true; a
// call without a reply has happened whole, before the server was gone, or not at all.
//
// A stock server promises that only under always.
func TestLinearizable(t *testing.T) {
	rounds := 6
	if long() {
		rounds = 90
	}
	for name, args := range stormWays(t) {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			s := newRealTarget(t, seed, args)
			// A history of a few rounds is checked at a time, then come new objects: the time that checking takes grows with the square.
			for from := 0; from < rounds; from += 6 {
				history, unknown, err := storm(s, rand.New(rand.NewPCG(seed, uint64(from)<<8)), from, min(6, rounds-from))
				t.Logf("%d calls, %d without a reply", len(history), unknown)
				if err != nil {
					t.Fatalf("restart: %v", err)
				}
				if bad := checkLinear(t, history); bad != "" {
					t.Fatalf("no order of calls explains the replies of\n%s", bad)
				}
			}
		})
	}
}

// stormWays are the ways to write a log that keep what was acknowledged through kill -9, by name.
func stormWays(t *testing.T) map[string][]string {
	if isStock(t, testbed.Subject(t)) {
		return map[string][]string{"always": {"--appendfsync", "always"}}
	}
	ways := map[string][]string{
		"ring":     {"--appendfsync", "always", "--fr-wal-commit", "ring", "--fr-wal-ring-size", "4mb"},
		"direct":   {"--appendfsync", "always", "--fr-wal-commit", "direct"},
		"everysec": {"--appendfsync", "everysec"},
	}
	if long() {
		ways["no"] = []string{"--appendfsync", "no"}
	}
	return ways
}

// target is what a storm is raised against: a server, or something that behaves like one on purpose, or does not.
type target interface {
	// open makes a connection. Any goroutine may call it.
	open() (performer, error)
	// disturb does something to a running server that must not matter.
	disturb()
	// crash ends it while calls are under way; when it returns none of them will happen any more.
	crash()
	restart() error
}

// performer is a connection. A call that failed for want of a connection may have happened.
type performer interface {
	perform(c request) (reply string, err error)
	close()
}

const stormClients = 12

// recorder keeps what clients did, in the order of a common clock.
type recorder struct {
	begun time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation // guarded by mu
	open  []int                 // ops whose calls had no reply; guarded by mu
	done  atomic.Int64          // answered calls
}

func (r *recorder) now() int64 { return int64(time.Since(r.begun)) }

// record takes a call that began at from.
func (r *recorder) record(client int, c request, from int64, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.unknown {
		r.open = append(r.open, len(r.ops))
	} else {
		r.done.Add(1)
	}
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: c, Call: from, Output: a, Return: r.now()})
}

// crashed says that what is without a reply happened before now or never.
func (r *recorder) crashed() (unknown int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.open {
		r.ops[i].Return = r.now()
	}
	unknown = len(r.open)
	r.open = nil
	return unknown
}

// storm lets clients loose on new objects for so many rounds, each of which ends in a crash, and returns what they did.
func storm(s target, rnd *rand.Rand, first, rounds int) (history []porcupine.Operation, unknown int, err error) {
	r := &recorder{begun: time.Now()}
	objects := newObjects(first)
	for round := range rounds {
		enough := r.done.Load() + int64(500+rnd.IntN(1500))
		var wg sync.WaitGroup
		for i := range stormClients {
			c := &stormClient{number: i, life: first + round, objects: objects, r: r, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0))}
			wg.Go(func() { c.run(s) })
		}
		disturbAt := r.done.Load() + int64(rnd.IntN(500))
		for start := time.Now(); r.done.Load() < enough && time.Since(start) < 20*time.Second; time.Sleep(50 * time.Microsecond) {
			if r.done.Load() >= disturbAt {
				s.disturb()
				disturbAt = r.done.Load() + int64(100+rnd.IntN(500))
			}
		}
		s.crash()
		wg.Wait()
		unknown += r.crashed()
		if err := s.restart(); err != nil {
			return r.ops, unknown, err
		}
		readAll(s, r, objects)
	}
	return r.ops, unknown, nil
}

// newObjects makes some of each kind. Few enough that clients meet, many enough that checking is quick.
func newObjects(generation int) (all []object) {
	for kind := range specs {
		for i := range 3 {
			all = append(all, object{kind, fmt.Sprintf("%s:%d:%d", kind, generation, i)})
		}
	}
	return all
}

// readAll has one client look at everything.
func readAll(s target, r *recorder, objects []object) {
	p, err := s.open()
	if err != nil {
		return
	}
	defer p.close()
	for _, o := range objects {
		c, from := request{object: o, op: "GET"}, r.now()
		if reply, err := p.perform(c); err == nil {
			r.record(stormClients, c, from, answer{text: reply})
		}
	}
}

// stormClient makes calls, one at a time, until the server is gone.
type stormClient struct {
	number, life int
	objects      []object
	r            *recorder
	rnd          *rand.Rand
	made         int // values
}

// value is one that nobody else writes.
func (c *stormClient) value() string {
	c.made++
	return fmt.Sprintf("%d.%d.%d", c.life, c.number, c.made)
}

func (c *stormClient) run(s target) {
	p, err := s.open()
	if err != nil {
		return
	}
	defer p.close()
	for {
		next := c.pick()
		reply, err := c.do(p, next)
		if err != nil {
			return
		}
		if next.op == "WATCH" {
			next.op, next.args = "CAS", reply+" "+c.value()
			if _, err := c.do(p, next); err != nil {
				return
			}
		}
	}
}

// do makes a call and records it.
func (c *stormClient) do(p performer, next request) (string, error) {
	from := c.r.now()
	reply, err := p.perform(next)
	if next.op == "WATCH" {
		next.op = "GET" // which it is, to the data
	}
	switch {
	case errors.Is(err, errRefused):
		c.r.record(c.number, next, from, answer{text: err.Error()}) // no spec says so: it is found when the history is checked
	case err != nil:
		if !next.readOnly() {
			c.r.record(c.number, next, from, answer{unknown: true})
		}
	case next.op == "CAS" && reply == nothing:
		// The key may have changed, and changed back before it was read.
	default:
		c.r.record(c.number, next, from, answer{text: reply})
	}
	return reply, err
}

// pick makes up a call.
func (c *stormClient) pick() request {
	next := request{object: c.objects[c.rnd.IntN(len(c.objects))]}
	one := func(ops ...string) { next.op = ops[c.rnd.IntN(len(ops))] }
	switch next.kind {
	case "register":
		if one("SET", "SET", "GETSET", "WATCH", "WATCH", "GET"); next.op == "SET" || next.op == "GETSET" {
			next.args = c.value()
		}
	case "counter":
		if one("INCRBY", "INCRBY", "GET"); next.op == "INCRBY" {
			next.args = strconv.Itoa(1 + c.rnd.IntN(3))
		}
	case "list":
		if one("LPUSH", "LPUSH", "RPOP", "RPOP", "RPOP", "ROTATE", "GET"); next.op == "LPUSH" {
			next.args = c.value()
		}
	case "bank":
		if one("TRANSFER", "TRANSFER", "SPEND", "GET"); next.op != "GET" {
			from := c.rnd.IntN(accounts)
			next.args = fmt.Sprint(from, " ", (from+1+c.rnd.IntN(accounts-1))%accounts, " ", 1+c.rnd.IntN(9))
		}
	case "pair", "far":
		if one("MSET", "MULTI", "GET"); next.op != "GET" {
			next.args = c.value()
		}
	}
	return next
}
