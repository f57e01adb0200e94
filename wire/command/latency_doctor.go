package command

import (
	"fmt"
	"strings"

	"frankenredis/wire/engine"
)

// latencyDoctorCommand tells in words what the samples say. The words are ours, the figures those that Redis gives.
func latencyDoctorCommand(c *engine.Call) error {
	c.W.Verbatim("txt", latencyReport(c.E))
	return nil
}

func latencyReport(e *engine.Engine) string {
	events := e.Latency().Events()
	threshold := e.Config().Live.LatencyThreshold
	switch {
	case len(events) == 0 && threshold == 0:
		return "Latency is not being monitored. 'CONFIG SET latency-monitor-threshold <milliseconds>' switches it on.\n"
	case len(events) == 0:
		return fmt.Sprintf("Nothing has taken %d ms or more since the monitor was switched on.\n", threshold)
	}
	var b strings.Builder
	b.WriteString("These took longer than they should:\n\n")
	advice := map[string]bool{}
	for i, ev := range events {
		sum := int64(0)
		for _, s := range ev.Samples {
			sum += s.Millis
		}
		n := int64(len(ev.Samples))
		mean, off := sum/n, int64(0)
		for _, s := range ev.Samples {
			off += max(s.Millis-mean, mean-s.Millis)
		}
		period := float64(max(e.Wall().Unix()-ev.Samples[0].Unix, 1)) / float64(n)
		fmt.Fprintf(&b, "%d. %s: %d latency spikes (average %dms, mean deviation %dms, period %.2f sec). Worst all time event %dms.\n",
			i+1, ev.Name, n, mean, off/n, period, ev.Max)
		for _, a := range latencyAdvice(e, ev.Name) {
			advice[a] = true
		}
	}
	if len(advice) > 0 {
		b.WriteString("\nWhat can be done:\n\n")
		for _, a := range adviceInOrder {
			if advice[a] {
				b.WriteString("- " + a + "\n")
			}
		}
	}
	return b.String()
}

// The advice that can be given.
const (
	adviseSlowlog   = "SLOWLOG is off or records less than the monitor: set slowlog-log-slower-than to the threshold in microseconds."
	adviseCommands  = "SLOWLOG GET shows which commands were slow. A command on a huge value, or KEYS, holds up all others."
	adviseExpiry    = "Many keys expire at the same moment: spread their lifetimes, or lower active-expire-effort."
	adviseFsync     = "The disk is slow to sync: look for other writers on it, or let appendfsync wait less often (everysec)."
	adviseHugeValue = "Removing huge values takes time: UNLINK, lazyfree-lazy-expire and smaller values help."
)

var adviceInOrder = []string{adviseSlowlog, adviseCommands, adviseExpiry, adviseFsync, adviseHugeValue}

func latencyAdvice(e *engine.Engine, event string) (out []string) {
	live := &e.Config().Live
	switch event {
	case "command", "fast-command":
		if live.SlowerThan < 0 || live.SlowerThan/1000 > live.LatencyThreshold {
			out = append(out, adviseSlowlog)
		}
		return append(out, adviseCommands, adviseHugeValue)
	case "expire-cycle":
		return append(out, adviseExpiry, adviseHugeValue)
	}
	if strings.HasPrefix(event, "aof-") {
		out = append(out, adviseFsync)
	}
	return out
}
