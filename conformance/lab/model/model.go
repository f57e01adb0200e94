// Package model is the order of the log's steps as a machine of small states: commit, ring, increment, cover, reply, rewrite and
// manifest. [Explore] goes through all states that are reachable within stated bounds, and holds each against the promises for every
// way in which process and machine may die there. What a step may wait for is its guard; a [Fault] takes one guard away.
//
// Positions are numbers of units. A write reaches the page cache, a sync the disk; of what was written and not synced any
// part may survive.
package model

import "fmt"

// State is a state of the machine. It is comparable, and small.
type State struct {
	End   uint8 // committed
	Acked uint8 // replies have left up to here; what a crash has undone is never among them

	RingWritten, RingDurable uint8
	RingLow                  uint8 // the ring's room before here was used again
	Written, Durable         uint8 // of the increments
	Covered                  uint8 // the sidecar describes the increments up to here

	Rewrite Phase
	BaseAt  uint8 // the position that the rewrite froze
	// What of the rewrite the disk holds for certain, and what everybody sees.
	BaseSynced, BaseKept, ManifestSeen, ManifestSafe, OldUnlinked bool

	Epoch    uint8
	EpochNew bool // the epoch file names the epoch, and nothing was written in it yet
}

// Phase is how far a rewrite has come.
type Phase uint8

// The phases, in their order.
const (
	Idle          Phase = iota
	Frozen              // a position is frozen; the increments before are sealed, durably
	BaseWritten         // under a temporary name
	BaseDurable         // its content
	BaseNamed           // renamed
	BaseNameKept        // the folder synced
	ManifestReady       // under a temporary name, durable
	ManifestNamed       // renamed: in force, or not, after a crash
	ManifestKept        // the folder synced: in force
	OldGone             // the files before are unlinked
)

// Fault takes a guard away.
type Fault uint8

// The faults.
const (
	None            Fault = iota
	ReplyEarly            // replies leave when the ring is written, not when it is durable
	ReuseWritten          // ring room is used again when the increments are written, not when they are durable
	ReuseUncovered        // ring room is used again before the sidecar covers it
	CoverWritten          // the sidecar describes what is not durable
	FreezeUndurable       // a rewrite freezes a position that is not durable
	NameUnsynced          // a base is renamed before its content is durable
	ManifestEarly         // a manifest names a base whose name is not durable
	UnlinkEarly           // the old files go before the new manifest is durable
	ForgetRing            // an epoch passes the ring over before the increments are durable
	Faults
)

var faultNames = [Faults]string{"none", "reply early", "reuse written", "reuse uncovered", "cover written", "freeze undurable", "name unsynced",
	"manifest early", "unlink early", "forget ring"}

// String names the fault.
func (f Fault) String() string { return faultNames[f] }

// Bounds limit the exploration.
type Bounds struct {
	Units  uint8 // committed over all epochs
	Ring   uint8 // units the ring has room for
	Epochs uint8 // starts
}

// Step is a step taken.
type Step struct {
	Name string
	To   State
}

// Steps are all steps possible in s.
func Steps(s State, b Bounds, f Fault) []Step {
	var all []Step
	add := func(name string, change func(t *State)) {
		t := s
		change(&t)
		if t != s {
			all = append(all, Step{name, t})
		}
	}
	if s.EpochNew { // a start: nothing is committed until what was found is durable
		add("sync what was found", func(t *State) { t.Durable, t.EpochNew = t.Written, false })
	} else {
		steps(s, b, f, add)
	}
	if s.Epoch < b.Epochs {
		crashes(s, f, add)
	}
	return all
}

func steps(s State, b Bounds, f Fault, add func(string, func(*State))) {
	if s.End < b.Units {
		add("commit", func(t *State) { t.End++ })
	}
	for to := s.RingWritten + 1; to <= min(s.End, s.RingLow+b.Ring); to++ {
		add("write ring", func(t *State) { t.RingWritten = to })
	}
	// A sync covers what was written when it began; more may have been since.
	for to := s.RingDurable + 1; to <= s.RingWritten; to++ {
		add("sync ring", func(t *State) { t.RingDurable = to })
	}
	most := max(s.RingDurable, s.Durable)
	if f == ReplyEarly {
		most = max(most, s.RingWritten)
	}
	for to := s.Acked + 1; to <= most; to++ {
		add("reply", func(t *State) { t.Acked = to })
	}
	for to := s.Written + 1; to <= s.End; to++ {
		add("write increment", func(t *State) { t.Written = to })
	}
	for to := s.Durable + 1; to <= s.Written; to++ {
		add("sync increment", func(t *State) { t.Durable = to })
	}
	add("cover", func(t *State) {
		t.Covered = t.Durable
		if f == CoverWritten {
			t.Covered = t.Written
		}
	})
	free := min(s.Durable, s.Covered)
	switch f {
	case ReuseWritten:
		free = s.Written
	case ReuseUncovered:
		free = s.Durable
	}
	for to := s.RingLow + 1; to <= min(free, s.RingDurable); to++ {
		add("reuse ring", func(t *State) { t.RingLow = to })
	}
	rewriteSteps(s, f, add)
}

func rewriteSteps(s State, f Fault, add func(string, func(*State))) {
	step := func(name string, to Phase, change func(*State)) {
		add(name, func(t *State) { t.Rewrite = to; change(t) })
	}
	nothing := func(*State) {}
	switch s.Rewrite {
	case Idle:
		if s.Durable == s.End || f == FreezeUndurable {
			step("freeze", Frozen, func(t *State) { t.BaseAt = t.End })
		}
	case Frozen:
		step("write base", BaseWritten, nothing)
	case BaseWritten:
		step("sync base", BaseDurable, func(t *State) { t.BaseSynced = true })
		if f == NameUnsynced {
			step("name base", BaseNamed, nothing)
		}
	case BaseDurable:
		step("name base", BaseNamed, nothing)
	case BaseNamed:
		step("keep base's name", BaseNameKept, func(t *State) { t.BaseKept = true })
		if f == ManifestEarly {
			step("ready manifest", ManifestReady, nothing)
		}
	case BaseNameKept:
		step("ready manifest", ManifestReady, nothing)
	case ManifestReady:
		step("name manifest", ManifestNamed, func(t *State) { t.ManifestSeen = true })
	case ManifestNamed:
		step("keep manifest's name", ManifestKept, func(t *State) { t.ManifestSafe, t.BaseKept = true, true })
		if f == UnlinkEarly {
			step("unlink old", OldGone, func(t *State) { t.OldUnlinked = true })
		}
	case ManifestKept:
		step("unlink old", OldGone, func(t *State) { t.OldUnlinked = true })
	case OldGone:
		add("done", func(t *State) { t.endRewrite() })
	}
}

func (s *State) endRewrite() {
	s.Rewrite, s.BaseAt = Idle, 0
	s.BaseSynced, s.BaseKept, s.ManifestSeen, s.ManifestSafe, s.OldUnlinked = false, false, false, false, false
}

// recovered is where a start ends up that finds the increments whole up to found, and the ring up to ring.
func (s *State) recovered(found, ring uint8, f Fault) uint8 {
	if s.RingLow <= found && !(f == ForgetRing && s.EpochNew) {
		return max(found, ring)
	}
	return found
}

// crashes adds every way to go on after a death: increments and ring hold anything between what is durable and what was written; after
// a kill, all of it.
func crashes(s State, f Fault, add func(string, func(*State))) {
	for found := s.Durable; found <= s.Written; found++ {
		kill := found == s.Written
		for ring := s.RingDurable; ring <= s.RingWritten; ring++ {
			to := s.recovered(found, ring, f)
			add(fmt.Sprintf("crash, %d found", found), func(t *State) {
				t.Epoch++
				t.EpochNew = true
				t.End, t.Written = to, to
				t.RingWritten = min(t.RingDurable, to)
				t.RingDurable = t.RingWritten
				if !kill {
					t.Durable = found
				}
				t.endRewrite() // one of the generations is in force, whole
			})
		}
	}
}

// Broken says which promise s breaks, in whatever way everything dies there; "": none.
func (s *State) Broken(f Fault) string {
	least := s.recovered(s.Durable, s.RingDurable, f)
	switch {
	case least < s.Acked:
		return fmt.Sprintf("I1: %d acknowledged, and a power loss leaves %d", s.Acked, least)
	case s.recovered(s.Written, s.RingDurable, f) < s.Acked:
		return "I4: a kill loses what was acknowledged"
	case s.Covered > s.Durable:
		return "I14: the sidecar describes what is not durable"
	case s.RingLow > min(s.Durable, s.Covered):
		return "I15: ring room is used again too early"
	case s.Acked > s.End:
		return "I8: acknowledged what is not there"
	case s.Durable > s.Written || s.Written > s.End || s.RingDurable > s.RingWritten:
		return "I7: durable before it was written"
	}
	return s.brokenRewrite()
}

// brokenRewrite looks at the generations: each that may be in force after a power loss is whole.
func (s *State) brokenRewrite() string {
	switch {
	case s.Rewrite >= Frozen && s.BaseAt > s.Durable:
		return "I2: a base shows what is not durable"
	case s.ManifestSeen && !s.BaseSynced:
		return "I11: a manifest may be in force whose base is not whole"
	case s.ManifestSeen && !s.BaseKept:
		return "I12: a manifest may be in force whose base has no name"
	case s.OldUnlinked && !s.ManifestSafe:
		return "I13: a manifest may be in force whose files are gone"
	}
	return ""
}
