package conformance

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
)

// confine is this program run as FR_CONFINE=yes test-binary program arguments: it becomes the program under what Debian's unit file of
// redis-server forbids (SystemCallFilter=~ @privileged @resources, MemoryDenyWriteExecute): a forbidden call ends the process with SIGSYS.
func confine(argv []string) int {
	forbidden := []uint32{
		unix.SYS_IOPRIO_SET, unix.SYS_MBIND, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETATTR,
		unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SET_MEMPOLICY, unix.SYS_SETPRIORITY, unix.SYS_SETRLIMIT,
		unix.SYS_CHOWN, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_LCHOWN, unix.SYS_SETUID, unix.SYS_SETREUID, unix.SYS_SETRESUID, unix.SYS_SETGROUPS,
		unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SETTIMEOFDAY, unix.SYS_ACCT, unix.SYS_BPF, unix.SYS_CAPSET, unix.SYS_CHROOT,
		unix.SYS_FANOTIFY_INIT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PIVOT_ROOT, unix.SYS_QUOTACTL, unix.SYS_VHANGUP, unix.SYS_REBOOT, unix.SYS_SWAPON,
		unix.SYS_SWAPOFF, unix.SYS_PTRACE, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PERF_EVENT_OPEN, unix.SYS_INIT_MODULE, unix.SYS_KEXEC_LOAD,
		unix.SYS_IO_URING_SETUP, unix.SYS_UNSHARE,
	}
	const (
		load, equal, anyBit, give, and, equalAcc = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
			unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K, unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		number, thirdArgument     = 0, 16 + 2*8 // of struct seccomp_data
		writable, executable      = unix.PROT_WRITE, unix.PROT_EXEC
		killed, refused, harmless = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), unix.SECCOMP_RET_ALLOW
	)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_MMAP, Jf: 4}, // else go on behind the next return
		{Code: load, K: thirdArgument},
		{Code: and, K: writable | executable},
		{Code: equalAcc, K: writable | executable, Jf: 1},
		{Code: give, K: refused},
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_MPROTECT, Jf: 3},
		{Code: load, K: thirdArgument},
		{Code: anyBit, K: executable, Jf: 1},
		{Code: give, K: refused},
		{Code: load, K: number},
	}
	for _, n := range forbidden {
		filter = append(filter, unix.SockFilter{Code: equal, K: n, Jf: 1}, unix.SockFilter{Code: give, K: killed})
	}
	filter = append(filter, unix.SockFilter{Code: give, K: harmless})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the filter is the thread's that becomes the program
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	if err == nil {
		os.Unsetenv("FR_CONFINE")
		err = syscall.Exec(argv[0], argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "confine:", err)
	return 1
}

// A server does all its work, and survives it, under the restrictions of Debian's unit file.
func TestConfined(t *testing.T) {
	self, err := os.Executable()
	ok(t, err)
	s := testbed.Start(t, testbed.Options{
		Wrap: []string{"/usr/bin/env", "FR_CONFINE=yes", self}, Args: []string{"--appendonly", "yes", "--enable-debug-command", "yes"},
	})
	if !strings.Contains(readFile(t, fmt.Sprintf("/proc/%d/status", s.PID())), "Seccomp:\t2") {
		t.Fatal("the server is not confined")
	}
	c := s.Dial(t)
	c.Call(t, "DEBUG", "POPULATE", "20000", "key", "100")
	c.Call(t, "EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "k")
	c.Call(t, "BGREWRITEAOF")
	waitForRewrite(t, c)
	c.Call(t, "BGSAVE")
	waitFor(t, "the save is over", func() bool { return infoInt(t, c, "persistence", "rdb_bgsave_in_progress") == 0 })
	c.Call(t, "SAVE")
	c.Call(t, "DEBUG", "RELOAD")
	c.Call(t, "FLUSHALL", "ASYNC")
	c.Call(t, "CONFIG", "SET", "maxclients", "9000")
	c.Call(t, "CONFIG", "SET", "oom-score-adj", "relative")
	stop(t, s)
	ok(t, s.Restart())
	stop(t, s)
}
