package cluster

import (
	"slices"
	"strings"
	"time"
)

// State is what this node knows of the cluster. The executor owns it. Methods that change what the file holds set Changed;
// whoever calls them saves before the reply leaves.
type State struct {
	Me        *Node
	Epoch     uint64 // currentEpoch
	VoteEpoch uint64 // lastVoteEpoch
	OK        bool   // clients are served
	Size      int    // primaries that serve slots, as last counted
	Changed   bool   // the file is behind

	nodes     map[string]*Node
	slots     [Slots]*Node
	migrating [Slots]*Node // of ours: to whom
	importing [Slots]*Node // of others: from whom

	began    time.Time // of the first look at the health
	minority time.Time // when this node last found itself with too few others
}

// New is a node that knows nobody but itself, and serves nothing.
func New() *State {
	s := &State{nodes: make(map[string]*Node), Changed: true}
	s.Me = &Node{ID: randomID(), ShardID: randomID(), Flags: Myself | Primary}
	s.nodes[s.Me.ID] = s.Me
	return s
}

// Len is the number of nodes known.
func (s *State) Len() int { return len(s.nodes) }

// Lookup finds a node by its id, or nil.
func (s *State) Lookup(id string) *Node { return s.nodes[id] }

// Nodes are all nodes in order of id.
func (s *State) Nodes() []*Node {
	all := make([]*Node, 0, len(s.nodes))
	for _, n := range s.nodes {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *Node) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// ReplicasOf are the nodes that copy one, in order of id.
func (s *State) ReplicasOf(n *Node) []*Node {
	return slices.DeleteFunc(s.Nodes(), func(r *Node) bool { return r.Of != n })
}

// Owner is who serves a slot, or nil.
func (s *State) Owner(slot uint16) *Node { return s.slots[slot] }

// Migrating is the node one of our slots moves to, or nil.
func (s *State) Migrating(slot uint16) *Node { return s.migrating[slot] }

// Importing is the node a slot comes to us from, or nil.
func (s *State) Importing(slot uint16) *Node { return s.importing[slot] }

// SetMigrating and SetImporting begin or, with nil, end the move of a slot.
func (s *State) SetMigrating(slot uint16, to *Node) { s.migrating[slot], s.Changed = to, true }

// SetImporting is SetMigrating's other end.
func (s *State) SetImporting(slot uint16, from *Node) { s.importing[slot], s.Changed = from, true }

// Assign gives a slot to a node, or with nil to nobody.
func (s *State) Assign(slot uint16, n *Node) {
	if old := s.slots[slot]; old != nil {
		old.Slots--
		old.set.remove(int(slot))
	}
	if n != nil {
		n.Slots++
		n.set.add(int(slot))
	}
	s.slots[slot], s.Changed = n, true
}

// Ranges calls f for each run of slots that have one owner, nil included.
func (s *State) Ranges(f func(from, to int, owner *Node)) {
	for from := 0; from < Slots; {
		to := from
		for to+1 < Slots && s.slots[to+1] == s.slots[from] {
			to++
		}
		f(from, to, s.slots[from])
		from = to + 1
	}
}

// Forget removes another node and what it served.
func (s *State) Forget(n *Node) {
	for i := range s.slots {
		if s.slots[i] == n {
			s.Assign(uint16(i), nil)
		}
		if s.migrating[i] == n {
			s.migrating[i] = nil
		}
		if s.importing[i] == n {
			s.importing[i] = nil
		}
	}
	for _, r := range s.nodes {
		if r.Of == n {
			r.Of = nil
		}
	}
	s.setOf(n, nil)
	delete(s.nodes, n.ID)
	s.Changed = true
}

// setOf makes a node the replica of another, or with nil of none. Replicas of others come to a primary that had some and whose have
// failed, not to one whose last was taken away.
func (s *State) setOf(n, of *Node) {
	old := n.Of
	n.Of, s.Changed = of, true
	if of != nil {
		of.Flags |= MigrateTo
	}
	if old != nil && old != of && len(s.ReplicasOf(old)) == 0 {
		old.Flags &^= MigrateTo
	}
}

// Reset makes the node forget everyone and all slots; hard: also who it was, and all epochs.
func (s *State) Reset(hard bool) {
	for i := range s.slots {
		s.slots[i], s.migrating[i], s.importing[i] = nil, nil, nil
	}
	me := s.Me
	me.Slots, me.set = 0, slotSet{}
	me.Flags &^= MigrateTo
	if hard {
		me.ID, me.ShardID = randomID(), randomID()
		s.Epoch, s.VoteEpoch, me.Epoch = 0, 0, 0
	}
	s.nodes = map[string]*Node{me.ID: me}
	s.Changed = true
}

// BumpEpoch gives this node a configuration epoch of its own above all others, unless it has one.
func (s *State) BumpEpoch() bool {
	highest := s.Epoch
	for _, n := range s.nodes {
		highest = max(highest, n.Epoch)
	}
	if s.Me.Epoch != 0 && s.Me.Epoch == highest {
		return false
	}
	s.Epoch++
	s.Me.Epoch, s.Changed = s.Epoch, true
	return true
}

// SetEpoch gives this node its configuration epoch.
func (s *State) SetEpoch(epoch uint64) {
	s.Me.Epoch, s.Epoch, s.Changed = epoch, max(s.Epoch, epoch), true
}

// How long a node waits before it serves again: after a start, and after it was with a minority.
const (
	startDelay = 2 * time.Second
	minRejoin  = 500 * time.Millisecond
	maxRejoin  = 5 * time.Second
)

// Judge says anew whether clients are served: every slot must be (with fullCoverage), and most primaries must be in reach. It
// reports whether that changed.
func (s *State) Judge(now time.Time, fullCoverage bool, timeout time.Duration) (changed bool) {
	if s.began.IsZero() {
		s.began = now
	}
	leads := s.Me.Flags&Primary != 0 // a replica serves what its primary did at once
	if !s.OK && leads && now.Sub(s.began) < startDelay {
		return false
	}
	ok := true
	if fullCoverage {
		for _, n := range s.slots {
			if n == nil || n.Flags&Fail != 0 {
				ok = false
				break
			}
		}
	}
	s.Size = 0
	reachable := 0
	for _, n := range s.nodes {
		if n.Flags&Primary != 0 && n.Slots > 0 {
			s.Size++
			if n.Flags&(PFail|Fail) == 0 {
				reachable++
			}
		}
	}
	if reachable < s.Size/2+1 {
		ok = false
		s.minority = now
	}
	if ok == s.OK || ok && leads && now.Sub(s.minority) < min(max(timeout, minRejoin), maxRejoin) {
		return false
	}
	s.OK = ok
	return true
}
