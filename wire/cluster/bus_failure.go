package cluster

import (
	"fmt"
	"time"
)

// reportsLast is for how many node timeouts a report counts.
const reportsLast = 2

// report notes what a primary says of a node.
func (b *Bus) report(n, by *Node, fails bool) {
	_, had := n.bus.reports[by]
	switch {
	case fails:
		if n.bus.reports == nil {
			n.bus.reports = make(map[*Node]time.Time)
		}
		n.bus.reports[by] = b.now
		if !had {
			b.log.Debug(fmt.Sprintf("Node %s (%s) reported node %s (%s) as not reachable.", by.ID, by.Name, n.ID, n.Name))
		}
		b.judgeFailure(n)
	case had:
		delete(n.bus.reports, by)
		b.log.Debug(fmt.Sprintf("Node %s (%s) reported node %s (%s) is back online.", by.ID, by.Name, n.ID, n.Name))
	}
}

// Reports is how many primaries say that a node fails.
func (b *Bus) Reports(n *Node) int {
	for by, at := range n.bus.reports {
		if b.now.Sub(at) > reportsLast*b.set.NodeTimeout {
			delete(n.bus.reports, by)
		}
	}
	return len(n.bus.reports)
}

// judgeFailure makes a suspected node a failing one when most primaries suspect it.
func (b *Bus) judgeFailure(n *Node) {
	if n.Flags&PFail == 0 || n.Flags&Fail != 0 {
		return
	}
	votes := b.Reports(n)
	if b.s.Me.Flags&Primary != 0 {
		votes++
	}
	if votes < b.s.Size/2+1 {
		return
	}
	b.log.Info(fmt.Sprintf("Marking node %s (%s) as failing (quorum reached).", n.ID, n.Name))
	b.fail(n)
	if b.s.Me.Flags&Primary != 0 {
		m := b.message(msgFail)
		m.about = n.ID
		b.broadcast(m)
	}
}

func (b *Bus) fail(n *Node) {
	n.Flags = n.Flags&^PFail | Fail
	n.bus.failed, b.s.Changed = b.now, true
}

// clearFailure takes a failing node that answers again as working: at once if it serves nothing, else when nobody has taken its slots for a
// while.
func (b *Bus) clearFailure(n *Node) {
	switch {
	case n.IsReplica() || n.Slots == 0:
		what := "master without slots"
		if n.IsReplica() {
			what = "replica"
		}
		b.log.Info(fmt.Sprintf("Clear FAIL state for node %s (%s):%s is reachable again.", n.ID, n.Name, what))
	case b.now.Sub(n.bus.failed) > reportsLast*b.set.NodeTimeout:
		b.log.Info(fmt.Sprintf("Clear FAIL state for node %s (%s): is reachable again and nobody is serving its slots after some time.", n.ID, n.Name))
	default:
		return
	}
	n.Flags &^= Fail
	b.s.Changed = true
}
