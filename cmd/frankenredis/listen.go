package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"frankenredis/wire"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// listen opens the configured addresses; the log says what could not be opened.
func (s *server) listen() error {
	backlog := int(s.cfg.Int("tcp-backlog"))
	port := int(s.cfg.Int("port"))
	s.listening = listening{s.cfg.Strings("bind"), port}
	if err := s.reactor.ListenTCP(s.listening.bind, port, backlog); err != nil {
		s.logListenError(err)
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

// listening is where the server listens for TCP.
type listening struct {
	bind []string
	port int
}

// relisten follows a change of port or bind at run time: the new addresses are opened before the old ones are closed, so
// that a taken port leaves everything as it was. An error has the given text.
func (s *server) relisten(refusal string) error {
	to := listening{s.cfg.Strings("bind"), int(s.cfg.Int("port"))}
	if to.port == s.listening.port && slices.Equal(to.bind, s.listening.bind) {
		return nil // the other parameter's hook did it, or there is nothing to take back
	}
	if err := s.reactor.ReplaceTCP(to.bind, to.port, int(s.cfg.Int("tcp-backlog"))); err != nil {
		s.logListenError(err)
		return errors.New(refusal)
	}
	s.listening = to
	s.setTitle()
	return nil
}

func (s *server) logListenError(err error) {
	if le := (*wire.ListenError)(nil); errors.As(err, &le) {
		s.logger.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s:%d: bind: %s", le.Addr, le.Port, config.ErrnoText(le.Err)))
	}
}

// infoListeners is a field for each way in, in Redis's order.
func (s *server) infoListeners(w *engine.InfoWriter) {
	n := 0
	show := func(name, where string) {
		w.Field("listener"+strconv.Itoa(n), "name="+name+where)
		n++
	}
	if s.listening.port != 0 {
		where := ""
		for _, addr := range s.listening.bind {
			where += ",bind=" + addr
		}
		show("tcp", where+",port="+strconv.Itoa(s.listening.port))
	}
	if path := s.cfg.String("unixsocket"); path != "" {
		show("unix", ",bind="+path)
	}
}

// warnBacklog says when the system cuts tcp-backlog short.
func (s *server) warnBacklog() {
	const file = "/proc/sys/net/core/somaxconn"
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	want := s.cfg.Int("tcp-backlog")
	if most, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && most > 0 && most < want {
		s.logger.Warn(fmt.Sprintf("WARNING: The TCP backlog setting of %d cannot be enforced because %s is set to the lower value of %d.", want, file, most))
	}
}
