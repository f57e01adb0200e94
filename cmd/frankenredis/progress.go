package main

import (
	"fmt"
	"time"
)

// Long work says how far it is: INFO always, systemd each second, the log each progressEvery.
const progressEvery = 10 * time.Second

// tellProgress is called once a second.
func (s *server) tellProgress() {
	if s.eng.Loading() {
		s.tellLoading()
		return
	}
	j := s.jobs.now
	if j == nil {
		return
	}
	what, done, passed := "Saving a snapshot", j.keys.Load(), time.Since(j.began)
	if j.kind == rewriteJob {
		what = "Rewriting the append-only file"
	}
	if done <= 0 || j.total <= 0 || passed < time.Second {
		return
	}
	done = min(done, j.total)
	rate := float64(done) / passed.Seconds()
	s.tellPeople(fmt.Sprintf("%s: %d%% of %d keys, %.0f keys a second, about %d seconds left",
		what, 100*done/j.total, j.total, rate, int64(float64(j.total-done)/rate)), passed)
}

// tellPeople tells systemd, and now and then the log.
func (s *server) tellPeople(text string, passed time.Duration) {
	s.notify("STATUS=" + text + "\n")
	if ticks := int64(passed / time.Second); ticks%int64(progressEvery/time.Second) == 0 {
		s.logger.Info(text)
	}
}
