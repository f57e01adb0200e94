package kv

import "encoding/binary"

// The 24 access bits of an entry hold, by policy, either the LRU clock of its last use (seconds, modulo 2^24) or, for
// LFU, the minute of its last decay (16 bits) above a logarithmic counter of its uses (8 bits). As in Redis they are
// read by the policy of the moment: a change of policy makes old bits mean something else until the next use.

const (
	lruResolution = 1000 // milliseconds a tick of the LRU clock
	lruMask       = 1<<accessBits - 1
	lfuInitial    = 5 // a new key's counter: a little above those that are about to be evicted
)

// accessPolicy says how access bits are read and advanced at one moment.
type accessPolicy struct {
	lfu       bool
	logFactor int
	decayTime int    // minutes for one step of decay; 0: none
	lru       uint32 // LRU clock now
	minute    uint32 // minutes now, modulo 2^16
}

func (p *accessPolicy) setNow(now Millis) {
	p.lru = uint32(now/lruResolution) & lruMask
	p.minute = uint32(now/60000) & 0xffff
}

// fresh is the access bits of a new value.
func (p *accessPolicy) fresh() uint32 {
	if p.lfu {
		return p.minute<<8 | lfuInitial
	}
	return p.lru
}

// touched is the access bits after one more use. next gives random words.
func (p *accessPolicy) touched(bits uint32, next func() uint64) uint32 {
	if !p.lfu {
		return p.lru
	}
	counter := p.freq(bits)
	if counter < 255 {
		base := max(int(counter)-lfuInitial, 0)
		// Taken with probability 1/(base*factor+1).
		if float64(next()>>11)/(1<<53)*float64(base*p.logFactor+1) < 1 {
			counter++
		}
	}
	return p.minute<<8 | uint32(counter)
}

// freq is the LFU counter after the decay that is due.
func (p *accessPolicy) freq(bits uint32) uint8 {
	counter := bits & 0xff
	if p.decayTime > 0 {
		elapsed := (p.minute - bits>>8) & 0xffff
		counter -= min(counter, elapsed/uint32(p.decayTime))
	}
	return uint8(counter)
}

// idle is the time since the last use by the LRU clock, a multiple of a second.
func (p *accessPolicy) idle(bits uint32) Millis {
	return Millis((p.lru-bits)&lruMask) * lruResolution
}

// SetPolicy chooses how uses of keys are remembered: the clock of the last use (LRU), or with lfu a logarithmic counter
// with the given factor (lfu-log-factor) that loses one in decayTime minutes (lfu-decay-time; 0: never).
func (ks *Keyspace) SetPolicy(lfu bool, logFactor, decayTime int) {
	ks.access.lfu, ks.access.logFactor, ks.access.decayTime = lfu, logFactor, decayTime
}

// SetIdle sets the key's last use to idle ago, as RESTORE IDLETIME and an RDB file may ask. It does nothing under LFU or
// when the key is absent.
func (db *DB) SetIdle(key []byte, idle Millis) {
	if !db.ks.access.lfu {
		// Beyond the clock's range the oldest use it can tell apart stands for older ones.
		ticks := uint32(min(max(idle, 0)/lruResolution, lruMask-1))
		db.setAccess(key, (db.ks.access.lru-ticks)&lruMask)
	}
}

// SetFreq sets the key's LFU counter, as RESTORE FREQ and an RDB file may ask. It does nothing under LRU or when the key is
// absent.
func (db *DB) SetFreq(key []byte, freq uint8) {
	if db.ks.access.lfu {
		db.setAccess(key, db.ks.access.minute<<8|uint32(freq))
	}
}

func (db *DB) setAccess(key []byte, bits uint32) {
	if _, r, h := db.find(key); r != 0 {
		db.ks.a.Store64(r, uint64(h.withAccess(bits)))
	}
}

// touch advances the entry's access bits, unless that would copy a page: they rest while a view is open.
func (db *DB) touch(c cell) cell {
	ks := db.ks
	bits := ks.access.touched(c.h.access(), ks.next)
	if bits == c.h.access() {
		return c
	}
	if b := ks.a.TryMut(c.ref, 8); b != nil {
		c.h = c.h.withAccess(bits)
		binary.LittleEndian.PutUint64(b, uint64(c.h))
	}
	return c
}
