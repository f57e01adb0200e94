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
	var what string
	var began time.Time
	var done, total int64
	const unit = "keys"
	switch j := s.jobs.now; {
	case j != nil:
		what, began, done, total = "Saving a snapshot", j.began, j.keys.Load(), j.total
		if j.kind == rewriteJob {
			what = "Rewriting the append-only file"
		}
	default:
		return
	}
	passed := time.Since(began)
	if done <= 0 || total <= 0 || passed < time.Second {
		return
	}
	done = min(done, total)
	rate := float64(done) / passed.Seconds()
	text := fmt.Sprintf("%s: %d%% of %d %s, %.0f %s a second, about %d seconds left", what, 100*done/total, total, unit, rate, unit, int64(float64(total-done)/rate))
	s.tellPeople(text, passed)
}

// tellPeople tells systemd, and now and then the log.
func (s *server) tellPeople(text string, passed time.Duration) {
	s.notify("STATUS=" + text + "\n")
	if ticks := int64(passed / time.Second); ticks%int64(progressEvery/time.Second) == 0 {
		s.logger.Info(text)
	}
}
