package command

import (
	"slices"
	"time"

	"frankenredis/wire/cluster"
	"frankenredis/wire/engine"
)

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

// clusterSlots lists runs of slots, each with its primary and the replicas that have its data.
func clusterSlots(c *engine.Call, s *cluster.State) error {
	runs := 0
	s.Ranges(func(_, _ int, n *cluster.Node) {
		if n != nil {
			runs++
		}
	})
	c.W.Array(runs)
	s.Ranges(func(from, to int, n *cluster.Node) {
		if n == nil {
			return
		}
		replicas := slices.DeleteFunc(s.ReplicasOf(n), func(r *cluster.Node) bool { return !serving(c, s, r) })
		c.W.Array(3 + len(replicas))
		c.W.Int(int64(from))
		c.W.Int(int64(to))
		appendSlotNode(c, n)
		for _, r := range replicas {
			appendSlotNode(c, r)
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

// serving says whether a replica works and has data.
func serving(c *engine.Call, s *cluster.State, r *cluster.Node) bool {
	offset := r.Offset()
	if r == s.Me {
		offset = uint64(c.StreamEnd())
	}
	return r.Flags&cluster.Fail == 0 && offset > 0
}

func appendSlotNode(c *engine.Call, n *cluster.Node) {
	kind, w := c.E.Config().Enum("cluster-preferred-endpoint-type"), c.W
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
}

func clusterShards(c *engine.Call, s *cluster.State) error {
	var ids []string
	shards := make(map[string][]*cluster.Node)
	for _, n := range s.Nodes() {
		if n.Flags&cluster.Handshake != 0 {
			continue // nobody has said yet whose shard it is of
		}
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
	role, health, offset := "master", "online", int64(n.Offset())
	if n == s.Me {
		offset = int64(c.StreamEnd())
	}
	if n.IsReplica() {
		role = "replica"
		if !serving(c, s, n) {
			health = "loading"
		}
	}
	if n.Flags&cluster.Fail != 0 {
		health = "fail"
	}
	text("role", role)
	w.BulkString("replication-offset")
	w.Int(offset)
	text("health", health)
}

func clusterLinks(c *engine.Call, _ *cluster.State) error {
	links, w := c.E.Bus().Links(), c.W
	w.Array(len(links))
	for _, l := range links {
		direction := "to"
		if l.Inbound {
			direction = "from"
		}
		events := "r"
		if l.Queued > 0 {
			events = "rw"
		}
		w.Map(6)
		for _, f := range [][2]string{{"direction", direction}, {"node", l.Node}} {
			w.BulkString(f[0])
			w.BulkString(f[1])
		}
		w.BulkString("create-time")
		w.Int(l.Created.UnixMilli())
		w.BulkString("events")
		w.BulkString(events)
		w.BulkString("send-buffer-allocated")
		w.Int(int64(l.Queued))
		w.BulkString("send-buffer-used")
		w.Int(int64(l.Queued))
	}
	return nil
}

func clusterReports(c *engine.Call, s *cluster.State) error {
	n, err := findNode(s, c.Args[2])
	if err != nil {
		return err
	}
	c.W.Int(int64(c.E.Bus().Reports(n)))
	return nil
}

func clusterForget(c *engine.Call, s *cluster.State) error {
	n, err := findNode(s, c.Args[2])
	switch {
	case err != nil && c.E.Bus().Forgot(string(c.Args[2])):
		c.W.OK() // another node said so first
		return nil
	case err != nil:
		return err
	case n == s.Me:
		return engine.ReplyError("ERR I tried hard but I can't forget myself...")
	case n == s.Me.Of:
		return engine.ReplyError("ERR Can't forget my master!")
	}
	c.E.Bus().Forgotten(n, time.Now())
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
	c.E.Bus().Meet(string(c.Args[2]), int(port), int(bus), time.Now())
	return clusterDone(c)
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
	case !s.Me.IsReplica() && (s.Me.Slots > 0 || c.E.Keyspace().DB(0).Len() > 0):
		return engine.ReplyError("ERR To set a master the node must be empty and without assigned slots.")
	}
	c.E.Bus().Follow(n)
	return clusterDone(c)
}

func clusterFailover(c *engine.Call, s *cluster.State) error {
	if len(c.Args) > 3 {
		return errSubcommand(c)
	}
	var force, takeover bool
	if len(c.Args) == 3 {
		force, takeover = is(c.Args[2], "FORCE"), is(c.Args[2], "TAKEOVER")
		if !force && !takeover {
			return engine.ErrSyntax
		}
	}
	switch of := s.Me.Of; {
	case !s.Me.IsReplica():
		return engine.ReplyError("ERR You should send CLUSTER FAILOVER to a replica")
	case of == nil:
		return engine.ReplyError("ERR I'm a replica but my master is unknown to me")
	case !force && !takeover && (of.Flags&cluster.Fail != 0 || !of.Linked()):
		return engine.ReplyError("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE")
	}
	c.E.Bus().Failover(force, takeover, c.E.DescribeClient(c.S), time.Now())
	return clusterDone(c)
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
	if !s.Me.IsReplica() && c.E.Keyspace().DB(0).Len() > 0 {
		return engine.ReplyError("ERR CLUSTER RESET can't be called with master nodes containing keys")
	}
	if s.Me.IsReplica() {
		c.E.Bus().Lead()
		emptyAll(c, false)
		c.Replace([]byte("FLUSHALL"))
	}
	c.E.Bus().Reset()
	s.Reset(hard)
	c.E.DropShardChannels()
	if hard {
		log := c.E.Logger()
		log.Info("configEpoch set to 0 via CLUSTER RESET HARD")
		log.Info("Node hard reset, now I'm " + s.Me.ID)
	}
	return clusterDone(c)
}
