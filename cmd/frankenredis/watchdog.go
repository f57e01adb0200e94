package main

import (
	"runtime"
	"time"
)

// watchdog reports an executor that does not come around within watchdog-period, with what all goroutines are at. Executor only.
type watchdog struct {
	quit chan struct{} // closed to end the goroutine; nil: there is none
}

// followWatchdog follows a change of watchdog-period.
func (s *server) followWatchdog() error {
	if w := &s.watchdog; w.quit != nil {
		close(w.quit)
		w.quit = nil
	}
	if period := time.Duration(s.cfg.Int("watchdog-period")) * time.Millisecond; period > 0 {
		s.watchdog.quit = make(chan struct{})
		go s.watch(period, s.watchdog.quit)
	}
	return nil
}

// watch asks the executor for a sign of life once a period, until quit is closed. Each silence is reported once.
func (s *server) watch(period time.Duration, quit <-chan struct{}) {
	alive := make(chan struct{}, 1)
	for {
		s.eng.Post(func() { alive <- struct{}{} })
		timer := time.NewTimer(period)
		select {
		case <-quit:
			timer.Stop()
			return
		case <-alive:
		case <-timer.C:
			s.reportStall()
			select {
			case <-quit:
				return
			case <-alive:
			}
		}
		select {
		case <-quit:
			timer.Stop()
			return
		case <-time.After(period / 2):
		}
	}
}

func (s *server) reportStall() { s.reportStacks("--- WATCHDOG TIMER EXPIRED ---") }

// reportStacks writes to the log what all goroutines are at. Any goroutine.
func (s *server) reportStacks(why string) {
	const most = 256 << 10
	stacks := make([]byte, most)
	stacks = stacks[:runtime.Stack(stacks, true)]
	s.logger.Warn(why)
	s.sink.write(append(stacks, '\n'))
	s.logger.Warn("--------")
}
