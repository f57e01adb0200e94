package engine

import (
	"cmp"
	"math/bits"
	"slices"

	"frankenredis/wire/session"
)

// leastClientLimit is the lowest limit that counts for maxmemory-clients, in bytes: with less nobody could talk to the server
// to raise it.
const leastClientLimit = 128 << 10

// CountClient takes a client's memory into account as it is now. Transports call it after they read for the client or
// sent to it.
func (e *Engine) CountClient(s *session.Session) {
	if s.Closed {
		return
	}
	n := s.Memory()
	if s.IsReplica() || s.Primary {
		n = 0 // what replication holds is no client's to answer for, and must not evict keys, whose deletion would make it grow
	}
	e.clientBytes += int64(n - s.Counted)
	s.Counted = n
}

// ClientBytes is the memory of all clients, as last counted.
func (e *Engine) ClientBytes() int64 { return e.clientBytes }

// clientLimit is what maxmemory-clients allows all clients together, in bytes; 0: anything.
func (e *Engine) clientLimit() int64 {
	live := &e.cfg.Live
	n := live.MaxMemoryClients
	switch {
	case n == 0 || (n < 0 && live.MaxMemory <= 0):
		return 0
	case n < 0:
		n = int64(float64(live.MaxMemory) * float64(-n) / 100)
	}
	return max(n, leastClientLimit)
}

// ClientClass is the clients that take at least From and less than Below bytes, of those that maxmemory-clients may end.
type ClientClass struct {
	From, Below, Bytes int64
	Clients            int
}

// What the first class ends below and the last begins with, as powers of two.
const (
	leastClass, mostClass = 15, 32
)

// ClientClasses sorts the clients by memory, as last counted; nil without maxmemory-clients.
func (e *Engine) ClientClasses() []ClientClass {
	if e.clientLimit() == 0 {
		return nil
	}
	all := make([]ClientClass, mostClass-leastClass+2)
	for i := range all {
		all[i].Below = 1 << (leastClass + i)
		if i > 0 {
			all[i].From = all[i-1].Below
		}
	}
	for _, s := range e.sessions {
		if s.NoEvict || s.IsReplica() || s.Primary {
			continue
		}
		k := &all[min(max(bits.Len64(uint64(s.Counted))-leastClass, 0), len(all)-1)]
		k.Bytes += int64(s.Counted)
		k.Clients++
	}
	return all
}

// evictClients disconnects clients, the largest first, until all that are left take no more memory than maxmemory-clients
// allows. Those with CLIENT NO-EVICT stay.
func (e *Engine) evictClients() {
	limit := e.clientLimit()
	if limit == 0 || e.clientBytes <= limit {
		return
	}
	var all []*session.Session
	for _, s := range e.sessions {
		if !s.NoEvict && !s.IsReplica() && !s.Primary {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *session.Session) int {
		return cmp.Or(cmp.Compare(b.Counted, a.Counted), cmp.Compare(a.ID, b.ID))
	})
	for _, s := range all {
		if e.clientBytes <= limit {
			return
		}
		e.logger.Info("Evicting client: " + e.DescribeClient(s))
		e.stats.EvictedClients++
		s.Conn.Close(false)
	}
	if e.clientBytes > limit && !e.clientsOver {
		e.logger.Warn("Over client maxmemory after evicting all evictable clients")
	}
	e.clientsOver = e.clientBytes > limit
}
