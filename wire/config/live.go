package config

// Live holds the parameters that are read on every turn, as plain fields. The Store refreshes it after each change, before
// the hooks of OnApply run; others only read it, on the executor goroutine.
type Live struct {
	ProtoMaxBulkLen        int64 // bytes
	ClientQueryBufferLimit int64 // bytes
	// client-output-buffer-limit, class normal: bytes, bytes, seconds; 0 means no limit.
	NormalOutputHard        int64
	NormalOutputSoft        int64
	NormalOutputSoftSeconds int64
	// The same of class pubsub.
	PubsubOutputHard        int64
	PubsubOutputSoft        int64
	PubsubOutputSoftSeconds int64
	MaxClients              int
	Timeout                 int // seconds of idleness; 0: clients may stay
	TCPKeepalive            int // seconds; 0: off
	ProtectedMode           bool

	AppendFsync string // always, everysec, no
	MaxMemory   int64  // bytes; 0: no limit
	// MaxMemoryClients is maxmemory-clients: bytes, or below 0 percent of MaxMemory; 0: no limit.
	MaxMemoryClients int64
	// LogPendingLimit is fr-log-pending-limit, bytes.
	LogPendingLimit int64

	Hz                 int // 1 to 500
	DynamicHz          bool
	ActiveExpireEffort int // 1 to 10

	LazyfreeExpire    bool
	LazyfreeUserDel   bool
	LazyfreeUserFlush bool

	Events EventSet // notify-keyspace-events

	SlowerThan    int64  // slowlog-log-slower-than, microseconds; negative: never
	SlowlogMaxLen uint64 // entries

	LatencyThreshold int64 // latency-monitor-threshold, milliseconds; 0: off
	LatencyTracking  bool

	TrackingMaxKeys uint64 // tracking-table-max-keys; 0: no limit

	// What a replica may do.
	ReplicaReadOnly        bool
	ServeStaleData         bool
	ReplicaIgnoreMaxMemory bool

	MinReplicas, MinReplicasLag int64 // min-replicas-to-write, min-replicas-max-lag in seconds
	// The same of class slave.
	ReplicaOutputHard        int64
	ReplicaOutputSoft        int64
	ReplicaOutputSoftSeconds int64
}

func (s *Store) refreshLive() {
	limit, subscribed, replica := s.OutputLimit("normal"), s.OutputLimit("pubsub"), s.OutputLimit("slave")
	s.Live = Live{
		ProtoMaxBulkLen:          s.Bytes("proto-max-bulk-len"),
		ClientQueryBufferLimit:   s.Bytes("client-query-buffer-limit"),
		NormalOutputHard:         limit.Hard,
		NormalOutputSoft:         limit.Soft,
		NormalOutputSoftSeconds:  limit.SoftSeconds,
		PubsubOutputHard:         subscribed.Hard,
		PubsubOutputSoft:         subscribed.Soft,
		PubsubOutputSoftSeconds:  subscribed.SoftSeconds,
		MaxClients:               int(s.Int("maxclients")),
		Timeout:                  int(s.Int("timeout")),
		TCPKeepalive:             int(s.Int("tcp-keepalive")),
		ProtectedMode:            s.Bool("protected-mode"),
		AppendFsync:              s.Enum("appendfsync"),
		MaxMemory:                s.Bytes("maxmemory"),
		MaxMemoryClients:         s.Int("maxmemory-clients"),
		LogPendingLimit:          s.Bytes("fr-log-pending-limit"),
		Hz:                       int(s.Int("hz")),
		DynamicHz:                s.Bool("dynamic-hz"),
		ActiveExpireEffort:       int(s.Int("active-expire-effort")),
		LazyfreeExpire:           s.Bool("lazyfree-lazy-expire"),
		LazyfreeUserDel:          s.Bool("lazyfree-lazy-user-del"),
		LazyfreeUserFlush:        s.Bool("lazyfree-lazy-user-flush"),
		Events:                   s.events("notify-keyspace-events"),
		SlowerThan:               s.Int("slowlog-log-slower-than"),
		SlowlogMaxLen:            uint64(s.Int("slowlog-max-len")),
		LatencyThreshold:         s.Int("latency-monitor-threshold"),
		LatencyTracking:          s.Bool("latency-tracking"),
		TrackingMaxKeys:          uint64(s.Int("tracking-table-max-keys")),
		MinReplicas:              s.Int("min-replicas-to-write"),
		MinReplicasLag:           s.Int("min-replicas-max-lag"),
		ReplicaOutputHard:        aboveBacklog(replica.Hard, s.Bytes("repl-backlog-size")),
		ReplicaOutputSoft:        aboveBacklog(replica.Soft, s.Bytes("repl-backlog-size")),
		ReplicaOutputSoftSeconds: replica.SoftSeconds,
		ReplicaReadOnly:          s.Bool("replica-read-only"),
		ServeStaleData:           s.Bool("replica-serve-stale-data"),
		ReplicaIgnoreMaxMemory:   s.Bool("replica-ignore-maxmemory"),
	}
}

// aboveBacklog is a limit of what a replica may be behind: it counts no less than the backlog, whose size a replica may lack when it
// comes back, as in Redis. 0 is no limit.
func aboveBacklog(limit, backlog int64) int64 {
	if limit == 0 {
		return 0
	}
	return max(limit, backlog)
}
