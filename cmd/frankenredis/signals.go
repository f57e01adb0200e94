package main

import (
	"errors"
	"os"
	"os/signal"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"frankenredis/wire/engine"
)

// watchSignals turns SIGTERM and SIGINT into an orderly shutdown; a SIGINT while one is under way ends the process at once.
// SIGALRM has it show what it is at. SIGHUP, SIGPIPE and SIGUSR1 are ignored; what means a crash leaves a report. The goroutine
// lives as long as the process.
func (s *server) watchSignals() {
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE, unix.SIGUSR1)
	ch := make(chan os.Signal, 4) // sent by the runtime, never closed
	signal.Notify(ch, append(crashSignals, unix.SIGTERM, unix.SIGINT, unix.SIGALRM)...)
	go func() {
		var asked atomic.Bool // by a SIGINT whose shutdown has not failed
		for sig := range ch {
			switch sig {
			case unix.SIGTERM:
				s.sink.signalled("Received SIGTERM scheduling shutdown...")
			case unix.SIGALRM:
				s.reportStacks("Received SIGALRM")
				continue
			case unix.SIGINT:
				if asked.Load() {
					s.sink.signalled("You insist... exiting now.")
					os.Exit(1)
				}
				asked.Store(true)
				s.sink.signalled("Received SIGINT scheduling shutdown...")
			default:
				s.crashed(sig.(unix.Signal))
			}
			s.eng.Interrupt(true) // a debugged script keeps the executor from what is posted
			s.eng.Post(func() {
				if !s.signalled(sig) {
					asked.Store(false)
					s.eng.Interrupt(false)
				}
			})
		}
	}()
}

// signalled runs on the executor, and tells whether the server ends.
func (s *server) signalled(sig os.Signal) bool {
	name := "shutdown-on-sigterm"
	if sig == unix.SIGINT {
		name = "shutdown-on-sigint"
	}
	r := engine.ShutdownRequest{
		Save: s.cfg.Has(name, "save"), NoSave: s.cfg.Has(name, "nosave"), Now: s.cfg.Has(name, "now"), Force: s.cfg.Has(name, "force"),
	}
	if s.eng.Loading() {
		s.logger.Warn("Received shutdown signal during loading, exiting now.")
	}
	err := s.eng.Shutdown(r)
	return err == nil || errors.Is(err, engine.ErrShutdownWaits) // else the log says why it goes on
}
