package main

import "time"

// rateSamples is how many samples an instantaneous figure of INFO is the average of: 1.6 seconds of them, as in Redis.
const rateSamples = 16

// rate is one instantaneous figure.
type rate struct {
	last    float64 // of the counter
	base    float64 // of what the counter is divided by
	samples [rateSamples]float64
	next    int
}

// sample notes the growth of a counter, divided by that of another quantity.
func (r *rate) sample(count, by float64) {
	if d := by - r.base; d > 0 && r.base > 0 {
		r.samples[r.next%rateSamples] = max(count-r.last, 0) / d
		r.next++
	}
	r.last, r.base = count, by
}

// now is the average.
func (r *rate) now() float64 {
	sum := 0.0
	for _, v := range r.samples {
		sum += v
	}
	return sum / rateSamples
}

// rates are the instantaneous figures of INFO.
type rates struct {
	at                                   time.Time
	ops, in, out, replIn, replOut, turns rate // a second, bytes in KB
	turnUsec                             rate
}

// sampleRates takes a sample, at most ten times a second.
func (s *server) sampleRates() {
	r, st := &s.load.rates, s.eng.Stats()
	now := time.Now()
	if now.Sub(r.at) < 100*time.Millisecond {
		return
	}
	r.at = now
	seconds := s.eng.Uptime().Seconds()
	in, out := s.netTraffic()
	r.ops.sample(float64(st.Commands), seconds)
	r.in.sample(float64(st.NetInput+in)/1024, seconds)
	r.out.sample(float64(st.NetOutput+out)/1024, seconds)
	r.replIn.sample(float64(in)/1024, seconds)
	r.replOut.sample(float64(out)/1024, seconds)
	r.turns.sample(float64(st.Cycles), seconds)
	r.turnUsec.sample(float64(st.CycleNanos)/1000, float64(st.Cycles))
}

// netTraffic is how many bytes came from primaries and went to replicas, snapshots included, since the last reset.
func (s *server) netTraffic() (in, out uint64) {
	n := s.netInput() - s.replica.forgotten
	return uint64(max(n, 0)), s.eng.Stats().NetReplOutput + uint64(s.replicas.synced.Load())
}

// resetStats sets back what the server itself counts, for CONFIG RESETSTAT.
func (s *server) resetStats() {
	s.load.rates = rates{}
	s.load.freezeUsec, s.load.expireTime = 0, 0
	s.saves.count, s.rewrites.count = 0, 0
	s.eng.ForgetPhases()
	if s.log != nil {
		s.load.delayedBefore = s.log.Status().DelayedSyncs
	}
	s.replicas.full, s.replicas.partial, s.replicas.refused = 0, 0, 0
	s.replicas.synced.Store(0)
	s.replica.forgotten = s.netInput()
	s.defrag.total = 0
	if s.defrag.percent > 0 {
		s.defrag.since = time.Now()
	}
}
