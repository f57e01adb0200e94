package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"frankenredis/wire/engine"
)

// watchSignals turns SIGTERM and SIGINT into an orderly shutdown; a second SIGINT ends the process at once. SIGHUP and
// SIGPIPE are ignored. The goroutine lives as long as the process.
func (s *server) watchSignals() {
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	ch := make(chan os.Signal, 4) // sent by the runtime, never closed
	signal.Notify(ch, unix.SIGTERM, unix.SIGINT)
	go func() {
		interrupted := false
		for sig := range ch {
			if sig == unix.SIGINT {
				if interrupted {
					s.logger.Warn("You insist... exiting now.")
					os.Exit(1)
				}
				interrupted = true
				s.logger.Warn("Received SIGINT scheduling shutdown...")
			} else {
				s.logger.Warn("Received SIGTERM scheduling shutdown...")
			}
			s.eng.Post(func() { s.signalled(sig) })
		}
	}()
}

// signalled runs on the executor.
func (s *server) signalled(sig os.Signal) {
	name := "shutdown-on-sigterm"
	if sig == unix.SIGINT {
		name = "shutdown-on-sigint"
	}
	r := engine.ShutdownRequest{
		Save: s.cfg.Has(name, "save"), NoSave: s.cfg.Has(name, "nosave"), Now: s.cfg.Has(name, "now"), Force: s.cfg.Has(name, "force"),
	}
	if err := s.eng.Shutdown(r); err != nil {
		s.logger.Warn("SIGTERM received but errors trying to shut down the server, check the logs for more information")
	}
}
