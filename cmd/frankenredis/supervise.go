package main

import (
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/config"
)

// supervision is the service manager that started the process: "no", "upstart" or "systemd".
type supervision string

// supervisor finds out who supervises the process. It asks the environment, where auto finds the manager, and where upstart
// must have left its mark to be believed.
func supervisor(cfg *config.Store) supervision {
	upstart, systemd := os.Getenv("UPSTART_JOB") != "", os.Getenv("NOTIFY_SOCKET") != ""
	switch mode := cfg.Enum("supervised"); {
	case upstart && (mode == "upstart" || mode == "auto"):
		return "upstart"
	case systemd && (mode == "systemd" || mode == "auto"):
		return "systemd"
	}
	return "no"
}

// reportTo begins to talk to the service manager. Upstart waits for the process to stop itself as a sign of readiness.
func (s *server) reportTo(manager supervision) {
	s.watched = manager
	switch mode := s.cfg.Enum("supervised"); {
	case manager == "upstart":
		s.logger.Info("supervised by upstart, will stop to signal readiness.")
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		os.Unsetenv("UPSTART_JOB")
	case manager == "systemd":
		s.logger.Info("Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
		s.notify("STATUS=Redis is loading...\n")
	case mode == "upstart":
		s.logger.Info("upstart supervision requested, but UPSTART_JOB not found")
	case mode == "systemd":
		s.logger.Warn("systemd supervision error: NOTIFY_SOCKET not found!")
	}
}

// notifyPatience bounds the wait for a manager that does not read.
const notifyPatience = 10 * time.Millisecond

// notify sends lines (READY=1, STATUS=..., STOPPING=1) to systemd; to nobody when it does not supervise. A manager that does
// not listen is no reason to stop serving.
func (s *server) notify(lines string) {
	if s.watched != "systemd" {
		return
	}
	name := os.Getenv("NOTIFY_SOCKET")
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:] // the abstract name space
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		s.logger.Warn("Can't connect to systemd: " + err.Error())
		return
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(notifyPatience))
	if _, err := conn.Write([]byte(lines)); err != nil {
		s.logger.Warn("Can't send notification to systemd: " + err.Error())
	}
}
