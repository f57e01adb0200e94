package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"frankenredis/wire/engine"
)

// Our own version; clients choose features by engine.RedisVersion.
const version = "0.1.0"

// reservedDescriptors are kept back from clients for files, listeners and the like (Redis: CONFIG_MIN_RESERVED_FDS).
const reservedDescriptors = 32

// fitDescriptors raises the limit of open files so that maxclients fit, and returns the maxclients that do, 0 if not even one does. With the
// limit that is left and the reason, when it cannot be raised so far.
func fitDescriptors(maxClients int) (fit int, limit uint64, err error) {
	want := uint64(maxClients + reservedDescriptors)
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return maxClients, 0, fmt.Errorf("getrlimit: %w", err)
	}
	if lim.Cur >= want {
		return maxClients, lim.Cur, nil
	}
	try := unix.Rlimit{Cur: want, Max: max(lim.Max, want)}
	refused := unix.Setrlimit(unix.RLIMIT_NOFILE, &try)
	if refused == nil {
		return maxClients, want, nil
	}
	limit = lim.Cur
	try = unix.Rlimit{Cur: lim.Max, Max: lim.Max}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &try) == nil {
		limit = lim.Max
	}
	return max(0, int(min(want, limit))-reservedDescriptors), limit, refused
}

// daemonEnv marks the process that a daemonizing start has left behind.
const daemonEnv = "FRANKENREDIS_DAEMON"

// isDaemon says whether this is the process in the background, before daemonize has been called there.
func isDaemon() bool { return os.Getenv(daemonEnv) != "" }

// daemonize starts the server once more in a session of its own, without a terminal, and returns true in the process
// that shall end. stdin is what "-" read, for the child to read again.
func daemonize(stdin []byte, dir string) (parent bool, err error) {
	if isDaemon() {
		os.Unsetenv(daemonEnv)
		return false, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return false, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer null.Close()
	in, out := null, (*os.File)(nil)
	if stdin != nil {
		if in, out, err = os.Pipe(); err != nil {
			return false, err
		}
	}
	p, err := os.StartProcess(exe, os.Args, &os.ProcAttr{
		Dir:   dir,
		Env:   append(os.Environ(), daemonEnv+"=1"),
		Files: []*os.File{in, null, null},
		Sys:   &unix.SysProcAttr{Setsid: true},
	})
	if err == nil && out != nil {
		// The child reads it all before it does anything else, and this process must not end before. It has the only other
		// descriptor of the reading end: if it dies, the write fails.
		in.Close()
		if _, err = out.Write(stdin); err == nil {
			err = out.Close()
		}
	}
	if err != nil {
		return false, err
	}
	return true, p.Release()
}

// writePidFile writes the process id; a failure is worth a log line, not the start.
func writePidFile(path string) error {
	return os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o666)
}

// versionLine is what --version prints, in redis-server's form.
func versionLine() string {
	return fmt.Sprintf("Redis server v=%s sha=00000000:0 malloc=arena bits=64 build=%s", engine.RedisVersion, buildID())
}

// buildID is 16 hexadecimal digits that tell builds apart: a hash of what the Go tool recorded of this one.
func buildID() string {
	h := fnv.New64a()
	h.Write([]byte(version))
	if info, ok := debug.ReadBuildInfo(); ok {
		h.Write([]byte(info.String()))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
