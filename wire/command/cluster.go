package command

import (
	"fmt"
	"strings"

	"frankenredis/kv"
	"frankenredis/wire/cluster"
	"frankenredis/wire/engine"
)

const (
	clusterAsk    = engine.Stale
	clusterAdmin  = engine.Admin | engine.Stale
	clusterChange = engine.Admin | engine.Stale | engine.NoAsyncLoading
)

var clusterCommands = []engine.Spec{
	{Name: "asking", Arity: 1, Flags: engine.Fast, Categories: engine.CatConnection, Handler: askingCommand},
	{Name: "cluster", Arity: -2, Sub: []engine.Spec{
		{Name: "addslots", Arity: -3, Flags: clusterChange, Handler: inCluster(clusterSlotsListed(addSlots))},
		{Name: "addslotsrange", Arity: -4, Flags: clusterChange, Handler: inCluster(clusterSlotsRanged(addSlots))},
		{Name: "bumpepoch", Arity: 2, Flags: clusterChange, Tips: nondeterministic, Handler: inCluster(clusterBumpepoch)},
		{Name: "count-failure-reports", Arity: 3, Flags: clusterAdmin, Tips: nondeterministic, Handler: inCluster(clusterReports)},
		{Name: "countkeysinslot", Arity: 3, Flags: clusterAsk, Handler: inCluster(clusterCountkeysinslot)},
		{Name: "delslots", Arity: -3, Flags: clusterChange, Handler: inCluster(clusterSlotsListed(removeSlots))},
		{Name: "delslotsrange", Arity: -4, Flags: clusterChange, Handler: inCluster(clusterSlotsRanged(removeSlots))},
		{Name: "failover", Arity: -2, Flags: clusterChange, Handler: inCluster(clusterFailover)},
		{Name: "flushslots", Arity: 2, Flags: clusterChange, Handler: inCluster(clusterFlushslots)},
		{Name: "forget", Arity: 3, Flags: clusterChange, Handler: inCluster(clusterForget)},
		{Name: "getkeysinslot", Arity: 4, Flags: clusterAsk, Tips: nondeterministic, Handler: inCluster(clusterGetkeysinslot)},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: inCluster(clusterHelp)},
		{Name: "info", Arity: 2, Flags: clusterAsk, Tips: nondeterministic, Handler: inCluster(clusterInfo)},
		{Name: "keyslot", Arity: 3, Flags: clusterAsk, Handler: inCluster(clusterKeyslot)},
		{Name: "links", Arity: 2, Flags: clusterAsk, Tips: nondeterministic, Handler: inCluster(clusterLinks)},
		{Name: "meet", Arity: -4, Flags: clusterChange, Handler: inCluster(clusterMeet)},
		{Name: "myid", Arity: 2, Flags: clusterAsk, Handler: inCluster(clusterMyid)},
		{Name: "myshardid", Arity: 2, Flags: clusterAsk, Tips: nondeterministic, Handler: inCluster(clusterMyshardid)},
		{Name: "nodes", Arity: 2, Flags: clusterAsk, Tips: nondeterministic, Handler: inCluster(clusterNodes)},
		{Name: "replicas", Arity: 3, Flags: clusterAdmin, Tips: nondeterministic, Handler: inCluster(clusterReplicas)},
		{Name: "replicate", Arity: 3, Flags: clusterChange, Handler: inCluster(clusterReplicate)},
		{Name: "reset", Arity: -2, Flags: clusterAdmin | engine.NoScript, Handler: inCluster(clusterReset)},
		{Name: "saveconfig", Arity: 2, Flags: clusterChange, Handler: inCluster(clusterSaveconfig)},
		{Name: "set-config-epoch", Arity: 3, Flags: clusterChange, Handler: inCluster(clusterSetepoch)},
		{Name: "setslot", Arity: -4, Flags: clusterChange, Handler: inCluster(clusterSetslot)},
		{Name: "shards", Arity: 2, Flags: engine.Loading | engine.Stale, Tips: nondeterministic, Handler: inCluster(clusterShards)},
		{Name: "slaves", Arity: 3, Flags: clusterAdmin, Tips: nondeterministic, Handler: inCluster(clusterReplicas)},
		{Name: "slots", Arity: 2, Flags: engine.Loading | engine.Stale, Tips: nondeterministic, Handler: inCluster(clusterSlots)},
	}},
	{Name: "readonly", Arity: 1, Flags: engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatConnection, Handler: readonlyCommand(true)},
	{Name: "readwrite", Arity: 1, Flags: engine.Loading | engine.Stale | engine.Fast, Categories: engine.CatConnection, Handler: readonlyCommand(false)},
}

var nondeterministic = []string{"nondeterministic_output"}

const errNoCluster = engine.ReplyError("ERR This instance has cluster support disabled")

// inCluster makes a handler one that a server on its own refuses.
func inCluster(f func(*engine.Call, *cluster.State) error) engine.Handler {
	return func(c *engine.Call) error {
		s := c.E.Cluster()
		if s == nil {
			return errNoCluster
		}
		return f(c, s)
	}
}

// clusterDone answers a command that changed what the nodes' file holds, once it holds it.
func clusterDone(c *engine.Call) error {
	if err := c.E.ClusterChanged(); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func askingCommand(c *engine.Call) error {
	if c.E.Cluster() == nil {
		return errNoCluster
	}
	c.S.Asking = true
	c.W.OK()
	return nil
}

// readonlyCommand notes what a client wants of a replica; a node that serves slots of its own does nothing else with it.
func readonlyCommand(on bool) engine.Handler {
	return func(c *engine.Call) error {
		if c.E.Cluster() == nil {
			return errNoCluster
		}
		c.S.ReadOnly = on
		c.W.OK()
		return nil
	}
}

func clusterInfo(c *engine.Call, s *cluster.State) error {
	state := "fail"
	if s.OK {
		state = "ok"
	}
	var assigned, healthy, pfail, fail int
	s.Ranges(func(from, to int, n *cluster.Node) {
		if n == nil {
			return
		}
		count := to - from + 1
		assigned += count
		switch {
		case n.Flags&cluster.Fail != 0:
			fail += count
		case n.Flags&cluster.PFail != 0:
			pfail += count
		default:
			healthy += count
		}
	})
	var b strings.Builder
	line := func(name string, v any) { fmt.Fprintf(&b, "%s:%v\r\n", name, v) }
	line("cluster_state", state)
	line("cluster_slots_assigned", assigned)
	line("cluster_slots_ok", healthy)
	line("cluster_slots_pfail", pfail)
	line("cluster_slots_fail", fail)
	line("cluster_known_nodes", s.Len())
	line("cluster_size", s.Size)
	line("cluster_current_epoch", s.Epoch)
	epoch := s.Me.Epoch
	if s.Me.Of != nil {
		epoch = s.Me.Of.Epoch // a replica's is its primary's
	}
	line("cluster_my_epoch", epoch)
	var sums [2]int64
	for i, way := range []string{"sent", "received"} {
		c.E.Bus().Counts(func(kind string, sent, received int64) {
			n := [2]int64{sent, received}[i]
			if sums[i] += n; n > 0 {
				line("cluster_stats_messages_"+kind+"_"+way, n)
			}
		})
		line("cluster_stats_messages_"+way, sums[i])
	}
	line("total_cluster_links_buffer_limit_exceeded", c.E.Bus().OverLimit())
	c.W.Verbatim("txt", b.String())
	return nil
}

func clusterMyid(c *engine.Call, s *cluster.State) error {
	c.W.BulkString(s.Me.ID)
	return nil
}

func clusterMyshardid(c *engine.Call, s *cluster.State) error {
	c.W.BulkString(s.Me.ShardID)
	return nil
}

func clusterKeyslot(c *engine.Call, _ *cluster.State) error {
	c.W.Int(int64(cluster.KeySlot(c.Args[2])))
	return nil
}

func clusterCountkeysinslot(c *engine.Call, _ *cluster.State) error {
	slot, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if slot < 0 || slot >= cluster.Slots {
		return engine.ReplyError("ERR Invalid slot")
	}
	c.W.Int(int64(c.E.Keyspace().DB(0).SlotLen(uint16(slot))))
	return nil
}

func clusterGetkeysinslot(c *engine.Call, _ *cluster.State) error {
	slot, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	most, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	if slot < 0 || slot >= cluster.Slots || most < 0 {
		return engine.ReplyError("ERR Invalid slot or number of keys")
	}
	db := c.E.Keyspace().DB(0)
	n := int(min(most, int64(db.SlotLen(uint16(slot)))))
	c.W.Array(n)
	if n == 0 {
		return nil
	}
	db.EachInSlot(uint16(slot), func(e kv.Entry) bool {
		c.W.Bulk(e.Key())
		n--
		return n > 0
	})
	return nil
}

func clusterHelp(c *engine.Call, _ *cluster.State) error {
	return help(c,
		"COUNTKEYSINSLOT <slot>", "    How many keys there are in <slot>.",
		"GETKEYSINSLOT <slot> <count>", "    Up to <count> keys of <slot>.",
		"INFO", "    How the cluster is, as this node sees it.",
		"KEYSLOT <key>", "    The slot of <key>.",
		"MYID", "    This node's id.",
		"MYSHARDID", "    The id of this node's shard.",
		"NODES", "    A line for each node that is known:",
		"    <id> <ip:port@bus-port[,hostname]> <flags> <primary> <ping> <pong> <epoch> <link> <slot> ...",
		"REPLICAS <node-id>", "    The replicas of <node-id>.",
		"SLOTS", "    Each run of slots that one node serves: its first and last, then address, port and id of",
		"    the primary and of its replicas.",
		"SHARDS", "    Each shard: its slots and its nodes.",
		"ADDSLOTS <slot> [<slot> ...]", "    This node serves these slots from now on.",
		"ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]", "    The same for all slots from <start slot> to <end slot>.",
		"BUMPEPOCH", "    Raise the configuration epoch.",
		"COUNT-FAILURE-REPORTS <node-id>", "    How many others say that <node-id> fails.",
		"DELSLOTS <slot> [<slot> ...]", "    Nobody serves these slots any more, as far as this node knows.",
		"DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]", "    The same for all slots from <start slot> to <end slot>.",
		"FAILOVER [FORCE|TAKEOVER]", "    Make this replica the primary.",
		"FORGET <node-id>", "    Forget that node.",
		"FLUSHSLOTS", "    This node serves no slots any more.",
		"MEET <ip> <port> [<bus-port>]", "    Join the cluster of the node there.",
		"REPLICATE <node-id>", "    Become a replica of that node.",
		"RESET [HARD|SOFT]", "    Forget all nodes and slots; with HARD also the id and the epochs.",
		"SET-CONFIG-EPOCH <epoch>", "    Give a node that is alone its first configuration epoch.",
		"SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)", "    Say where a slot moves, or who serves it.",
		"SAVECONFIG", "    Write the nodes' file.",
		"LINKS", "    The links to other nodes.")
}
