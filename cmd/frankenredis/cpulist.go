package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cpuSet reads a list of processors as Redis does: numbers and ranges with commas between, a range with a step behind a colon
// (0-7:2,8). ok is false for what is no such list.
func cpuSet(list string) (set unix.CPUSet, ok bool) {
	const most = 1024 // bits in a set
	for part := range strings.SplitSeq(list, ",") {
		span, stepText, stepped := strings.Cut(part, ":")
		fromText, toText, ranged := strings.Cut(span, "-")
		from, err := strconv.Atoi(strings.TrimSpace(fromText))
		to, step := from, 1
		if err == nil && ranged {
			to, err = strconv.Atoi(strings.TrimSpace(toText))
		}
		if err == nil && stepped {
			step, err = strconv.Atoi(strings.TrimSpace(stepText))
		}
		if err != nil || from < 0 || to < from || to >= most || step < 1 {
			return unix.CPUSet{}, false
		}
		for cpu := from; cpu <= to; cpu += step {
			set.Set(cpu)
		}
	}
	return set, true
}

// pin keeps the calling goroutine's thread, which it must be locked to, on the processors of a parameter (server_cpulist, ...). What cannot
// be had is logged: the server works anywhere. Any goroutine.
func (s *server) pin(parameter, list string) {
	if list == "" {
		return
	}
	set, ok := cpuSet(list)
	err := error(unix.EINVAL)
	if ok {
		err = unix.SchedSetaffinity(0, &set)
	}
	if err != nil {
		s.logger.Warn(fmt.Sprintf("%s %q is not followed: %v", parameter, list, err))
	}
}
