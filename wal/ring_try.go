package wal

import "time"

// A commit costs mostly threads that wake each other. So where the executor has nothing else to do, and the ring's device is known to be fast,
// it commits itself. It never waits longer than tryPatience: what takes longer is finished by the ringer, which takes the commits from then on,
// until they have been fast again for a while.
//
// Nor does it touch a file while another one is being synced. The file system writes its journal then, and whoever needs that, for a file's new
// time or length, waits for the device: a write that the kernel was asked not to wait for was seen to take as long as the sync.

const (
	// tryPatience bounds the executor's wait for the device in one commit. A disk of this machine took 0.15 to 0.35 ms for most commits.
	tryPatience = 700 * time.Microsecond
	// tryCredit is how many commits in a row must have been faster than that before the executor commits itself.
	tryCredit = 2
	// tryLimit bounds the bytes that it commits itself.
	tryLimit = 64 << 10
)

// rate remembers whether commits are fast. Under mu.
func (r *ringer) rate(took time.Duration) {
	if took >= tryPatience {
		r.credit = 0
	} else if r.credit < tryCredit {
		r.credit++
	}
}

// mayTry says whether the executor may commit what lies on the tape itself. Under mu, by the executor.
func (r *ringer) mayTry() bool {
	l := r.l
	from := l.ringFrom()
	return r.ready && r.resting && !r.busy && !r.full && r.credit >= tryCredit && r.file.tries() && l.skip <= l.synced.lsn &&
		from >= l.tape.first && l.tape.end-from <= tryLimit
}

// try commits what lies on the tape, or leaves it to the ringer. Under mu, which it releases. Executor only.
func (r *ringer) try() {
	l := r.l
	p, ok := r.begin(true)
	if !ok {
		return
	}
	if r.file.try(p, r.job.off, r.job.frame.LSN, r.follow, tryPatience) {
		l.mu.Lock()
		l.stats.tried++
		l.mu.Unlock()
		r.ended(nil)
		return
	}
	l.mu.Lock()
	r.trying, r.left, r.resting = false, true, false
	l.mu.Unlock()
	r.bell.ring()
}

// finish is the ringer's part of a commit that the executor left.
func (r *ringer) finish() { r.ended(r.file.finish()) }
