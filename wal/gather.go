package wal

import "time"

// gathering makes group commits large. When a sync under `always` has ended, those it answered write again within a moment.
// A sync begun at once would take only the others, and the two halves would go on taking turns: twice the syncs for the same
// commits. So the writer waits for as much as was under way, though never longer than half of what the sync took: a
// single client, or one that writes now and then, finds nobody to wait for. Under Log.mu.
type gathering struct {
	on     bool      // the writer rests for no other reason
	expect LSN       // the end of what is awaited
	until  time.Time // and until when
}

// mostGather bounds the wait: behind a disk that is slow, clients are not to be slower still.
const mostGather = 200 * time.Microsecond

// synced begins anew behind a sync of released bytes, with the tape's end at end.
func (g *gathering) synced(released, end LSN, took time.Duration) {
	g.expect, g.until = end+released, time.Now().Add(min(took/2, mostGather))
}

// gather says how long the writer waits before it begins the next group; 0: it does not. Under mu.
func (l *Log) gather(now time.Time) time.Duration {
	if !l.gathers() {
		return 0
	}
	return max(l.gathering.until.Sub(now), 0)
}

// gathers says that more is expected and nothing else calls for the writer. Under mu.
func (l *Log) gathers() bool {
	return l.policy == Always && l.tape.end < l.gathering.expect && l.pendingSwitch == nil && !l.closing && !l.failing
}
