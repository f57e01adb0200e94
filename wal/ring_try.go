package wal

import "time"

// A commit costs mostly threads that wake each other. So where the executor has nothing else to do, and the ring's device is known to be fast,
// its thread commits. How long that takes nobody can bound, so a second thread takes over as the executor when it takes FastCommit
// (wire/engine/relief.go), and the ringer takes the commits from then on, until they have been fast again for a while.
//
// It does not begin while another file is being synced. The file system writes its journal then, and whoever needs that, for a file's new
// time or length, waits for the device.

// FastCommit is what a commit takes less than where the executor's thread does it. A virtual disk took 0.1 to 0.35 ms for most.
const FastCommit = 700 * time.Microsecond

const (
	// tryCredit is how many commits in a row must have been faster than that before the executor commits itself.
	tryCredit = 2
	// tryLimit bounds the bytes that it commits itself.
	tryLimit = 64 << 10
)

// rate remembers whether commits are fast. Under mu.
func (r *ringer) rate(took time.Duration) {
	if took >= FastCommit {
		r.credit = 0
	} else if r.credit < tryCredit {
		r.credit++
	}
}

// mayTry says whether the executor may commit what lies on the tape itself. Under mu, by the executor.
func (r *ringer) mayTry() bool {
	l := r.l
	from := l.ringFrom()
	return r.ready && r.resting && !r.busy && !r.full && r.credit >= tryCredit && r.file.alone() && l.skip <= l.synced.lsn &&
		from >= l.tape.first && l.tape.end-from <= tryLimit
}

// try takes the ring for the executor's thread, which then calls finish. Under mu. Executor only.
func (r *ringer) try() {
	r.busy, r.trying, r.since = true, true, time.Now()
}

// finishTry commits what lies on the tape. What the ringer was woken for meanwhile it looks at behind that.
func (r *ringer) finishTry() {
	r.commit()
	l := r.l
	l.mu.Lock()
	missed := r.missed
	r.missed = false
	if missed {
		r.resting = false
	}
	l.mu.Unlock()
	if missed {
		r.bell.ring()
	}
}
