package engine

import (
	"slices"
	"time"
)

// latencySamples is how many samples of an event are kept.
const latencySamples = 160

// LatencySample is the worst of an event in one second.
type LatencySample struct {
	Unix   int64 // seconds
	Millis int64
}

// LatencyEvent is something that takes time now and then: a command, a cycle of expiry, an fsync.
type LatencyEvent struct {
	Name    string
	Samples []LatencySample // oldest first, the last 160
	Max     int64           // milliseconds, since the event was reset
}

// Latency is the monitor behind the LATENCY commands: it keeps what took at least latency-monitor-threshold milliseconds.
// Executor only.
type Latency struct {
	events map[string]*LatencyEvent
}

// Latency returns the latency monitor.
func (e *Engine) Latency() *Latency { return &e.latency }

// SampleLatency notes how long an event took, if the monitor is on and it took long enough.
func (e *Engine) SampleLatency(event string, took time.Duration) {
	if least := e.cfg.Live.LatencyThreshold; least > 0 && took.Milliseconds() >= least {
		e.latency.add(event, LatencySample{e.clock().Unix(), took.Milliseconds()})
	}
}

func (l *Latency) add(name string, s LatencySample) {
	ev := l.events[name]
	if ev == nil {
		if l.events == nil {
			l.events = make(map[string]*LatencyEvent)
		}
		ev = &LatencyEvent{Name: name}
		l.events[name] = ev
	}
	ev.Max = max(ev.Max, s.Millis)
	if n := len(ev.Samples); n > 0 && ev.Samples[n-1].Unix == s.Unix {
		ev.Samples[n-1].Millis = max(ev.Samples[n-1].Millis, s.Millis)
		return
	}
	if len(ev.Samples) == latencySamples {
		ev.Samples = slices.Delete(ev.Samples, 0, 1)
	}
	ev.Samples = append(ev.Samples, s)
}

// Event returns an event, or nil when there is no sample of it.
func (l *Latency) Event(name string) *LatencyEvent { return l.events[name] }

// Events returns all events in order of name.
func (l *Latency) Events() []*LatencyEvent {
	var out []*LatencyEvent
	for _, ev := range l.events {
		out = append(out, ev)
	}
	slices.SortFunc(out, func(a, b *LatencyEvent) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// Reset forgets an event; it returns false when there was none.
func (l *Latency) Reset(name string) bool {
	_, there := l.events[name]
	delete(l.events, name)
	return there
}

// measure notes how long a command took that has been answered.
func (e *Engine) measure(spec *Spec, nanos int64) {
	if e.cfg.Live.LatencyTracking {
		if spec.histogram == nil {
			spec.histogram = new(Histogram)
		}
		spec.histogram.Record(nanos / 1000 * 1000) // Redis measures microseconds
	}
}

// Histogram is how long the command took, each time it was run: nil before the first, and while latency-tracking is off.
func (s *Spec) Histogram() *Histogram { return s.histogram }
