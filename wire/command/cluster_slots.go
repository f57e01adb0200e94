package command

import (
	"frankenredis/wire/cluster"
	"frankenredis/wire/engine"
)

// slotChange is a command that gives slots to this node or takes them from whom they belong to.
type slotChange bool

const (
	addSlots    slotChange = false
	removeSlots slotChange = true
)

const errBadSlot = engine.ReplyError("ERR Invalid or out of range slot")

func slotNumber(arg []byte) (int, error) {
	n, err := integer(arg)
	if err != nil || n < 0 || n >= cluster.Slots {
		return 0, errBadSlot
	}
	return int(n), nil
}

func clusterSlotsListed(remove slotChange) func(*engine.Call, *cluster.State) error {
	return func(c *engine.Call, s *cluster.State) error {
		bounds := make([]int, 0, 2*len(c.Args))
		for _, arg := range c.Args[2:] {
			n, err := slotNumber(arg)
			if err != nil {
				return err
			}
			bounds = append(bounds, n, n)
		}
		return changeSlots(c, s, bounds, remove)
	}
}

func clusterSlotsRanged(remove slotChange) func(*engine.Call, *cluster.State) error {
	return func(c *engine.Call, s *cluster.State) error {
		if len(c.Args)%2 != 0 {
			return engine.ErrArity(c.Spec.FullName())
		}
		bounds := make([]int, 0, len(c.Args))
		for i := 2; i < len(c.Args); i += 2 {
			from, err := slotNumber(c.Args[i])
			if err != nil {
				return err
			}
			to, err := slotNumber(c.Args[i+1])
			if err != nil {
				return err
			}
			if from > to {
				return engine.Errorf("ERR start slot number %d is greater than end slot number %d", from, to)
			}
			bounds = append(bounds, from, to)
		}
		return changeSlots(c, s, bounds, remove)
	}
}

// changeSlots changes all slots within pairs of bounds, or none.
func changeSlots(c *engine.Call, s *cluster.State, bounds []int, remove slotChange) error {
	var named [cluster.Slots]bool
	for i := 0; i < len(bounds); i += 2 {
		for slot := bounds[i]; slot <= bounds[i+1]; slot++ {
			taken := s.Owner(uint16(slot)) != nil
			switch {
			case bool(remove) && !taken:
				return engine.Errorf("ERR Slot %d is already unassigned", slot)
			case !bool(remove) && taken:
				return engine.Errorf("ERR Slot %d is already busy", slot)
			case named[slot]:
				return engine.Errorf("ERR Slot %d specified multiple times", slot)
			}
			named[slot] = true
		}
	}
	owner := s.Me
	if remove {
		owner = nil
	}
	for slot, on := range named {
		if !on {
			continue
		}
		if !remove && s.Importing(uint16(slot)) != nil {
			s.SetImporting(uint16(slot), nil)
		}
		s.Assign(uint16(slot), owner)
	}
	if remove {
		c.E.DropShardChannels()
	}
	return clusterDone(c)
}

func clusterFlushslots(c *engine.Call, s *cluster.State) error {
	if c.E.Keyspace().DB(0).Len() > 0 {
		return engine.ReplyError("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")
	}
	for slot := range uint16(cluster.Slots) {
		if s.Owner(slot) == s.Me {
			s.Assign(slot, nil)
		}
	}
	c.E.DropShardChannels()
	return clusterDone(c)
}

// clusterSetslot says where a slot moves, or who serves it.
func clusterSetslot(c *engine.Call, s *cluster.State) error {
	if s.Me.IsReplica() {
		return engine.ReplyError("ERR Please use SETSLOT only with masters.")
	}
	n, err := slotNumber(c.Args[2])
	if err != nil {
		return err
	}
	slot := uint16(n)
	word, five := c.Args[3], len(c.Args) == 5
	switch {
	case is(word, "MIGRATING") && five:
		if s.Owner(slot) != s.Me {
			return engine.Errorf("ERR I'm not the owner of hash slot %d", slot)
		}
		to, err := slotPartner(s, c.Args[4])
		if err != nil {
			return err
		}
		s.SetMigrating(slot, to)
	case is(word, "IMPORTING") && five:
		if s.Owner(slot) == s.Me {
			return engine.Errorf("ERR I'm already the owner of hash slot %d", slot)
		}
		from, err := slotPartner(s, c.Args[4])
		if err != nil {
			return err
		}
		s.SetImporting(slot, from)
	case is(word, "STABLE") && len(c.Args) == 4:
		s.SetMigrating(slot, nil)
		s.SetImporting(slot, nil)
	case is(word, "NODE") && five:
		if err := giveSlot(c, s, slot, c.Args[4]); err != nil {
			return err
		}
	default:
		return engine.ReplyError("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
	}
	return clusterDone(c)
}

// slotPartner is the other node of a move.
func slotPartner(s *cluster.State, id []byte) (*cluster.Node, error) {
	n := s.Lookup(string(id))
	switch {
	case n == nil:
		return nil, engine.Errorf("ERR I don't know about node %s", shown(id))
	case n.IsReplica():
		return nil, engine.ReplyError("ERR Target node is not a master")
	}
	return n, nil
}

// giveSlot is SETSLOT NODE.
func giveSlot(c *engine.Call, s *cluster.State, slot uint16, id []byte) error {
	n, err := findNode(s, id)
	if err != nil {
		return err
	}
	if n.IsReplica() {
		return engine.ReplyError("ERR Target node is not a master")
	}
	keys := c.E.Keyspace().DB(0).SlotLen(slot)
	if s.Owner(slot) == s.Me && n != s.Me && keys > 0 {
		return engine.Errorf("ERR Can't assign hashslot %d to a different node while I still hold keys for this hash slot.", slot)
	}
	if keys == 0 && s.Migrating(slot) != nil {
		s.SetMigrating(slot, nil)
	}
	mine := s.Owner(slot) == s.Me
	s.Assign(slot, n)
	if n != s.Me {
		if mine && s.Me.Slots == 0 && c.E.Config().Bool("cluster-allow-replica-migration") {
			c.E.Logger().Info("Configuration change detected. Reconfiguring myself as a replica of " + n.ID + " (" + n.Name + ")")
			c.E.Bus().Follow(n)
		}
		c.E.DropShardChannels()
		return nil
	}
	if s.Importing(slot) != nil {
		// The others are to believe this node rather than the one that served the slot before.
		if s.BumpEpoch() {
			c.E.Logger().Info("configEpoch updated after importing slot " + string(decimal(int64(slot))))
		}
		s.SetImporting(slot, nil)
		c.E.Bus().AnnounceSlots()
	}
	return nil
}
