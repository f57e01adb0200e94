package command

import (
	"fmt"
	"math"
	"strings"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var memoryRow = engine.Spec{Name: "memory", Arity: -2,
	Sub: []engine.Spec{
		{Name: "doctor", Arity: 2,
			Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			Handler: memoryDoctorCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale,
			Handler: memoryHelpCommand},
		{Name: "malloc-stats", Arity: 2,
			Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			Handler: memoryMallocStatsCommand},
		{Name: "purge", Arity: 2,
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Handler: memoryPurgeCommand},
		{Name: "stats", Arity: 2,
			Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			Handler: memoryStatsCommand},
		{Name: "usage", Arity: -3, Flags: engine.ReadOnly,
			Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 2}},
			Handler: memoryUsageCommand},
	}}

// memoryUsageCommand answers what a key and its value occupy. The number is exact, so SAMPLES is only read.
func memoryUsageCommand(c *engine.Call) error {
	for i := 3; i < len(c.Args); i += 2 {
		if !is(c.Args[i], "SAMPLES") || i+1 == len(c.Args) {
			return engine.ErrSyntax
		}
		n, err := integer(c.Args[i+1])
		if err != nil {
			return err
		}
		if n < 0 {
			return engine.ErrSyntax
		}
	}
	e, found := c.DB.Lookup(c.Args[2], kv.NoTouch|kv.NoExpire)
	if !found {
		c.W.Null()
		return nil
	}
	n := e.Bytes() + kv.SlotBytes
	if _, volatile := e.Expire(); volatile {
		n += kv.SlotBytes
	}
	c.W.Int(n)
	return nil
}

func memoryStatsCommand(c *engine.Call) error {
	r := c.E.Memory()
	integer := func(name string, n int64) {
		c.W.BulkString(name)
		c.W.Int(n)
	}
	number := func(name string, f float64) {
		c.W.BulkString(name)
		c.W.Double(f)
	}
	const fields = 27 // besides the databases
	c.W.Map(fields + len(r.Databases))
	integer("peak.allocated", r.Peak)
	integer("total.allocated", r.Used)
	integer("startup.allocated", r.Startup)
	integer("replication.backlog", r.Backlog)
	integer("clients.slaves", r.Replicas)
	integer("clients.normal", r.Clients)
	integer("cluster.links", 0)
	integer("aof.buffer", r.LogBuffer)
	integer("lua.caches", int64(c.E.ScriptStats().CachedBytes))
	_, _, functionBytes, _ := c.E.LibraryCounts()
	integer("functions.caches", int64(functionBytes))
	for _, db := range r.Databases {
		c.W.BulkString(fmt.Sprintf("db.%d", db.ID))
		c.W.Map(3)
		integer("overhead.hashtable.main", db.Keys)
		integer("overhead.hashtable.expires", db.Volatile)
		integer("overhead.hashtable.slot-to-keys", db.Slots)
	}
	integer("overhead.total", r.Overhead())
	integer("keys.count", int64(r.Keys))
	integer("keys.bytes-per-key", r.BytesPerKey())
	integer("dataset.bytes", r.Dataset())
	number("dataset.percentage", r.DatasetPercent())
	number("peak.percentage", r.PeakPercent())
	integer("allocator.allocated", r.ArenaUsed)
	integer("allocator.active", r.ArenaPages)
	integer("allocator.resident", r.ArenaResident)
	number("allocator-fragmentation.ratio", r.FragmentationRatio())
	integer("allocator-fragmentation.bytes", r.ArenaPages-r.ArenaUsed)
	number("allocator-rss.ratio", r.EmptyRatio())
	integer("allocator-rss.bytes", r.ArenaResident-r.ArenaPages)
	number("rss-overhead.ratio", r.ResidentRatio())
	integer("rss-overhead.bytes", r.Resident-r.ArenaResident)
	number("fragmentation", r.TotalRatio())
	integer("fragmentation.bytes", r.Resident-r.Used)
	return nil
}

// Marks of memory that MEMORY DOCTOR remarks on; Redis's.
const (
	doctorEmpty         = 5 << 20  // bytes in use below which there is nothing to say
	doctorPeak          = 1.5      // times what is in use now
	doctorFragmentation = 1.4      // of the arena's pages, and of the whole process
	doctorLeast         = 10 << 20 // bytes of waste below which a ratio means nothing
	doctorClient        = 200_000  // bytes a client
)

func memoryDoctorCommand(c *engine.Call) error {
	r := c.E.Memory()
	var out strings.Builder
	remark := func(format string, args ...any) { fmt.Fprintf(&out, " * "+format+"\n\n", args...) }
	if r.Used < doctorEmpty {
		c.W.Verbatim("txt", "There is little data in this instance: less than 5 MB are in use, too few to judge by.\n")
		return nil
	}
	if p := float64(r.Peak) / float64(r.Used); p > doctorPeak {
		remark("Peak memory: at its peak the server used %.2f times what it uses now. Pages that became empty since were given "+
			"back to the system; if the resident set is still large, see the remarks below.", p)
	}
	if f := r.FragmentationRatio(); f > doctorFragmentation && r.ArenaPages-r.ArenaUsed > doctorLeast {
		remark("High fragmentation: the pages of the data are %.2f times as large as the data in them, as after many deletions. "+
			"New data fills the gaps first; a restart closes them.", f)
	}
	if f := r.TotalRatio(); f > doctorFragmentation && r.Resident-r.Used > doctorLeast {
		remark("High process overhead: the resident set is %.2f times what is in use. Sockets' buffers, garbage of the runtime "+
			"and views that a save holds open count here.", f)
	}
	if n := c.E.SessionCount(); n > 0 && r.Clients/int64(n) > doctorClient {
		remark("Big client buffers: a client takes %d bytes on average. Look for slow readers and large pipelines with CLIENT "+
			"LIST (tot-mem, omem); client-output-buffer-limit and maxmemory-clients bound them.", r.Clients/int64(n))
	}
	if out.Len() == 0 {
		c.W.Verbatim("txt", "No memory problem is in sight. What can be seen is the memory itself, not what it is used for.\n")
		return nil
	}
	c.W.Verbatim("txt", "These things about the memory are worth a look:\n\n"+out.String())
	return nil
}

func memoryMallocStatsCommand(c *engine.Call) error {
	st := c.E.Keyspace().Arena().Stats()
	owed, hidden := c.E.Keyspace().LazyBytes()
	c.W.Verbatim("txt", fmt.Sprintf("arena: %d bytes in %d blocks, %d bytes in pages, %d of these for open views; %d bytes owed and %d "+
		"off the account wait to be freed\n", st.UsedBytes, st.Blocks, st.PageBytes, st.ViewBytes, owed, hidden))
	return nil
}

// memoryPurgeCommand gives all empty pages back to the system.
func memoryPurgeCommand(c *engine.Call) error {
	c.E.Keyspace().Arena().Reclaim(math.MaxInt)
	c.W.OK()
	return nil
}

func memoryHelpCommand(c *engine.Call) error {
	return help(c,
		"DOCTOR", "    Remarks on how memory is used.",
		"MALLOC-STATS", "    Figures of the allocator.",
		"PURGE", "    Give unused pages back to the system.",
		"STATS", "    Where the memory is.",
		"USAGE <key> [SAMPLES <count>]", "    Bytes of <key> and its value; always of all its elements.")
}
