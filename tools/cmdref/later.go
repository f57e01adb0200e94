package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// level is the version whose surface the reference holds.
const level = "7.2.4"

// later lists what servers at hand have beyond the level. Everything in it is left out; something newer that is not in it
// fails the capture, so that nobody's novelty gets in, or goes, unseen.
var later = []string{
	// redict 7.3.6
	"argument client|kill maxage",
	"change of client|kill in 8.0.0",
	"parameter aof-rewrite-cpulist", // new spellings of aof_rewrite_cpulist and kin, which stay
	"parameter bgsave-cpulist",
	"parameter bio-cpulist",
	"parameter server-cpulist",
	"parameter max-new-connections-per-cycle",
	"parameter max-new-tls-connections-per-cycle",
}

// sieve keeps what is newer than the level out.
type sieve struct {
	dropped []string
	unknown []string
}

// drop tells whether a thing stays out. since is the version it names itself, "" when it names none.
func (s *sieve) drop(what, since string) bool {
	listed := slices.Contains(later, what)
	if !listed && (since == "" || !newer(since, level)) {
		return false
	}
	s.dropped = append(s.dropped, what)
	if !listed {
		s.unknown = append(s.unknown, what+" (since "+since+")")
	}
	return true
}

func (s *sieve) err() error {
	if len(s.unknown) > 0 {
		slices.Sort(s.unknown)
		return fmt.Errorf("newer than %s and not listed in later.go: %s", level, strings.Join(s.unknown, ", "))
	}
	return nil
}

// newer compares versions number by number.
func newer(a, b string) bool { return slices.Compare(numbers(a), numbers(b)) > 0 }

func numbers(version string) []int {
	var out []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = -1 // not a version: older than any
		}
		out = append(out, n)
	}
	return out
}
