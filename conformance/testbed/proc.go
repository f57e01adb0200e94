package testbed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = time.Second / 100

// RSS returns a process's resident memory in bytes, and Peak its highest so far.
func RSS(pid int) (int64, error)  { return statusKB(pid, "VmRSS:") }
func Peak(pid int) (int64, error) { return statusKB(pid, "VmHWM:") }

func statusKB(pid int, field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("testbed: no %s in /proc/%d/status", field, pid)
}

// threadStates returns the state letters of a process's threads: proc_pid_stat(5).
func threadStates(pid int) (string, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return "", err
	}
	states := ""
	for _, name := range files {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // a thread that has ended
			continue
		}
		_, rest, found := strings.Cut(string(b), ") ")
		if err != nil || !found {
			return "", fmt.Errorf("testbed: %s: %q, %v", name, b, err)
		}
		states += rest[:1]
	}
	return states, nil
}

// Unread returns how many bytes of a TCP connection, of which this process has the other end, its peer has not read: those on their way and
// those that wait in its socket. A connection that the peer has closed has none.
func Unread(conn net.Conn) (int, error) {
	local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	unread := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		sending, waiting, _ := strings.Cut(f[4], ":")
		queue := ""
		switch {
		case isAddr(f[1], local) && isAddr(f[2], remote):
			queue = sending
		case isAddr(f[1], remote) && isAddr(f[2], local):
			queue = waiting
		default:
			continue
		}
		n, err := strconv.ParseInt(queue, 16, 64)
		if err != nil {
			return 0, err
		}
		unread += int(n)
	}
	return unread, nil
}

// isAddr says whether /proc/net/tcp has this IPv4 address: bytes in the machine's order, port.
func isAddr(text string, a netip.AddrPort) bool {
	ip := a.Addr().Unmap().As4()
	return text == fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}

// CPU returns the processor time that a process has used, user and system, all threads.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses and may hold anything.
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("testbed: /proc/%d/stat: %q", pid, b)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("testbed: /proc/%d/stat: %q", pid, b)
	}
	return time.Duration(user+system) * clockTick, nil
}
