package main

import (
	"errors"
	"fmt"
	"strconv"

	"frankenredis/wire"
)

// listen opens the configured addresses; the log says what could not be opened.
func (s *server) listen() error {
	backlog := int(s.cfg.Int("tcp-backlog"))
	port := int(s.cfg.Int("port"))
	if err := s.reactor.ListenTCP(s.cfg.Strings("bind"), port, backlog); err != nil {
		var le *wire.ListenError
		if errors.As(err, &le) {
			s.logger.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s:%d: bind: %v", le.Addr, le.Port, le.Err))
		}
		s.logger.Warn("Failed listening on port " + strconv.Itoa(port) + " (tcp), aborting.")
		return err
	}
	if path := s.cfg.String("unixsocket"); path != "" {
		if err := s.reactor.ListenUnix(path, uint32(s.cfg.Int("unixsocketperm")), backlog); err != nil {
			s.logger.Warn("Failed opening Unix socket: " + err.Error())
			return err
		}
	}
	if port == 0 && s.cfg.String("unixsocket") == "" {
		err := errors.New("configured to not listen anywhere, exiting")
		s.logger.Warn("Configured to not listen anywhere, exiting.")
		return err
	}
	return nil
}

// relisten follows a change of port or bind at run time: the new addresses are opened before the old ones are closed, so
// that a taken port leaves everything as it was.
func (s *server) relisten() error {
	err := s.reactor.ReplaceTCP(s.cfg.Strings("bind"), int(s.cfg.Int("port")), int(s.cfg.Int("tcp-backlog")))
	if err != nil {
		return errors.New("Unable to listen on this port. Check server logs.")
	}
	return nil
}
