package conformance

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// What checks histories is itself checked: a server that keeps its promises passes, one that breaks one of them, once for each crash, does
// not.
func TestLinearizableControl(t *testing.T) {
	for _, f := range []fault{
		{},
		{"lost", "register"}, {"lost", "counter"}, {"lost", "list"}, {"lost", "bank"}, {"lost", "pair"},
		{"doubled", "counter"}, {"doubled", "list"}, {"doubled", "bank"},
		{"halved", "bank"}, {"halved", "far"},
		{"stale", "register"}, {"stale", "counter"},
	} {
		name := f.what + " " + f.kind
		if f.what == "" {
			name = "true"
		}
		t.Run(name, func(t *testing.T) {
			s := &pretender{fault: f, rnd: rand.New(rand.NewPCG(7, 7)), states: map[object]string{}, latest: map[object]lastMade{}}
			rnd := rand.New(rand.NewPCG(8, 8))
			// Not every fault can be seen: of two calls at the same time the lost one may as well have been the first. A storm commits
			// three at most, and ten storms have some that can.
			bad, storms := "", 0
			for ; bad == "" && storms < 10 && (f.what != "" || storms == 0); storms++ {
				history, _, _ := storm(s, rnd, 3*storms, 3)
				bad = checkLinear(t, history)
			}
			switch {
			case f.what == "" && bad != "":
				t.Errorf("a true history is rejected: %s", bad)
			case f.what != "" && s.faults == 0:
				t.Error("nothing was done")
			case f.what != "" && !strings.HasPrefix(bad, "{"+f.kind):
				t.Errorf("%d faults in %d storms: %q is found", s.faults, storms, bad)
			}
		})
	}
}

// fault is what a pretender does to an object of a kind.
type fault struct{ what, kind string }

// lastMade is the last change of an object whose reply has left.
type lastMade struct {
	before, after string
	made          request
}

// pretender behaves like a server, with a fault. All fields are guarded by mu.
type pretender struct {
	mu     sync.Mutex
	fault  fault
	rnd    *rand.Rand
	states map[object]string
	latest map[object]lastMade
	dying  bool // calls get no reply, and happen or do not
	dead   bool
	faults int // done
}

func (s *pretender) open() (performer, error) { return s, nil }
func (s *pretender) close()                   {}
func (s *pretender) disturb()                 {}

func (s *pretender) perform(c request) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dying && !c.readOnly() {
		delete(s.latest, c.object) // a call without a reply may explain what a fault does
	}
	if s.dead || s.dying && s.rnd.IntN(2) == 0 {
		return "", errors.New("gone")
	}
	if c.op == "WATCH" {
		c.op = "GET"
	}
	before := s.states[c.object]
	next, reply := specs[c.kind](before, c.op, strings.Fields(c.args))
	s.states[c.object] = next
	if s.dying {
		return "", errors.New("gone")
	}
	if next != before {
		s.latest[c.object] = lastMade{before, next, c}
	}
	if was, ok := s.latest[c.object]; ok && s.fault.what == "stale" && c.kind == s.fault.kind && c.op == "GET" && s.rnd.IntN(50) == 0 {
		s.faults++
		return orNothing(was.before), nil
	}
	return reply, nil
}

// crash lets some calls under way happen and not others.
func (s *pretender) crash() {
	s.set(true, false)
	time.Sleep(time.Millisecond)
	s.set(true, true)
}

// restart commits the fault: now nothing is under way.
func (s *pretender) restart() error {
	s.set(false, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	for o, last := range s.latest {
		if o.kind != s.fault.kind || s.states[o] != last.after {
			continue
		}
		args := strings.Fields(last.made.args)
		switch s.fault.what {
		case "lost":
			s.states[o] = last.before
		case "doubled":
			s.states[o], _ = specs[o.kind](last.after, last.made.op, args)
		case "halved":
			if o.kind == "bank" {
				sums := balances(last.after)
				sums[number(args[1])] -= number(args[2])
				s.states[o] = join(sums)
			} else {
				s.states[o] = last.before + " " + last.after // no value that anybody wrote
			}
		}
		if s.states[o] != last.after {
			s.faults++
			break
		}
	}
	clear(s.latest)
	return nil
}

func (s *pretender) set(dying, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dying, s.dead = dying, dead
}
