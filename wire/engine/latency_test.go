package engine_test

import (
	"testing"
	"time"
)

// One sample a second, the worst; of the last 160 seconds in which there was one; nothing below the threshold.
func TestLatencySamples(t *testing.T) {
	b := newBench(t)
	sample := func(ms int) { b.eng.SampleLatency("x", time.Duration(ms)*time.Millisecond) }
	sample(1000)
	if b.eng.Latency().Event("x") != nil {
		t.Fatal("a sample while off")
	}
	b.set("latency-monitor-threshold", "10")
	sample(9)
	for i := range 200 {
		sample(20)
		sample(500 - i)
		sample(30)
		b.now = b.now.Add(time.Second)
	}
	ev := b.eng.Latency().Event("x")
	if n := len(ev.Samples); n != 160 || ev.Samples[0].Millis != 460 || ev.Samples[n-1].Millis != 301 || ev.Max != 500 {
		t.Errorf("%d samples, first %v, last %v, worst %d", n, ev.Samples[0], ev.Samples[n-1], ev.Max)
	}
	if !b.eng.Latency().Reset("x") || b.eng.Latency().Reset("x") || len(b.eng.Latency().Events()) != 0 {
		t.Error("reset")
	}
}
