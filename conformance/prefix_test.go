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

// The promise (I3, I4): what is there after a kill -9 is the one stream of effects up to some place, without a hole, and that place lies
// behind everything acknowledged.
//
// Each unit appends its name to a journal and writes the place where it stands there into one of many keys. A unit that is missing while
// a later one is there shows: places move up in the journal, but not in the keys.
func TestSurvivingPrefix(t *testing.T) {
	rounds := 4
	if long() {
		rounds = 40
	}
	for name, args := range stormWays(t) {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			j := &journal{target: newRealTarget(t, seed, args), rnd: rand.New(rand.NewPCG(seed, 2)), acked: map[string]int{}}
			for round := range rounds {
				j.round(t, round)
				if t.Failed() {
					t.FailNow()
				}
			}
			t.Logf("%d units survived", len(j.units))
		})
	}
}

const (
	journalClients = 8
	journalSlots   = 40
)

// journal is what is known of the stream.
type journal struct {
	target *realTarget
	rnd    *rand.Rand
	units  []string // of the lives before, in order
	last   [journalClients]int

	done  atomic.Int64
	mu    sync.Mutex
	acked map[string]int // place of each unit acknowledged in this life; guarded by mu
}

const unitScript = `local at = redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], at)
return at`

// slotOf is the key that a unit writes.
func slotOf(client, n int) string { return fmt.Sprintf("place:%d", (client*7+n*11)%journalSlots) }

// round lets clients write, kills the server, and looks at what is left.
func (j *journal) round(t *testing.T, round int) {
	enough := int64(500 + j.rnd.IntN(2500))
	j.done.Store(0)
	var wg sync.WaitGroup
	for c := range journalClients {
		wg.Go(func() { j.write(t, c, 1+c*c) })
	}
	disturbed := false
	for start := time.Now(); j.done.Load() < enough && time.Since(start) < 20*time.Second; time.Sleep(50 * time.Microsecond) {
		if !disturbed && j.done.Load() > enough/2 {
			j.target.disturb()
			disturbed = true
		}
	}
	j.target.crash()
	wg.Wait()
	if err := j.target.restart(); err != nil {
		t.Fatalf("round %d: restart: %v", round, err)
	}
	j.verify(t, round)
}

// write sends units, so many at once, until the server is gone.
func (j *journal) write(t *testing.T, client, depth int) {
	c, err := j.target.server.DialErr()
	if err != nil {
		return
	}
	defer c.Close()
	for n := j.last[client]; ; n += depth {
		var out []byte
		for i := range depth {
			unit := fmt.Sprintf("%d:%d", client, n+i+1)
			out = testbed.AppendCommand(out, "EVAL", unitScript, "2", "journal", slotOf(client, n+i+1), unit)
		}
		if c.SendRaw(out) != nil {
			return
		}
		for i := range depth {
			r, err := c.Receive()
			if err != nil {
				return
			}
			if r.Kind != testbed.Integer {
				t.Errorf("a unit: %v", r)
				return
			}
			j.mu.Lock()
			j.acked[fmt.Sprintf("%d:%d", client, n+i+1)] = int(r.Int)
			j.mu.Unlock()
			j.done.Add(1)
		}
	}
}

// verify compares the data with the journal in it, and the journal with what is known.
func (j *journal) verify(t *testing.T, round int) {
	c := j.target.server.Dial(t)
	defer c.Close()
	var units []string
	for _, e := range c.Call(t, "LRANGE", "journal", "0", "-1").Elems {
		units = append(units, e.Str)
	}
	for i, unit := range j.units {
		if i >= len(units) || units[i] != unit {
			t.Errorf("round %d: place %d held %s in an earlier life, now there are %d places", round, i+1, unit, len(units))
			return
		}
	}
	places := map[string]int{}
	slots := map[string]int{}
	for i, unit := range units {
		client, n, _ := strings.Cut(unit, ":")
		places[unit] = i + 1
		slots[slotOf(number(client), number(n))] = i + 1
		if i < len(j.units) {
			continue
		}
		if last := &j.last[number(client)]; *last+1 != number(n) {
			t.Errorf("round %d: place %d: client %s's unit %s follows unit %d", round, i+1, client, n, *last)
		} else {
			*last++
		}
	}
	for unit, at := range j.acked {
		if places[unit] != at {
			t.Errorf("round %d: unit %s was acknowledged at place %d, now it is at %d (0: lost)", round, unit, at, places[unit])
		}
	}
	for slot := range journalSlots {
		key := fmt.Sprintf("place:%d", slot)
		if got := c.Call(t, "GET", key).Str; number(got) != slots[key] {
			t.Errorf("round %d: %s holds %s, by the journal it is %s", round, key, got, strconv.Itoa(slots[key]))
		}
	}
	j.units = units
	clear(j.acked)
}
