package config

var persistenceRows = []Row{
	{Name: "dir", kind: directory{}, Flags: Protected | DenyLoading},
	{
		Name: "dbfilename", kind: text{}, initial: "dump.rdb", Flags: Protected,
		check: baseName("dbfilename", "filename", true),
	},
	{Name: "save", kind: savePoints{}, initial: "3600 1 300 100 60 10000", Flags: Several, appends: true},
	{Name: "rdbcompression", kind: yesno{}, initial: "yes"},
	{Name: "rdbchecksum", kind: yesno{}, initial: "yes", Flags: Immutable},
	{Name: "rdb-del-sync-files", kind: yesno{}, initial: "no"},
	{Name: "rdb-save-incremental-fsync", kind: yesno{}, initial: "yes"},
	{Name: "stop-writes-on-bgsave-error", kind: yesno{}, initial: "yes"},
	{Name: "sanitize-dump-payload", kind: oneOf("no", "yes", "clients"), initial: "no", Pending: needSanitize},
	{Name: "appendonly", kind: yesno{}, initial: "no", Flags: DenyLoading},
	{
		Name: "appendfilename", kind: text{}, initial: "appendonly.aof", Flags: Immutable,
		check: baseName("appendfilename", "filename", false),
	},
	{
		Name: "appenddirname", kind: text{}, initial: "appendonlydir", Flags: Immutable,
		check: baseName("appenddirname", "dirname", false),
	},
	{Name: "appendfsync", kind: oneOf("everysec", "always", "no"), initial: "everysec"},
	{Name: "no-appendfsync-on-rewrite", kind: yesno{}, initial: "no", Pending: needSyncRest},
	{Name: "auto-aof-rewrite-percentage", kind: integer(0, maxInt), initial: "100"},
	{Name: "auto-aof-rewrite-min-size", kind: number{hi: maxLong, form: memory}, initial: "64mb"},
	{Name: "aof-load-truncated", kind: yesno{}, initial: "yes"},
	{Name: "aof-use-rdb-preamble", kind: yesno{}, initial: "yes"},
	{Name: "aof-timestamp-enabled", kind: yesno{}, initial: "no"},
	{Name: "aof-rewrite-incremental-fsync", kind: yesno{}, initial: "yes"},
}

var memoryRows = []Row{
	{Name: "maxmemory", kind: number{hi: -1, form: memory, unsigned: true}, initial: "0"},
	{
		Name: "maxmemory-policy", initial: "noeviction",
		kind: oneOf("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
			"allkeys-random", "noeviction"),
	},
	{Name: "maxmemory-samples", kind: integer(1, 64), initial: "5"},
	{Name: "maxmemory-eviction-tenacity", kind: integer(0, 100), initial: "10"},
	{Name: "active-expire-effort", kind: integer(1, 10), initial: "1"},
	{Name: "lfu-log-factor", kind: integer(0, maxInt), initial: "10"},
	{Name: "lfu-decay-time", kind: integer(0, maxInt), initial: "1"},
	{Name: "lazyfree-lazy-eviction", kind: yesno{}, initial: "no"},
	{Name: "lazyfree-lazy-expire", kind: yesno{}, initial: "no"},
	{Name: "lazyfree-lazy-server-del", kind: yesno{}, initial: "no"},
	{Name: "lazyfree-lazy-user-del", kind: yesno{}, initial: "no"},
	{Name: "lazyfree-lazy-user-flush", kind: yesno{}, initial: "no"},
	{Name: "activerehashing", kind: yesno{}, initial: "yes", Pending: needRehash},
	// Measured on the arena, pages to blocks, with 300,000 strings: 1.01 when loaded (10 to 510 bytes), 1.03 after five updates of
	// each, 1.13 after as many that grow to 1010 bytes, 1.9 after as many that shrink to 70. After random deletions it is not
	// bounded: 4.3 with 75 % gone, 7.6 with 90 %, 14.7 when one of sixteen equal neighbours stays. Filling up again brings it to
	// 1.13, with another size to 1.2 to 1.5, and a flush to nothing. So a data set that shrinks for good needs defragmentation.
	{Name: "activedefrag", kind: yesno{}, initial: "no", check: noDefrag, Pending: needDefrag},
	{Name: "active-defrag-ignore-bytes", kind: number{lo: 1, hi: maxLong, form: memory, unsigned: true}, initial: "100mb", Pending: needDefrag},
	{Name: "active-defrag-threshold-lower", kind: integer(0, 1000), initial: "10", Pending: needDefrag},
	{Name: "active-defrag-threshold-upper", kind: integer(0, 1000), initial: "100", Pending: needDefrag},
	{Name: "active-defrag-cycle-min", kind: integer(1, 99), initial: "1", Pending: needDefrag},
	{Name: "active-defrag-cycle-max", kind: integer(1, 99), initial: "25", Pending: needDefrag},
	{Name: "active-defrag-max-scan-fields", kind: number{lo: 1, hi: maxLong, unsigned: true}, initial: "1000", Pending: needDefrag},
	{Name: "jemalloc-bg-thread", kind: yesno{}, initial: "yes", Pending: needRehash},
	{
		Name: "hash-max-listpack-entries", Alias: "hash-max-ziplist-entries", kind: number{hi: maxLong, unsigned: true},
		initial: "512",
	},
	{
		Name: "hash-max-listpack-value", Alias: "hash-max-ziplist-value",
		kind: number{hi: maxLong, form: memory, unsigned: true}, initial: "64",
	},
	{
		Name: "list-max-listpack-size", Alias: "list-max-ziplist-size", kind: integer(minInt, maxInt), initial: "-2",
	},
	{Name: "list-compress-depth", kind: integer(0, maxInt), initial: "0"},
	{Name: "set-max-intset-entries", kind: number{hi: maxLong, unsigned: true}, initial: "512"},
	{Name: "set-max-listpack-entries", kind: number{hi: maxLong, unsigned: true}, initial: "128"},
	{Name: "set-max-listpack-value", kind: number{hi: maxLong, unsigned: true}, initial: "64"},
	{
		Name: "zset-max-listpack-entries", Alias: "zset-max-ziplist-entries", kind: number{hi: maxLong, unsigned: true},
		initial: "128",
	},
	{
		Name: "zset-max-listpack-value", Alias: "zset-max-ziplist-value",
		kind: number{hi: maxLong, form: memory, unsigned: true}, initial: "64",
	},
	{Name: "hll-sparse-max-bytes", kind: number{hi: maxLong, form: memory, unsigned: true}, initial: "3000"},
	{Name: "stream-node-max-bytes", kind: number{hi: maxLong, form: memory, unsigned: true}, initial: "4096"},
	{Name: "stream-node-max-entries", kind: integer(0, maxLong), initial: "100"},
}
