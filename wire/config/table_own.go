package config

// debugRows answer to their exact names only.
var debugRows = []Row{
	{Name: "key-load-delay", kind: integer(minInt, maxInt), initial: "0", Flags: Hidden},
	{Name: "rdb-key-save-delay", kind: integer(minInt, maxInt), initial: "0", Flags: Hidden},
	{Name: "loading-process-events-interval-bytes", kind: integer(1024, maxInt), initial: "2097152", Flags: Hidden},
	{Name: "watchdog-period", kind: integer(0, maxInt), initial: "0", clamp: clampWatchdog, Flags: Hidden},
	{Name: "use-exit-on-panic", kind: yesno{}, initial: "no", Flags: Hidden},
	{Name: "aof-disable-auto-gc", kind: yesno{}, initial: "no", Flags: Hidden},
	{Name: "cluster-ping-interval", kind: integer(0, maxLong), initial: "0", Flags: Hidden},
	{Name: "lua-enable-deprecated-api", kind: yesno{}, initial: "no", Flags: Immutable | Hidden},
}

// ownRows are the parameters that Redis does not have.
var ownRows = []Row{
	// strict shows what Redis shows, hardened repairs or refuses where Redis would load silently wrong data. Changing it
	// at run time would be a way to downgrade a server, so it is immutable.
	{Name: "fr-mode", kind: oneOf("strict", "hardened"), initial: "strict", Flags: Immutable},
	// Bytes of effects held in memory while the log cannot take them; at the limit reading from clients stops.
	{Name: "fr-log-pending-limit", kind: number{lo: 1 << 20, hi: maxLong, form: memory}, initial: "256mb"},
	// Sidecars beside the server's files, which find changed bytes and bring them back.
	{Name: "fr-sidecars", kind: yesno{}, initial: "yes", Flags: Immutable},
	// Seconds in which each covered file is read whole once, in the background; 0: never unasked.
	{Name: "fr-scrub-cycle", kind: integer(0, maxInt), initial: "604800"},
	// Bytes a second that this reads at most; 0: no bound.
	{Name: "fr-scrub-rate", kind: number{hi: maxLong, form: memory}, initial: "32mb"},
	// A file of at least 16 bytes, outside the data directory, that keys the sidecars' digests: then they prove more than damage.
	{Name: "fr-integrity-key-file", kind: text{}, Flags: Immutable},
	// Bytes that the ledger of decisions may take in dir/ledger; 0: none is kept.
	{Name: "fr-ledger-limit", kind: number{lo: 0, hi: maxLong, form: memory}, initial: "16mb", Flags: Immutable},
	// In hardened mode: replicas that have more than this server get its data all the same, and lose theirs.
	{Name: "fr-sync-behind", kind: yesno{}, initial: "no"},
	// What one client may ask for in hardened mode; 0: no bound. In strict mode they mean nothing.
	{Name: "fr-max-arguments", kind: integer(0, maxInt), initial: "1048576"},
	{Name: "fr-max-key-bytes", kind: number{hi: maxLong, form: memory}, initial: "64kb"},
	{Name: "fr-max-queued", kind: integer(0, maxInt), initial: "65536"},
	{Name: "fr-max-pipeline", kind: integer(0, maxInt), initial: "1000000"},
	{Name: "fr-max-client-memory", kind: number{hi: maxLong, form: memory}, initial: "2gb"},
	// Bytes that the values of scripts may take, and as many those of functions; one that would take more fails. 0: no bound.
	{Name: "fr-script-memory-limit", kind: number{hi: maxLong, form: memory}, initial: "1gb"},
	// The # lines in increments and the manifest's companion.
	{Name: "fr-log-annotations", kind: yesno{}, initial: "yes", Flags: Immutable},
	// How many generations of the log that a rewrite replaced stay on the disk, as history in the manifest.
	{Name: "fr-aof-keep-generations", kind: integer(0, 1000), initial: "0"},
	// Bytes a second that a background save or a rewrite writes at most; 0: no bound.
	{Name: "fr-save-max-rate", kind: number{hi: maxLong, form: memory}, initial: "0"},
	// A log that is damaged beyond repair is served up to where it can be proven, read-only (also: --salvage).
	{Name: "fr-salvage", kind: yesno{}, initial: "no", Flags: Immutable},
	// Below so many free bytes on the disk of the data directory, and when the next snapshot would not fit, a warning is given; 0: never.
	{Name: "fr-disk-warn", kind: number{hi: maxLong, form: memory}, initial: "128mb"},
	// The log reserves as much room as its base takes, for a rewrite on a full disk, as long as that is not more than this; 0: none.
	{Name: "fr-disk-reserve", kind: number{hi: maxLong, form: memory}, initial: "1gb"},
	// A snapshot has the oldest RDB version that holds all of the data, so that servers before 7.2 load it.
	{Name: "fr-rdb-oldest-version", kind: yesno{}, initial: "no"},
	// Where a commit becomes durable under appendfsync always: in the commit ring, which the AOF follows, or directly in the AOF.
	{Name: "fr-wal-commit", kind: oneOf("ring", "direct"), initial: "ring"},
	// Bytes of a commit ring, and a folder, for this server alone, of a second one that takes over when the first one's device fails or stands
	// still; "": none.
	{Name: "fr-wal-ring-size", kind: number{lo: 4 << 20, hi: maxLong, form: memory}, initial: "32mb", Flags: Immutable},
	{Name: "fr-wal-dir", kind: text{}, Flags: Immutable},
}
