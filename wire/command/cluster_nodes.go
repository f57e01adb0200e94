package command

import (
	"slices"

	"frankenredis/wire/cluster"
	"frankenredis/wire/engine"
)

const errNoBus = engine.ReplyError("ERR This server does not speak the cluster bus: a cluster of it has one node")

// findNode finds the node an argument names.
func findNode(s *cluster.State, id []byte) (*cluster.Node, error) {
	if n := s.Lookup(string(id)); n != nil {
		return n, nil
	}
	return nil, engine.Errorf("ERR Unknown node %s", shown(id))
}

func clusterNodes(c *engine.Call, s *cluster.State) error {
	c.W.Verbatim("txt", string(s.AppendNodes(nil, nodeView(c))))
	return nil
}

func clusterReplicas(c *engine.Call, s *cluster.State) error {
	n, err := findNode(s, c.Args[2])
	if err != nil {
		return err
	}
	if n.IsReplica() {
		return engine.ReplyError("ERR The specified node is not a master")
	}
	replicas := s.ReplicasOf(n)
	c.W.Array(len(replicas))
	for _, r := range replicas {
		c.W.Bulk(s.AppendNode(nil, r, nodeView(c)))
	}
	return nil
}

// clusterSlots lists runs of slots. Replicas are not named: none has ever been heard of.
func clusterSlots(c *engine.Call, s *cluster.State) error {
	kind := c.E.Config().Enum("cluster-preferred-endpoint-type")
	runs := 0
	s.Ranges(func(_, _ int, n *cluster.Node) {
		if n != nil {
			runs++
		}
	})
	w := c.W
	w.Array(runs)
	s.Ranges(func(from, to int, n *cluster.Node) {
		if n == nil {
			return
		}
		w.Array(3)
		w.Int(int64(from))
		w.Int(int64(to))
		w.Array(4)
		if kind == "unknown-endpoint" {
			w.Null()
		} else {
			w.BulkString(n.Endpoint(kind))
		}
		w.Int(int64(n.ClientPort(c.S.TLS)))
		w.BulkString(n.ID)
		var more []string // how else it can be reached
		if kind != "ip" {
			more = append(more, "ip", n.IP)
		}
		if kind != "hostname" && n.Hostname != "" {
			more = append(more, "hostname", n.Hostname)
		}
		w.Map(len(more) / 2)
		for _, m := range more {
			w.BulkString(m)
		}
	})
	return nil
}

// nodeView is how nodes are described to the client of a call.
func nodeView(c *engine.Call) cluster.View {
	if c.S.TLS {
		return cluster.TLSView
	}
	return cluster.PlainView
}

func clusterShards(c *engine.Call, s *cluster.State) error {
	var ids []string
	shards := make(map[string][]*cluster.Node)
	for _, n := range s.Nodes() {
		if shards[n.ShardID] == nil {
			ids = append(ids, n.ShardID)
		}
		shards[n.ShardID] = append(shards[n.ShardID], n)
	}
	kind := c.E.Config().Enum("cluster-preferred-endpoint-type")
	w := c.W
	w.Array(len(ids))
	for _, id := range ids {
		w.Map(2)
		w.BulkString("slots")
		var bounds []int
		s.Ranges(func(from, to int, n *cluster.Node) {
			if n != nil && slices.Contains(shards[id], n) {
				bounds = append(bounds, from, to)
			}
		})
		w.Array(len(bounds))
		for _, b := range bounds {
			w.Int(int64(b))
		}
		w.BulkString("nodes")
		w.Array(len(shards[id]))
		for _, n := range shards[id] {
			appendShardNode(c, s, n, kind)
		}
	}
	return nil
}

func appendShardNode(c *engine.Call, s *cluster.State, n *cluster.Node, kind string) {
	w, fields := c.W, 6
	ports := []struct {
		name string
		port int
	}{{"port", n.Port}, {"tls-port", n.TLSPort}}
	for _, p := range ports {
		if p.port != 0 {
			fields++
		}
	}
	if n.Hostname != "" {
		fields++
	}
	w.Map(fields)
	text := func(name, v string) {
		w.BulkString(name)
		w.BulkString(v)
	}
	text("id", n.ID)
	for _, p := range ports {
		if p.port != 0 {
			w.BulkString(p.name)
			w.Int(int64(p.port))
		}
	}
	text("ip", n.IP)
	text("endpoint", n.Endpoint(kind))
	if n.Hostname != "" {
		text("hostname", n.Hostname)
	}
	role, health, offset := "master", "online", int64(0)
	if n == s.Me {
		offset = int64(c.StreamEnd())
	}
	if n.IsReplica() {
		role = "replica"
		health = "loading" // as long as nothing was heard of it
	}
	if n.Flags&cluster.Fail != 0 {
		health = "fail"
	}
	text("role", role)
	w.BulkString("replication-offset")
	w.Int(offset)
	text("health", health)
}

// clusterLinks answers that there are none.
func clusterLinks(c *engine.Call, _ *cluster.State) error {
	c.W.Array(0)
	return nil
}

func clusterReports(c *engine.Call, s *cluster.State) error {
	if _, err := findNode(s, c.Args[2]); err != nil {
		return err
	}
	c.W.Int(0) // nobody reports anything
	return nil
}

func clusterForget(c *engine.Call, s *cluster.State) error {
	n, err := findNode(s, c.Args[2])
	if err != nil {
		return err
	}
	if n == s.Me {
		return engine.ReplyError("ERR I tried hard but I can't forget myself...")
	}
	s.Forget(n)
	c.E.DropShardChannels()
	return clusterDone(c)
}

func clusterMeet(c *engine.Call, _ *cluster.State) error {
	if len(c.Args) > 5 {
		return errSubcommand(c)
	}
	port, err := integer(c.Args[3])
	if err != nil {
		return engine.Errorf("ERR Invalid base port specified: %s", shown(c.Args[3]))
	}
	bus := port + cluster.BusOffset
	if len(c.Args) == 5 {
		if bus, err = integer(c.Args[4]); err != nil {
			return engine.Errorf("ERR Invalid bus port specified: %s", shown(c.Args[4]))
		}
	}
	if !cluster.ValidAddress(shown(c.Args[2]), port, bus) {
		return engine.Errorf("ERR Invalid node address specified: %s:%s", shown(c.Args[2]), shown(c.Args[3]))
	}
	return errNoBus
}

func clusterReplicate(c *engine.Call, s *cluster.State) error {
	n, err := findNode(s, c.Args[2])
	switch {
	case err != nil:
		return err
	case n == s.Me:
		return engine.ReplyError("ERR Can't replicate myself")
	case n.IsReplica():
		return engine.ReplyError("ERR I can only replicate a master, not a replica.")
	case s.Me.Slots > 0 || c.E.Keyspace().DB(0).Len() > 0:
		return engine.ReplyError("ERR To set a master the node must be empty and without assigned slots.")
	}
	return errNoBus
}

func clusterFailover(c *engine.Call, _ *cluster.State) error {
	if len(c.Args) > 3 {
		return errSubcommand(c)
	}
	if len(c.Args) == 3 && !is(c.Args[2], "FORCE") && !is(c.Args[2], "TAKEOVER") {
		return engine.ErrSyntax
	}
	return engine.ReplyError("ERR You should send CLUSTER FAILOVER to a replica")
}

func clusterBumpepoch(c *engine.Call, s *cluster.State) error {
	word := "STILL"
	if s.BumpEpoch() {
		word = "BUMPED"
		c.E.Logger().Info("New configEpoch set to " + string(decimal(int64(s.Me.Epoch))))
		if err := c.E.ClusterChanged(); err != nil {
			return err
		}
	}
	c.W.Simple(word + " " + string(decimal(int64(s.Me.Epoch))))
	return nil
}

func clusterSetepoch(c *engine.Call, s *cluster.State) error {
	epoch, err := integer(c.Args[2])
	switch {
	case err != nil:
		return err
	case epoch < 0:
		return engine.Errorf("ERR Invalid config epoch specified: %d", epoch)
	case s.Len() > 1:
		return engine.ReplyError("ERR The user can assign a config epoch only when the node does not know any other node.")
	case s.Me.Epoch != 0:
		return engine.ReplyError("ERR Node config epoch is already non-zero")
	}
	s.SetEpoch(uint64(epoch))
	c.E.Logger().Info("configEpoch set to " + string(decimal(epoch)) + " via CLUSTER SET-CONFIG-EPOCH")
	return clusterDone(c)
}

func clusterSaveconfig(c *engine.Call, s *cluster.State) error {
	s.Changed = true
	return clusterDone(c)
}

func clusterReset(c *engine.Call, s *cluster.State) error {
	hard := false
	switch {
	case len(c.Args) > 3:
		return errSubcommand(c)
	case len(c.Args) == 3 && is(c.Args[2], "HARD"):
		hard = true
	case len(c.Args) == 3 && !is(c.Args[2], "SOFT"):
		return engine.ErrSyntax
	}
	if c.E.Keyspace().DB(0).Len() > 0 {
		return engine.ReplyError("ERR CLUSTER RESET can't be called with master nodes containing keys")
	}
	s.Reset(hard)
	c.E.DropShardChannels()
	if hard {
		log := c.E.Logger()
		log.Info("configEpoch set to 0 via CLUSTER RESET HARD")
		log.Info("Node hard reset, now I'm " + s.Me.ID)
	}
	return clusterDone(c)
}
