package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"frankenredis/wire"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// unixPathRoom is how many bytes the kernel has for the path of a unix socket, with the byte that ends it.
const unixPathRoom = len(unix.RawSockaddrUnix{}.Path)

// listen opens the configured addresses; the log says what could not be opened.
func (s *server) listen() error {
	if err := s.startTLS(); err != nil {
		s.logger.Warn("Failed to configure TLS. Check logs for more info.")
		return err
	}
	backlog := int(s.cfg.Int("tcp-backlog"))
	s.listening.bind = s.cfg.Strings("bind")
	s.reactor.OnSkip(func(le *wire.ListenError) { s.logListenError(le) })
	open := func(kind wire.Kind) error {
		port := s.port(kind)
		if err := s.reactor.Listen(kind, s.listening.bind, port, backlog); err != nil {
			s.logListenError(err)
			s.logger.Warn("Failed listening on port " + strconv.Itoa(port) + " (" + kind.String() + "), aborting.")
			return err
		}
		s.listening.port[kind] = port
		return nil
	}
	if err := open(wire.TCP); err != nil {
		return err
	}
	path := s.cfg.String("unixsocket")
	if path != "" {
		if err := s.reactor.ListenUnix(path, uint32(s.cfg.Int("unixsocketperm")), backlog); err != nil {
			cause := "bind: " + config.ErrnoText(err)
			if len(path) >= unixPathRoom {
				cause = fmt.Sprintf("unix socket path too long (%d), must be under %d", len(path), unixPathRoom)
			}
			s.logger.Warn("Failed opening Unix socket: " + cause)
			return err
		}
	}
	if err := open(wire.TLS); err != nil {
		return err
	}
	if !s.reactor.Listening() {
		err := errors.New("configured to not listen anywhere, exiting")
		s.logger.Warn("Configured to not listen anywhere, exiting.")
		return err
	}
	return nil
}

// port is the configured port of a way in, 0: none.
func (s *server) port(kind wire.Kind) int {
	if kind == wire.TLS {
		return int(s.cfg.Int("tls-port"))
	}
	return int(s.cfg.Int("port"))
}

// listening is where the server listens for TCP and TLS.
type listening struct {
	bind []string
	port [wire.Kinds]int
}

// relisten follows a change of a port, or of bind, at run time: the new addresses are opened before the old ones are closed, so
// that a taken port leaves everything as it was. An error has the given text.
func (s *server) relisten(refusal string, which ...wire.Kind) error {
	bind := s.cfg.Strings("bind")
	for _, kind := range which {
		port := s.port(kind)
		if port == s.listening.port[kind] && slices.Equal(bind, s.listening.bind) {
			continue // there is nothing to take back
		}
		if err := s.reactor.Relisten(kind, bind, port, int(s.cfg.Int("tcp-backlog"))); err != nil {
			s.logListenError(err)
			return errors.New(refusal)
		}
		s.listening.port[kind] = port
		if s.cluster != nil {
			s.announceNode()
			if err := s.saveCluster(); err != nil {
				return err
			}
		}
	}
	if len(which) > 1 {
		s.listening.bind = bind
	}
	s.setTitle()
	return nil
}

func (s *server) logListenError(err error) {
	if le := (*wire.ListenError)(nil); errors.As(err, &le) {
		cause := "bind: " + config.ErrnoText(le.Err)
		if errors.Is(le.Err, wire.ErrUnknownHost) {
			cause = "Name or service not known"
		}
		s.logger.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s:%d: %s", le.Addr, le.Port, cause))
	}
}

// infoListeners is a field for each way in, numbered by its kind.
func (s *server) infoListeners(w *engine.InfoWriter) {
	for kind := wire.TCP; kind < wire.Kinds; kind++ {
		where := ""
		switch path := s.cfg.String("unixsocket"); {
		case kind == wire.Unix && path != "":
			where = ",bind=" + path
		case s.listening.port[kind] != 0:
			for _, addr := range s.listening.bind {
				where += ",bind=" + addr
			}
			where += ",port=" + strconv.Itoa(s.listening.port[kind])
		default:
			continue
		}
		w.Field("listener"+strconv.Itoa(int(kind)), "name="+kind.String()+where)
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
