package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/config"
)

// supervision is the service manager that started the process: "no", "upstart" or "systemd".
type supervision string

// supervisor finds out who supervises the process. It asks the environment, where auto finds the manager and where upstart must have left
// its mark to be believed; systemd must take the news that the server is loading. When it is not whom the configuration wants, complaint says why.
func supervisor(cfg *config.Store) (manager supervision, complaint string) {
	_, systemd := os.LookupEnv("NOTIFY_SOCKET")
	switch mode := cfg.Enum("supervised"); {
	case os.Getenv("UPSTART_JOB") != "" && (mode == "upstart" || mode == "auto"):
		return "upstart", ""
	case systemd && (mode == "systemd" || mode == "auto"):
		if err := tellSystemd("STATUS=Redis is loading...\n"); err != nil {
			return "no", systemdError(err)
		}
		return "systemd", ""
	case mode == "upstart":
		return "no", "upstart supervision requested, but UPSTART_JOB not found!"
	case mode == "systemd":
		return "no", "systemd supervision error: NOTIFY_SOCKET not found!"
	}
	return "no", ""
}

// reportTo takes note of the service manager. Upstart waits for the process to stop itself as a sign of readiness.
func (s *server) reportTo(manager supervision, complaint string) {
	s.watched = manager
	switch {
	case manager == "upstart":
		s.logger.Info("supervised by upstart, will stop to signal readiness.")
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		os.Unsetenv("UPSTART_JOB")
	case manager == "systemd":
		s.logger.Info("Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
	case complaint != "":
		s.logger.Warn(complaint)
	}
}

// notify sends lines (READY=1, STATUS=..., STOPPING=1) to systemd; to nobody when it does not supervise. A manager that does
// not listen is no reason to stop serving.
func (s *server) notify(lines string) {
	if s.watched != "systemd" {
		return
	}
	if err := tellSystemd(lines); err != nil {
		s.logger.Warn(systemdError(err))
	}
}

// notifyPatience bounds the wait for a manager that does not read.
const notifyPatience = 10 * time.Millisecond

// tellSystemd sends lines to the socket that the environment names, which is an absolute path or, behind an @, an abstract name.
func tellSystemd(lines string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	switch {
	case strings.HasPrefix(name, "@"):
		name = "\x00" + name[1:]
	case !strings.HasPrefix(name, "/"):
		return unix.EINVAL
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(notifyPatience))
	_, err = conn.Write([]byte(lines))
	return err
}

// systemdError words a failed notification as Redis does: by the number of the system's error, or what there is instead.
func systemdError(err error) string {
	if number := unix.Errno(0); errors.As(err, &number) {
		return fmt.Sprintf("systemd supervision error: sd_notify: %d", -int(number))
	}
	return "systemd supervision error: sd_notify: " + err.Error()
}
