package command

import (
	"slices"
	"strconv"

	"frankenredis/sentinel"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// A Sentinel has commands of its own beside some of a server's; of those PUBLISH is another one.

// sentinelShares names the server's commands that a Sentinel has too, with all their subcommands but sentinelLacks.
var (
	sentinelShares = []string{"acl", "auth", "client", "command", "hello", "info", "ping", "psubscribe", "punsubscribe", "role", "shutdown",
		"subscribe", "unsubscribe"}
	sentinelLacks = []string{"client|no-touch"}
)

// SentinelTable is the command table of a Sentinel.
func SentinelTable(m *sentinel.Sentinel) *engine.Table {
	rows := sentinelCommands{m}.rows()
	for _, name := range sentinelShares {
		for _, family := range [][]engine.Spec{connectionCommands, serverCommands, pubsubCommands, aclCommands, replicaofCommands} {
			for _, row := range family {
				if row.Name != name {
					continue
				}
				row.Sub = slices.DeleteFunc(slices.Clone(row.Sub), func(sub engine.Spec) bool {
					return slices.Contains(sentinelLacks, name+"|"+sub.Name)
				})
				rows = append(rows, row)
			}
		}
	}
	return engine.NewTable(rows)
}

// sentinelCommands are handlers over one Sentinel.
type sentinelCommands struct{ m *sentinel.Sentinel }

func (x sentinelCommands) rows() []engine.Spec {
	row := func(name string, arity int, h engine.Handler) engine.Spec {
		return engine.Spec{Name: name, Arity: arity, Flags: engine.Admin | engine.OnlySentinel, Handler: h}
	}
	return []engine.Spec{
		{Name: "publish", Arity: 3, Flags: engine.PubSub | engine.Loading | engine.Stale | engine.Fast, Channels: engine.FirstChannel, Handler: x.publish},
		{Name: "sentinel", Arity: -2, Flags: engine.Admin | engine.OnlySentinel, Sub: []engine.Spec{
			row("ckquorum", 3, x.ckquorum),
			row("config", -4, x.config),
			row("debug", -2, x.debug),
			row("failover", 3, x.failover),
			row("flushconfig", 2, x.flushconfig),
			row("get-master-addr-by-name", 3, x.address),
			{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale | engine.OnlySentinel, Handler: sentinelHelp},
			row("info-cache", -3, x.infoCache),
			row("is-master-down-by-addr", 6, x.isDown),
			row("master", 3, x.master),
			row("masters", 2, x.masters),
			row("monitor", 6, x.monitor),
			row("myid", 2, x.myid),
			row("pending-scripts", 2, x.pendingScripts),
			row("remove", 3, x.remove),
			row("replicas", 3, x.replicas),
			row("reset", 3, x.reset),
			row("sentinels", 3, x.sentinels),
			row("set", -5, x.set),
			row("simulate-failure", -3, x.simulateFailure),
			row("slaves", 3, x.replicas),
		}},
	}
}

// refusal makes the client's error of what the Sentinel answered.
func refusal(err error) error { return engine.ReplyError(err.Error()) }

// done answers OK unless there was an error.
func done(c *engine.Call, err error) error {
	if err != nil {
		return refusal(err)
	}
	c.W.OK()
	return nil
}

// words are the arguments from the given one on.
func words(c *engine.Call, from int) []string {
	out := make([]string, 0, len(c.Args)-from)
	for _, a := range c.Args[from:] {
		out = append(out, string(a))
	}
	return out
}

// options writes names and values.
func options(c *engine.Call, all []sentinel.Option) {
	c.W.Map(len(all))
	for _, o := range all {
		c.W.BulkString(o.Name)
		c.W.BulkString(o.Value)
	}
}

func (x sentinelCommands) publish(c *engine.Call) error {
	if string(c.Args[1]) != sentinel.HelloChannel {
		return engine.ReplyError("ERR Only HELLO messages are accepted by Sentinel instances.")
	}
	x.m.Hello(string(c.Args[2]))
	c.W.Int(1)
	return nil
}

func (x sentinelCommands) masters(c *engine.Call) error {
	names := x.m.Names()
	c.W.Array(len(names))
	for _, n := range names {
		options(c, x.m.ShowPrimary(n))
	}
	return nil
}

func (x sentinelCommands) master(c *engine.Call) error {
	all := x.m.ShowPrimary(string(c.Args[2]))
	if all == nil {
		return refusal(sentinel.ErrNoPrimary)
	}
	options(c, all)
	return nil
}

func (x sentinelCommands) replicas(c *engine.Call) error {
	all, ok := x.m.ShowReplicas(string(c.Args[2]))
	return several(c, all, ok)
}

func (x sentinelCommands) sentinels(c *engine.Call) error {
	all, ok := x.m.ShowPeers(string(c.Args[2]))
	return several(c, all, ok)
}

func several(c *engine.Call, all [][]sentinel.Option, ok bool) error {
	if !ok {
		return refusal(sentinel.ErrNoPrimary)
	}
	c.W.Array(len(all))
	for _, one := range all {
		options(c, one)
	}
	return nil
}

func (x sentinelCommands) myid(c *engine.Call) error {
	c.W.BulkString(x.m.ID())
	return nil
}

func (x sentinelCommands) address(c *engine.Call) error {
	host, port, ok := x.m.Address(string(c.Args[2]))
	if !ok {
		c.W.NullArray()
		return nil
	}
	c.W.Array(2)
	c.W.BulkString(host)
	c.W.BulkInt(int64(port))
	return nil
}

func (x sentinelCommands) isDown(c *engine.Call) error {
	port, err := integer(c.Args[3])
	if err != nil {
		return err
	}
	epoch, err := integer(c.Args[4])
	if err != nil {
		return err
	}
	if epoch < 0 { // read without its sign it would be one that no other could ever follow
		return engine.ErrNotInteger
	}
	down, leader, in := x.m.DownByAddress(string(c.Args[2]), int(port), uint64(epoch), string(c.Args[5]))
	c.W.Array(3)
	if down {
		c.W.Int(1)
	} else {
		c.W.Int(0)
	}
	c.W.BulkString(leader)
	c.W.Int(int64(in))
	return nil
}

func (x sentinelCommands) ckquorum(c *engine.Call) error {
	text, err := x.m.CheckQuorum(string(c.Args[2]))
	if err != nil {
		return refusal(err)
	}
	c.W.Simple(text)
	return nil
}

func (x sentinelCommands) failover(c *engine.Call) error {
	return done(c, x.m.Failover(string(c.Args[2])))
}

func (x sentinelCommands) reset(c *engine.Call) error {
	c.W.Int(int64(x.m.Reset(string(c.Args[2]))))
	return nil
}

func (x sentinelCommands) flushconfig(c *engine.Call) error {
	if x.m.Flush() != nil {
		return refusal(sentinel.ErrUnsaved)
	}
	c.W.OK()
	return nil
}

func (x sentinelCommands) monitor(c *engine.Call) error {
	quorum, err := integer(c.Args[5])
	if err != nil {
		return engine.ReplyError("ERR Invalid quorum")
	}
	port, err := integer(c.Args[4])
	if err != nil {
		return engine.ReplyError("ERR Invalid port")
	}
	return done(c, x.m.Monitor(string(c.Args[2]), string(c.Args[3]), port, quorum))
}

func (x sentinelCommands) remove(c *engine.Call) error { return done(c, x.m.Remove(string(c.Args[2]))) }

func (x sentinelCommands) set(c *engine.Call) error {
	for i := 3; i+1 < len(c.Args); i++ {
		if is(c.Args[i], "AUTH-PASS") {
			c.Redact(i + 1)
		}
	}
	return done(c, x.m.Set(string(c.Args[2]), words(c, 3)))
}

func (x sentinelCommands) config(c *engine.Call) error {
	switch {
	case is(c.Args[2], "SET") && len(c.Args) > 4:
		for i := 3; i+1 < len(c.Args); i += 2 {
			if is(c.Args[i], "SENTINEL-PASS") {
				c.Redact(i + 1)
			}
		}
		return done(c, x.m.SetConfig(words(c, 3)))
	case is(c.Args[2], "GET"):
		options(c, x.m.Config(words(c, 3)))
		return nil
	}
	return engine.ReplyError("ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> [<param> <value> ...] are supported.")
}

func (x sentinelCommands) debug(c *engine.Call) error {
	if len(c.Args) == 2 {
		options(c, x.m.Debug())
		return nil
	}
	return done(c, x.m.SetDebug(words(c, 2)))
}

func (x sentinelCommands) simulateFailure(c *engine.Call) error {
	if is(c.Args[2], "HELP") {
		c.W.Array(2)
		c.W.BulkString("crash-after-election")
		c.W.BulkString("crash-after-promotion")
		return nil
	}
	if !x.m.SimulateFailure(words(c, 2)) {
		return engine.ReplyError("ERR Unknown failure simulation specified")
	}
	c.W.OK()
	return nil
}

func (x sentinelCommands) infoCache(c *engine.Call) error {
	type cached struct {
		name string
		all  []sentinel.CachedInfo
	}
	var found []cached
	for _, name := range words(c, 2) {
		known := slices.ContainsFunc(found, func(f cached) bool { return f.name == name })
		if all := x.m.InfoCache(name); all != nil && !known {
			found = append(found, cached{name, all})
		}
	}
	c.W.Array(2 * len(found))
	for _, f := range found {
		c.W.BulkString(f.name)
		c.W.Array(len(f.all))
		for _, one := range f.all {
			c.W.Array(2)
			c.W.Int(int64(one.Age))
			if one.Text == "" {
				c.W.Null()
			} else {
				c.W.BulkString(one.Text)
			}
		}
	}
	return nil
}

func (x sentinelCommands) pendingScripts(c *engine.Call) error {
	all := x.m.PendingScripts()
	c.W.Array(len(all))
	for _, p := range all {
		c.W.Map(5)
		c.W.BulkString("argv")
		c.W.Array(len(p.Argv))
		for _, a := range p.Argv {
			c.W.BulkString(a)
		}
		c.W.BulkString("flags")
		field := func(name string, n int64) {
			c.W.BulkString(name)
			c.W.BulkString(strconv.FormatInt(n, 10))
		}
		if p.Running {
			c.W.BulkString("running")
			field("pid", int64(p.PID))
			field("run-time", int64(p.Since))
		} else {
			c.W.BulkString("scheduled")
			field("pid", 0)
			field("run-delay", int64(p.Delay))
		}
		field("retry-num", int64(p.Retries))
	}
	return nil
}

// SentinelRole writes a Sentinel's answer to ROLE: the primaries' names.
func SentinelRole(m *sentinel.Sentinel, w *resp.Writer) {
	names := m.Names()
	w.Array(2)
	w.BulkString("sentinel")
	w.Array(len(names))
	for _, n := range names {
		w.BulkString(n)
	}
}

func sentinelHelp(c *engine.Call) error {
	return help(c,
		"CKQUORUM <master-name>", "    Whether enough Sentinels are up to decide on a failover and to allow it.",
		"CONFIG SET <param> <value> [<param> <value> ...]", "    Change parameters of this Sentinel: all of them or, on an error, none.",
		"CONFIG GET <param> [<param> ...]", "    Parameters of this Sentinel; patterns are allowed.",
		"DEBUG [<param> <value> ...]", "    The periods in milliseconds, or change some.",
		"GET-MASTER-ADDR-BY-NAME <master-name>", "    Where the primary of that name is.",
		"FAILOVER <master-name>", "    Begin a failover without asking other Sentinels.",
		"FLUSHCONFIG", "    Write the configuration file anew, with all state.",
		"INFO-CACHE <master-name> [<master-name> ...]", "    The last INFO of primaries and their replicas.",
		"IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>", "    Whether a primary is down as this Sentinel sees it; with a run id, ask for its vote.",
		"MASTER <master-name>", "    What is known of a primary.",
		"MASTERS", "    What is known of all primaries.",
		"MONITOR <name> <ip> <port> <quorum>", "    Watch one more primary.",
		"MYID", "    The id of this Sentinel.",
		"PENDING-SCRIPTS", "    Scripts that run or wait.",
		"REMOVE <master-name>", "    Watch a primary no longer.",
		"REPLICAS <master-name>", "    What is known of a primary's replicas.",
		"RESET <pattern>", "    Forget what was learned of the primaries that match.",
		"SENTINELS <master-name>", "    What is known of the other Sentinels that watch a primary.",
		"SET <master-name> <option> <value> [<option> <value> ...]", "    Change how a primary is watched.",
		"SIMULATE-FAILURE [CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]", "    Crash at that point of the next failover.")
}
