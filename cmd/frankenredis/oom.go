package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"frankenredis/wire/config"
)

// oomScore is what oom-score-adj has made of the process. Once it has touched the score it remembers the one before, which
// relative values count from and which comes back when it is turned off.
type oomScore struct {
	Ours   bool
	Base   int
	Child  bool   // this is a process of the server's
	judged string // the oom-score-adj-values that doubtfulOOM has looked at
}

const (
	oomFile  = "/proc/self/oom_score_adj"
	worstOOM = 1000 // the kernel's range is -1000 to 1000
)

// followOOMScore makes the kernel's score follow oom-score-adj and the first of oom-score-adj-values, on a replica the second; the third is
// for children. The error has Redis's text for CONFIG SET.
func (s *server) followOOMScore() error {
	s.doubtfulOOM()
	mode := s.cfg.Enum("oom-score-adj")
	if mode == "no" && !s.oom.Ours {
		return nil
	}
	score := s.oom.Base
	if mode != "no" {
		if !s.oom.Ours {
			text, err := os.ReadFile(oomFile)
			if err != nil {
				return s.oomFailed("read", err)
			}
			s.oom.Ours = true
			s.oom.Base, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		role := 0
		switch {
		case s.oom.Child:
			role = 2
		case s.replica.host != "":
			role = 1
		}
		score, _ = strconv.Atoi(s.cfg.Strings("oom-score-adj-values")[role])
		if mode != "absolute" {
			score += s.oom.Base
		}
		score = min(max(score, -worstOOM), worstOOM)
	}
	if err := os.WriteFile(oomFile, strconv.AppendInt(nil, int64(score), 10), 0); err != nil {
		return s.oomFailed("write", err)
	}
	s.oom.Ours = mode != "no"
	return nil
}

// doubtfulOOM warns, once for each value of oom-score-adj-values, of scores that fall from primary to replica to child: only a privileged
// process may lower its own.
func (s *server) doubtfulOOM() {
	values := s.cfg.Strings("oom-score-adj-values")
	text := strings.Join(values, " ")
	if text == s.oom.judged || s.oom.Child {
		return
	}
	s.oom.judged = text
	last := math.MinInt
	for _, v := range values {
		n, _ := strconv.Atoi(v)
		if n < last {
			s.logger.Warn("The oom-score-adj-values configuration may not work for non-privileged processes! Please consult the documentation.")
			return
		}
		last = n
	}
}

func (s *server) oomFailed(what string, err error) error {
	s.logger.Warn(fmt.Sprintf("Unable to %s oom_score_adj: %s", what, config.ErrnoText(err)))
	return errors.New("Failed to set current oom_score_adj. Check server logs.")
}

// avoidHugePages is disable-thp: where the kernel backs all memory with huge pages, the process asks it not to. Copying a
// page of the arena would otherwise touch far more than that page.
func (s *server) avoidHugePages() {
	text, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || !strings.Contains(string(text), "[always]") {
		return
	}
	if s.cfg.Bool("disable-thp") && unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) == nil {
		return
	}
	s.logger.Warn("WARNING Transparent Huge Pages (THP) are enabled in this kernel, which costs time and memory while a snapshot is taken. " +
		"To turn them off: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, and restart the server")
}
