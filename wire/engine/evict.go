package engine

import (
	"fmt"
	"math"
	"strings"
	"time"

	"frankenredis/kv"
)

const (
	// evictStep is how many keys are evicted between two looks at the clock.
	evictStep = 8
	// unfreedShare of the limit is how much may wait to be freed, off the account or on it, before those who need memory help
	// freeing it: 1/16.
	unfreedShare = 16
)

// evictor is what the executor remembers of maxmemory. Executor only.
type evictor struct {
	policy    kv.EvictPolicy
	sliceTime time.Duration // what eviction may take of a turn, beyond what the turn's own commands make necessary

	running bool          // out of time while over the limit: the end of the turn goes on
	spent   time.Duration // in this turn
	last    int64         // memory in use after the last call

	since int64         // when memory went over the limit, nanoseconds since the start; 0: it is not
	over  time.Duration // how long it was before
}

// followMemory keeps what eviction and freeing go by as the parameters say.
func (e *Engine) followMemory() {
	policy := func() error {
		order, volatile := parsePolicy(e.cfg.Enum("maxmemory-policy"))
		e.evictor.policy = kv.EvictPolicy{Order: order, Volatile: volatile, Samples: int(e.cfg.Int("maxmemory-samples")),
			Lazy: e.cfg.Bool("lazyfree-lazy-eviction")}
		e.evictor.sliceTime = evictionTime(int(e.cfg.Int("maxmemory-eviction-tenacity")))
		e.ks.SetLazy(e.cfg.Bool("lazyfree-lazy-expire"), e.cfg.Bool("lazyfree-lazy-server-del"))
		return nil
	}
	e.cfg.OnApply("maxmemory-policy", policy, "maxmemory-samples", "maxmemory-eviction-tenacity", "lazyfree-lazy-eviction",
		"lazyfree-lazy-expire", "lazyfree-lazy-server-del")
	_ = policy()
	e.cfg.OnApply("maxmemory", func() error {
		limit, used := e.cfg.Live.MaxMemory, e.limitedMemory()
		if limit > 0 && limit < used {
			e.logger.Warn(fmt.Sprintf("WARNING: the new maxmemory value set via CONFIG SET (%d) is smaller than the current memory "+
				"usage (%d). This will result in key eviction and/or the inability to accept new write commands depending on the "+
				"maxmemory-policy.", limit, used))
		}
		e.evictor.running, e.evictor.last = limit > 0, used // the turn's end looks
		return nil
	})
}

// parsePolicy reads a value of maxmemory-policy.
func parsePolicy(name string) (order kv.EvictOrder, volatile bool) {
	scope, word, _ := strings.Cut(name, "-")
	switch word {
	case "lru":
		order = kv.EvictLRU
	case "lfu":
		order = kv.EvictLFU
	case "ttl":
		order = kv.EvictTTL
	case "random":
		order = kv.EvictRandom
	}
	return order, scope == "volatile"
}

// evictionTime is the time maxmemory-eviction-tenacity allows: 50 us a step up to 10, then 15 % more with each, at 100 any.
func evictionTime(tenacity int) time.Duration {
	switch {
	case tenacity <= 10:
		return time.Duration(tenacity) * 50 * time.Microsecond
	case tenacity < 100:
		return time.Duration(500 * math.Pow(1.15, float64(tenacity-10)) * float64(time.Microsecond))
	}
	return math.MaxInt64
}

// UsedMemory is what INFO calls used_memory: the data and all that clients hold, in bytes. The log's buffers come on top.
func (e *Engine) UsedMemory() int64 { return e.ks.UsedBytes() + e.clientBytes }

// limitedMemory is what maxmemory limits. Buffers of the log and of replicas are not part of it: evicting keys would make
// them grow.
func (e *Engine) limitedMemory() int64 { return e.UsedMemory() }

// makeRoom evicts keys while memory is over maxmemory and there is time, and returns false when it is over and nothing can be
// evicted. A command is refused for that only: when time runs out it goes on, and so does eviction at the end of the turn.
//
// What the turn's commands have added since the last call is always made up for, so that memory cannot run away; only what
// was too much before is left for later.
func (e *Engine) makeRoom() (ok bool) {
	limit := e.cfg.Live.MaxMemory
	if limit <= 0 || e.limitedMemory() <= limit {
		if e.evictor.since != 0 || e.evictor.running {
			e.withinLimit()
		}
		e.evictor.last = limit
		return true
	}
	return e.overLimit(limit)
}

func (e *Engine) overLimit(limit int64) (ok bool) {
	if !e.mayEvict() {
		return true
	}
	ev := &e.evictor
	began := e.mono()
	debt := e.limitedMemory() - ev.last // to be made up for now
	left := ev.sliceTime - ev.spent
	enough := func() bool {
		owed, _ := e.ks.LazyBytes()
		return e.limitedMemory()-owed <= limit
	}
	evicted, late := true, false
	for n := 1; !late && !enough(); n++ {
		before := e.limitedMemory()
		if evicted = e.evictOne(); !evicted {
			break
		}
		debt -= before - e.limitedMemory()
		if n%evictStep == 0 {
			spent := time.Duration(e.mono() - began)
			late = spent > ev.sliceTime || (spent > left && debt <= 0)
		}
	}
	e.freeDebts(limit, max(left-time.Duration(e.mono()-began), minFreeTime))
	took := time.Duration(e.mono() - began)
	e.SampleLatency("eviction-cycle", took)
	ev.spent += took
	ev.last = e.limitedMemory()
	if ev.last <= limit {
		e.withinLimit()
		return true
	}
	if ev.since == 0 {
		ev.since = began
	}
	// Without anything to evict, what is being freed may still do.
	ev.running = late || enough()
	return ev.running
}

// minFreeTime is the least time given to freeing memory where it is urgent.
const minFreeTime = 50 * time.Microsecond

// freeDebts frees what commands and eviction left behind when memory is over the limit for its sake, or when so much of it is
// left that the account says little about the process.
func (e *Engine) freeDebts(limit int64, budget time.Duration) {
	owed, hidden := e.ks.LazyBytes()
	if (owed > 0 && e.limitedMemory() > limit) || owed+hidden > limit/unfreedShare {
		e.ks.LazyFree(min(budget, maxFreeTime))
	}
}

// maxFreeTime bounds freeing in one call whatever the tenacity: it stops by itself once there is room.
const maxFreeTime = 500 * time.Microsecond

// evictOne evicts one key and tells of it: an event, and a unit of its own in the stream.
func (e *Engine) evictOne() bool {
	began := int64(0)
	monitored := e.cfg.Live.LatencyThreshold > 0
	if monitored {
		began = e.mono()
	}
	db, key, ok := e.ks.Evict(e.evictor.policy)
	if !ok {
		return false
	}
	if monitored {
		e.SampleLatency("eviction-del", time.Duration(e.mono()-began))
	}
	e.stats.EvictedKeys++
	word := wordDel
	if e.evictor.policy.Lazy {
		word = wordUnlink
	}
	own := e.unitOwn
	e.appendEffect(db.ID(), [][]byte{word, key})
	e.unitOwn = own
	e.Notify('e', "evicted", db.ID(), key)
	e.endUnit(nil)
	return true
}

// mayEvict says whether keys may be removed now: not while loading, paused or held, and not when the log could not be told.
func (e *Engine) mayEvict() bool {
	if e.following.on && (e.following.applying || e.cfg.Live.ReplicaIgnoreMaxMemory) {
		return false
	}
	return !e.loading && e.hold == nil && e.pauseUntil.IsZero() && (e.log == nil || e.log.Err() == nil)
}

// withinLimit notes that memory is not over maxmemory any more.
func (e *Engine) withinLimit() {
	ev := &e.evictor
	ev.running = false
	if ev.since != 0 {
		ev.over += time.Duration(e.mono() - ev.since)
		ev.since = 0
	}
}

// evictOn goes on with eviction at the end of a turn and says whether there is more to do.
func (e *Engine) evictOn() (more bool) {
	ev := &e.evictor
	ev.spent = 0
	if !ev.running {
		return false
	}
	ev.running = false
	e.makeRoom()
	ev.spent = 0
	return ev.running
}

// EvictionExceeded is how long memory was over maxmemory in all, and how long it is now if it is.
func (e *Engine) EvictionExceeded() (total, current time.Duration) {
	ev := &e.evictor
	if ev.since != 0 {
		current = time.Duration(e.mono() - ev.since)
	}
	return ev.over + current, current
}

func (ev *evictor) resetStats() { ev.over, ev.since = 0, 0 }
