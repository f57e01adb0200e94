package cluster

import "fmt"

// learnSlots compares what the sender claims with what this node knows. The higher configuration epoch is right: this node gives in, or
// tells the sender.
func (b *Bus) learnSlots(sender *Node, m *message) {
	s := b.s
	primary := sender
	if sender.IsReplica() {
		primary = sender.Of
	}
	if primary == nil || primary.set == m.slots {
		b.settleEpochs(sender, m)
		return
	}
	if sender == primary {
		b.claim(sender, m.configEpoch, &m.slots)
	}
	for slot := range Slots {
		owner := s.slots[slot]
		if !m.slots.has(slot) || owner == nil || owner == sender || owner == primary || owner.Epoch <= m.configEpoch {
			continue
		}
		b.log.Debug(fmt.Sprintf("Node %s has old slots configuration, sending an UPDATE message about %s", sender.ID, owner.ID))
		update := b.message(msgUpdate)
		update.about, update.aboutEpoch, update.aboutSlots = owner.ID, owner.Epoch, &owner.set
		b.send(sender.bus.link, update)
		break
	}
	b.settleEpochs(sender, m)
}

// settleEpochs makes the epochs of two primaries differ that took the same one: the one with the lower id takes a new one.
func (b *Bus) settleEpochs(sender *Node, m *message) {
	me := b.s.Me
	if me.Flags&Primary == 0 || sender.Flags&Primary == 0 || m.configEpoch != me.Epoch || sender.ID <= me.ID {
		return
	}
	b.s.Epoch++
	me.Epoch, b.s.Changed = b.s.Epoch, true
	b.log.Info(fmt.Sprintf("configEpoch collision with node %s (%s). Updating my configEpoch to %d", sender.ID, sender.Name, me.Epoch))
}

// claim gives a node the slots it claims, as far as its epoch is higher than that of those who had them. A node that loses its last slot so
// becomes a replica of the winner, and so do its replicas; keys of other slots that are lost go.
func (b *Bus) claim(n *Node, epoch uint64, slots *slotSet) {
	s := b.s
	if n == s.Me {
		return
	}
	current := s.Me
	if s.Me.IsReplica() {
		current = s.Me.Of
	}
	var claimed, lost, changed int
	var dirty []uint16
	for slot := range Slots {
		if !slots.has(slot) {
			continue
		}
		claimed++
		owner := s.slots[slot]
		if owner == n || s.importing[slot] != nil || owner != nil && owner.Epoch >= epoch {
			continue
		}
		if owner == s.Me && b.host.KeysIn(uint16(slot)) > 0 {
			dirty = append(dirty, uint16(slot))
		}
		if owner != nil && owner == current {
			lost++
		}
		if owner == s.Me {
			s.migrating[slot] = nil
		}
		s.Assign(uint16(slot), n)
		changed++
	}
	if changed > 0 {
		b.host.SlotsLost()
	}
	switch {
	case lost > 0 && current != nil && current.Slots == 0 && (b.set.Migration || claimed == lost):
		b.log.Info(fmt.Sprintf("Configuration change detected. Reconfiguring myself as a replica of %s (%s)", n.ID, n.Name))
		b.Follow(n)
	case s.Me.Of != nil && s.Me.Of.Of != nil && s.Me.Of.Of != s.Me:
		top := s.Me.Of.Of
		b.log.Info(fmt.Sprintf("I'm a sub-replica! Reconfiguring myself from %s to grandmaster %s", s.Me.Of.ID, top.ID))
		b.Follow(top)
	default:
		for _, slot := range dirty {
			b.log.Info(fmt.Sprintf("Deleting keys in dirty slot %d on node %s after migration to %s", slot, s.Me.ID, n.ID))
			b.host.Drop(slot)
		}
	}
}

// Follow makes this node a replica of another one.
func (b *Bus) Follow(n *Node) {
	s, me := b.s, b.s.Me
	if me.Flags&Primary != 0 {
		me.Flags = me.Flags&^(Primary|MigrateTo) | Replica
		for i := range s.slots {
			s.migrating[i], s.importing[i] = nil, nil
		}
	}
	s.setOf(me, n)
	b.setShard(me, n.ShardID)
	s.Changed = true
	b.resetManual()
	b.host.Follow(n.IP, b.replicationPort(n))
}

// Lead makes this node a primary that serves nothing, as a reset does.
func (b *Bus) Lead() {
	b.setPrimary(b.s.Me)
	b.host.Promote()
}

// AnnounceSlots has the others hear at once of a change that an administrator made.
func (b *Bus) AnnounceSlots() { b.pongAll(false) }

// pongAll tells all nodes, or this node's siblings alone, how things are here.
func (b *Bus) pongAll(siblings bool) {
	me := b.s.Me
	for _, n := range b.s.Nodes() {
		if n == me || n.bus.link == nil || n.Flags&Handshake != 0 {
			continue
		}
		if siblings && !(n.Of != nil && (n.Of == me || n.Of == me.Of)) {
			continue
		}
		b.ping(n.bus.link, msgPong)
	}
}
