package wire

import (
	"cmp"
	"slices"

	"frankenredis/wal"
	"frankenredis/wire/engine"
)

// front is what the connections of one transport have in common: parameters, free buffers, and the lists that decide
// which of them are looked at in a turn. Executor only.
type front struct {
	limits
	eng  *engine.Engine
	free [][]byte // empty reply buffers of at most replyKeep
	big  bigPool  // and larger ones
	full bool     // the log takes no more: clients' input stays unread and unexecuted

	dirty    []*conn // to be looked at in this turn's release
	leftover []*conn // clients with complete input beyond their budget
	waiting  []*conn // clients whose output waits for the log, oldest position first unless mixed
	mixed    bool    // waiting is to be sorted before it is used
	logHeld  int     // memory of the output that waits for the log, in bytes
	inputs   int     // clients that keep their query buffer between reads
}

// maxFreeBuffers bounds the free list; a burst of clients must not hold its memory for ever.
const maxFreeBuffers = 1024

// mostKept is how many clients keep their query buffer between reads, as all do in Redis, until they rest. Those of more clients at once would
// only drive each other out of the processor's cache: they share what the pools have.
const mostKept = 64

// keepsInput says whether one more client may keep its query buffer, and counts it then.
func (f *front) keepsInput() bool {
	if f.inputs == mostKept {
		return false
	}
	f.inputs++
	return true
}

// beginTurn refreshes what may have changed since the last turn.
func (f *front) beginTurn() {
	f.refresh(f.eng)
	log := f.eng.Log()
	// A log that fails refuses writes, so nothing piles up in it, and reads go on. The replies that wait for it are bounded
	// like what it holds itself.
	f.full = log != nil && ((log.Full() && log.Err() == nil) || int64(f.logHeld) > f.eng.Config().Live.LogPendingLimit)
}

// takeBuffer returns an empty reply buffer.
func (f *front) takeBuffer() []byte {
	if n := len(f.free); n > 0 {
		b := f.free[n-1]
		f.free = f.free[:n-1]
		return b
	}
	return make([]byte, 0, replyStart)
}

// giveBuffer takes a buffer back that is empty now, of any size.
func (f *front) giveBuffer(b []byte) {
	if cap(b) > replyKeep {
		f.big.give(b)
		return
	}
	if len(f.free) < maxFreeBuffers {
		f.free = append(f.free, b[:0])
	}
}

// execute runs what a client has sent and sees to it that it is looked at again when that is needed.
func (f *front) execute(c *conn) {
	if f.eng.Stopping() {
		return
	}
	if f.full || c.run() {
		f.keep(c)
	}
	if c.dead {
		return
	}
	if len(c.sess.W.Buf) > 0 || c.sess.CloseAfterReply {
		c.schedule()
	}
	if c.scheduled && !f.boundMemory {
		return // its memory is counted at the release, which is soon enough where it bounds nothing
	}
	f.eng.CountClient(&c.sess)
	c.checkMemory()
}

// keep remembers a client with complete input left for the next turn.
func (f *front) keep(c *conn) {
	if !c.isLeft && !c.dead {
		c.isLeft = true
		f.leftover = append(f.leftover, c)
	}
}

// serveLeftover gives the clients that were over their budget another one.
func (f *front) serveLeftover() {
	if f.full {
		return
	}
	left := f.leftover
	f.leftover = nil
	for _, c := range left {
		c.isLeft = false
		f.execute(c)
	}
}

// Release implements engine.Transport.
func (f *front) Release(released wal.LSN) (more bool) {
	end := f.eng.StreamEnd()
	failing := f.eng.LogFailing()
	for i := 0; i < len(f.dirty); i++ { // the list may grow meanwhile
		c := f.dirty[i]
		c.scheduled = false
		if !c.dead && c.in.Buffered() > 0 && c.sess.Wait == nil && c.sess.Postponed == nil && !c.sess.CloseAfterReply {
			f.keep(c) // unblocked with input left; looking at an incomplete command once more is cheap
		}
		c.release(end, released, failing)
		f.settle(c)
	}
	clear(f.dirty)
	f.dirty = f.dirty[:0]
	if len(f.waiting) > 0 {
		f.releaseWaiting(end, released, failing)
	}
	return len(f.leftover) > 0 && !f.full || len(f.dirty) > 0 // replicas that get more of the stream
}

func (f *front) releaseWaiting(end, released wal.LSN, failing bool) {
	if f.mixed {
		f.mixed = false
		slices.SortFunc(f.waiting, func(a, b *conn) int { return cmp.Compare(a.position(), b.position()) })
	}
	old := f.waiting
	kept := old[:0]
	for i, c := range old {
		if !c.dead && c.waiting() {
			if c.held[0].lsn > released && !failing {
				// Positions only grow along the list: nothing behind this one can leave.
				kept = append(kept, old[i:]...)
				break
			}
			c.release(end, released, failing)
			f.count(c)
			if c.waiting() {
				f.mixed = true // for what comes later than what the next one waits for
			}
		}
		if c.dead || !c.waiting() {
			c.inWait = false
			f.settle(c)
			continue
		}
		kept = append(kept, c)
	}
	clear(old[len(kept):])
	f.waiting = kept
}

// count keeps logHeld right after the output of a connection has changed.
func (f *front) count(c *conn) {
	n := 0
	if c.waiting() {
		n = c.heldBytes
	}
	f.logHeld += n - c.counted
	c.counted = n
}

// settle puts a connection where it will be looked at again: the waiting list, or the carrier's word.
func (f *front) settle(c *conn) {
	if c.dead {
		return
	}
	f.count(c)
	f.eng.CountClient(&c.sess)
	if c.checkMemory(); c.dead {
		return
	}
	if c.waiting() && !c.inWait {
		c.inWait = true
		if n := len(f.waiting); n > 0 && c.position() < f.waiting[n-1].position() {
			f.mixed = true // its socket was full until now
		}
		f.waiting = append(f.waiting, c)
	}
	if c.blocked != c.asked {
		if c.notifyWritable(c.blocked) != nil {
			c.end()
			return
		}
		c.asked = c.blocked
	}
}
