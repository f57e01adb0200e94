package conformance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// A server that stands still for longer than watchdog-period says so, with what it was at; one that does not says nothing.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes"}})
	c := s.Dial(t)
	reports := func() int { return strings.Count(s.LogText(), "--- WATCHDOG TIMER EXPIRED ---") }
	c.Call(t, "CONFIG", "SET", "watchdog-period", "300")
	waitFor(t, "half a second in which the server answers", func() bool { // on a machine that stands still it does not
		before, longest := reports(), time.Duration(0)
		for range 100 {
			began := time.Now()
			c.Call(t, "PING")
			time.Sleep(5 * time.Millisecond)
			longest = max(longest, time.Since(began))
		}
		barked := reports() > before
		if barked && longest < 200*time.Millisecond {
			t.Fatal("the watchdog barks at a server that answers")
		}
		return !barked
	})
	before := reports()
	c.Call(t, "DEBUG", "SLEEP", "1.5")
	waitFor(t, "a report", func() bool { return reports() == before+1 })
	waitForText(t, s.LogText, "goroutine ")
	ok(t, syscall.Kill(s.PID(), syscall.SIGALRM))
	waitForText(t, s.LogText, "Received SIGALRM")
	c.Call(t, "CONFIG", "SET", "watchdog-period", "0")
	c.Call(t, "DEBUG", "SLEEP", "1.5")
	if n := reports(); n != before+1 {
		t.Errorf("%d reports, want 1", n-before)
	}
}

// The thread that serves runs where server_cpulist says, and a list that means nothing is no reason not to start.
func TestCPUList(t *testing.T) {
	for list, want := range map[string]string{"0": "\nCpus_allowed_list:\t0\n", "nonsense": ""} {
		s := testbed.Start(t, testbed.Options{Args: []string{"--server_cpulist", list}})
		status := readFile(t, fmt.Sprintf("/proc/%d/task/%d/status", s.PID(), s.PID()))
		if !strings.Contains(status, want) {
			t.Errorf("server_cpulist %s: no %q in\n%s", list, want, status)
		}
		if told := strings.Contains(s.LogText(), "server_cpulist"); told != (want == "") {
			t.Errorf("server_cpulist %s: said so: %v", list, told)
		}
		stop(t, s)
	}
}

// The threads that write and sync the log and its ring run where bio_cpulist says, and no other does.
func TestLogCPUList(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--bio_cpulist", "0", "--appendonly", "yes"}})
	s.Dial(t).Call(t, "SET", "k", "v")
	pinned, all := 0, 0
	look := func() bool { // the threads begin when they are scheduled
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.PID()))
		ok(t, err)
		pinned, all = 0, len(tasks)
		for _, task := range tasks {
			status, err := os.ReadFile(task) // a thread may have ended meanwhile
			if err == nil && strings.Contains(string(status), "\nCpus_allowed_list:\t0\n") {
				pinned++
			}
		}
		if runtime.NumCPU() == 1 { // where all the others are, too
			return pinned == all
		}
		return pinned == 3
	}
	if !eventually(look) {
		t.Errorf("%d of %d threads are pinned, want 3", pinned, all)
	}
}

// A replica comes from bind-source-addr, or from anywhere if there is no such address.
func TestBindSource(t *testing.T) {
	for _, c := range [][2]string{{"127.0.0.9", "ip=127.0.0.9,"}, {"192.0.2.1", "ip=127.0.0.1,"}} {
		primary := testbed.Start(t, testbed.Options{Args: []string{"--repl-diskless-sync-delay", "0"}})
		replica := testbed.Start(t, testbed.Options{Args: []string{"--bind-source-addr", c[0], "--replicaof", "127.0.0.1 " + strconv.Itoa(primary.Port)}})
		r, p := replica.Dial(t), primary.Dial(t)
		waitFor(t, "the link to be up", func() bool { return infoFields(r.Call(t, "INFO", "replication").Str)["master_link_status"] == "up" })
		if got := infoFields(p.Call(t, "INFO", "replication").Str)["slave0"]; !strings.HasPrefix(got, c[1]) {
			t.Errorf("from %s: %s", c[0], got)
		}
	}
}

// Loading and saving tell systemd how far they are.
func TestProgress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(testbed.TempDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ok(t, err)
	defer conn.Close()
	hears := func(want string) {
		t.Helper()
		ok(t, conn.SetReadDeadline(time.Now().Add(patience)))
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("no %q: %v", want, err)
			}
			if strings.Contains(string(b[:n]), want) {
				return
			}
		}
	}
	s := testbed.Start(t, testbed.Options{Env: []string{"NOTIFY_SOCKET=" + path}, Args: []string{"--supervised", "systemd", "--enable-debug-command", "yes",
		"--rdb-key-save-delay", "1000", "--rdbcompression", "no"}}) // four seconds: the first line comes after one
	c := s.Dial(t)
	c.Call(t, "DEBUG", "POPULATE", "4000", "key", "5000")
	c.Call(t, "BGSAVE")
	hears("STATUS=Saving a snapshot: ")
	hears("STATUS=Ready to accept connections\n")
	c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "0")
	c.Call(t, "SAVE")
	s.Kill()
	s.SetArgs("--supervised", "systemd", "--key-load-delay", "600")
	ok(t, s.RestartNoWait())
	hears("STATUS=Loading ")
}
