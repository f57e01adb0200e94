package wal

import "time"

// ringPace measures how fast a ring fills, and so knows when what it has is to be synced and covered: late, as that makes commits slow meanwhile, and a
// single client fills half of the usual ring in a fifth of a second; but before it is full, as then they wait.
type ringPace struct {
	since time.Time
	bytes int64 // placed since then
	rate  int64 // bytes a second, before that
}

const (
	// ringPaceSpan is how long to measure.
	ringPaceSpan = 20 * time.Millisecond
	// ringAhead is how long before a ring is full room is to be made: a sync and a cover of megabytes take a fifth of it.
	ringAhead = 100 * time.Millisecond
)

// add takes note that n bytes are placed now.
func (p *ringPace) add(n int64, now time.Time) {
	if d := now.Sub(p.since); d >= ringPaceSpan {
		p.rate = int64(float64(p.bytes) / d.Seconds())
		p.since, p.bytes = now, 0
	}
	p.bytes += n
}

// tight is how many of a ring's bytes are taken when room is to be made: from a half, where it fills fast, to three quarters.
func (p *ringPace) tight(half int64) int64 {
	ahead := int64(float64(p.rate) * ringAhead.Seconds())
	return half - min(max(ahead, half/4), half/2)
}
