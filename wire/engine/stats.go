package engine

import (
	"sort"

	"frankenredis/wire/acl"
)

// Counters are the engine's own figures for INFO. Executor only.
type Counters struct {
	ConnectionsReceived uint64
	ConnectionsRejected uint64
	Commands            uint64
	ErrorReplies        uint64
	KeyspaceHits        uint64
	KeyspaceMisses      uint64
	ExpiredKeys         uint64
	EvictedKeys         uint64
	EvictedClients      uint64
	Blocked             uint64
	Cycles              uint64
	CycleNanos          uint64
	NetInput, NetOutput uint64 // bytes from and to clients other than replicas
	NetReplOutput       uint64 // bytes to replicas
	Reads, Writes       uint64 // on clients' sockets
	ReplyExpands        uint64 // reply buffers that grew in a turn
	ReplyShrinks        uint64 // reply buffers given back because they had grown large
	OutputLimitCloses   uint64
	QueryLimitCloses    uint64
	// ProtocolErrors are connections ended because their bytes were no commands; ProtocolError says what the last was, and whose.
	ProtocolErrors uint64
	ProtocolError  string
	PeakMemory     int64
	// Sanitized counts packed values of RESTORE payloads that were checked entry by entry: all of them are.
	Sanitized uint64
	Denied    [acl.DeniedChannel + 1]uint64 // by reason
}

// Stats returns the counters; transports and commands may add to them.
func (e *Engine) Stats() *Counters { return &e.stats }

// ErrorCounts calls f for each error code that was replied, in order of code.
func (e *Engine) ErrorCounts(f func(code string, count uint64)) {
	codes := make([]string, 0, len(e.errorCounts))
	for c := range e.errorCounts {
		codes = append(codes, c)
	}
	sort.Strings(codes)
	for _, c := range codes {
		f(c, e.errorCounts[c])
	}
}

// OnResetStats has f called at each ResetStats, for counters that are not the engine's.
func (e *Engine) OnResetStats(f func()) { e.onReset = append(e.onReset, f) }

// ResetStats is CONFIG RESETSTAT.
func (e *Engine) ResetStats() {
	e.stats = Counters{PeakMemory: e.stats.PeakMemory, Denied: e.stats.Denied}
	e.evictor.resetStats()
	e.ks.ResetLazyFreed()
	e.ks.ResetDefragStats()
	e.ks.ResetExpireStats()
	for _, f := range e.onReset {
		f()
	}
	clear(e.errorCounts)
	for _, s := range e.table.All() {
		s.stats, s.histogram = Stats{}, nil
		for i := range s.Sub {
			s.Sub[i].stats, s.Sub[i].histogram = Stats{}, nil
		}
	}
}
