package command

import (
	"fmt"
	"strings"

	"frankenredis/wire/engine"
)

const latencyFlags = engine.Admin | engine.NoScript | engine.Loading | engine.Stale

var (
	latencyTips    = []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}
	latencyResetTo = []string{"request_policy:all_nodes", "response_policy:agg_sum"}
)

var latencyCommands = []engine.Spec{
	{Name: "latency", Arity: -2, Sub: []engine.Spec{
		{Name: "doctor", Arity: 2, Flags: latencyFlags, Tips: latencyTips, Handler: latencyDoctorCommand},
		{Name: "graph", Arity: 3, Flags: latencyFlags, Tips: latencyTips, Handler: latencyGraphCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: latencyHelpCommand},
		{Name: "histogram", Arity: -2, Flags: latencyFlags, Tips: latencyTips, Handler: latencyHistogramCommand},
		{Name: "history", Arity: 3, Flags: latencyFlags, Tips: latencyTips, Handler: latencyHistoryCommand},
		{Name: "latest", Arity: 2, Flags: latencyFlags, Tips: latencyTips, Handler: latencyLatestCommand},
		{Name: "reset", Arity: -2, Flags: latencyFlags, Tips: latencyResetTo, Handler: latencyResetCommand},
	}},
}

func latencyLatestCommand(c *engine.Call) error {
	events := c.E.Latency().Events()
	c.W.Array(len(events))
	for _, ev := range events {
		last := ev.Samples[len(ev.Samples)-1]
		c.W.Array(4)
		c.W.BulkString(ev.Name)
		c.W.Int(last.Unix)
		c.W.Int(last.Millis)
		c.W.Int(ev.Max)
	}
	return nil
}

func latencyHistoryCommand(c *engine.Call) error {
	ev := c.E.Latency().Event(string(c.Args[2]))
	if ev == nil {
		c.W.Array(0)
		return nil
	}
	c.W.Array(len(ev.Samples))
	for _, s := range ev.Samples {
		c.W.Array(2)
		c.W.Int(s.Unix)
		c.W.Int(s.Millis)
	}
	return nil
}

func latencyResetCommand(c *engine.Call) error {
	l := c.E.Latency()
	var names []string
	for _, a := range c.Args[2:] {
		names = append(names, string(a))
	}
	if names == nil {
		for _, ev := range l.Events() {
			names = append(names, ev.Name)
		}
	}
	n := int64(0)
	for _, name := range names {
		if l.Reset(name) {
			n++
		}
	}
	c.W.Int(n)
	return nil
}

// latencyHistogramCommand answers for all commands, or for those named: of a container for all its subcommands.
func latencyHistogramCommand(c *engine.Call) error {
	at, n := len(c.W.Buf), 0
	one := func(s *engine.Spec) {
		h := s.Histogram()
		if h == nil {
			return
		}
		n++
		c.W.BulkString(s.FullName())
		c.W.Map(2)
		c.W.BulkString("calls")
		c.W.Int(int64(h.Total()))
		c.W.BulkString("histogram_usec")
		at, n := len(c.W.Buf), 0
		h.Cumulative(func(nanos int64, count uint64) {
			c.W.Int(nanos / 1000)
			c.W.Int(int64(count))
			n++
		})
		c.W.MapAt(at, n)
	}
	family := func(s *engine.Spec) {
		one(s)
		for i := range s.Sub {
			one(&s.Sub[i])
		}
	}
	if len(c.Args) == 2 {
		for _, s := range c.E.Commands().All() {
			family(s)
		}
	}
	for _, name := range c.Args[2:] {
		if s := findCommand(c, name); s != nil {
			family(s)
		}
	}
	c.W.MapAt(at, n)
	return nil
}

func latencyGraphCommand(c *engine.Call) error {
	ev := c.E.Latency().Event(string(c.Args[2]))
	if ev == nil {
		return engine.Errorf("ERR No samples available for event '%s'", shown(c.Args[2]))
	}
	low, high := ev.Samples[0].Millis, int64(0)
	for _, s := range ev.Samples {
		low, high = min(low, s.Millis), max(high, s.Millis)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n%s\n", ev.Name, high, low, ev.Max, strings.Repeat("-", graphColumns))
	now := c.E.Wall().Unix()
	for from := 0; from < len(ev.Samples); from += graphColumns {
		if from > 0 {
			b.WriteByte('\n')
		}
		drawSamples(&b, ev.Samples[from:min(from+graphColumns, len(ev.Samples))], low, high, now)
	}
	c.W.Verbatim("txt", b.String())
	return nil
}

func latencyHelpCommand(c *engine.Call) error {
	return help(c,
		"DOCTOR", "    A report about what was slow, and advice.",
		"GRAPH <event>", "    The samples of an event as a picture.",
		"HISTORY <event>", "    The samples of an event: seconds of the clock, and milliseconds.",
		"LATEST", "    The last sample of each event, and its worst.",
		"RESET [<event> ...]", "    Forget the samples of all events, or of those named.",
		"HISTOGRAM [COMMAND ...]", "    How long commands took: of all that were run, or of those named.")
}
