package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
)

// counter is a client that increments a key of its own for as long as it may, connects again whenever it must, and remembers what it was
// told.
type counter struct {
	key         string
	sent, acked atomic.Int64
}

func (k *counter) run(s *testbed.Server, stop *atomic.Bool) {
	for !stop.Load() {
		c, err := s.DialErr()
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for !stop.Load() {
			k.sent.Add(1)
			r, err := c.Do("INCR", k.key)
			if err != nil {
				break
			}
			if r.Err() != nil { // refused: it was not executed
				k.sent.Add(-1)
				time.Sleep(10 * time.Millisecond)
				continue
			}
			k.acked.Store(r.Int)
			time.Sleep(time.Millisecond) // the disk is small
		}
		c.Close()
	}
}

// Whatever befalls the server (no descriptors, no room on the disk, a stop of the whole process, clients cut off), it says so where there is
// something to say, goes on by itself, and loses nothing that it acknowledged, nor after kill -9 in the end. A stop lasts two seconds, with
// FR_LONG=1 a minute.
func TestFaults(t *testing.T) {
	pause := 2 * time.Second
	if long() {
		pause = time.Minute
	}
	mount, dir := smallDisk(t)
	s := testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"}})
	var stop atomic.Bool
	var counters [4]counter
	var running sync.WaitGroup
	for i := range counters {
		counters[i].key = fmt.Sprint("counter", i)
		running.Go(func() { counters[i].run(s, &stop) })
	}
	defer func() {
		stop.Store(true)
		running.Wait()
	}()
	goesOn := func(after string) {
		t.Helper()
		var before [len(counters)]int64
		for i := range counters {
			before[i] = counters[i].acked.Load()
		}
		for i := range counters {
			waitFor(t, "client "+counters[i].key+" after "+after, func() bool { return counters[i].acked.Load() > before[i]+10 })
		}
	}
	goesOn("the start")

	ok(t, s.Signal(syscall.SIGSTOP))
	time.Sleep(pause)
	ok(t, s.Signal(syscall.SIGCONT))
	goesOn("SIGSTOP and SIGCONT")

	for range 20 {
		c := s.Dial(t)
		_, err := c.Do("CLIENT", "KILL", "TYPE", "normal")
		ok(t, err)
		c.Close()
	}
	goesOn("its connection was cut twenty times")

	admin := s.Dial(t)
	waitForClients(t, admin, len(counters)+1) // who is to come must have its descriptor before they are counted, and who goes must be gone
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	ok(t, err)
	var limit unix.Rlimit
	ok(t, unix.Prlimit(s.PID(), unix.RLIMIT_NOFILE, nil, &limit))
	short := unix.Rlimit{Cur: uint64(len(fds)), Max: limit.Max}
	ok(t, unix.Prlimit(s.PID(), unix.RLIMIT_NOFILE, &short, nil))
	var waiting []*testbed.Client
	for range 5 {
		c, err := s.DialErr() // the kernel takes the connection, the server cannot
		ok(t, err)
		defer c.Close()
		ok(t, c.Send("PING"))
		waiting = append(waiting, c)
	}
	waitForText(t, s.LogText, "Accepting client connection: ")
	if _, err := admin.Do("BGREWRITEAOF"); err != nil { // fails, and must not spoil anything
		t.Fatal(err)
	}
	if r := admin.Call(t, "SET", "without", "descriptors"); r.Str != "OK" {
		t.Errorf("a client that was there: %v", r)
	}
	ok(t, unix.Prlimit(s.PID(), unix.RLIMIT_NOFILE, &limit, nil))
	for _, c := range waiting {
		if r, err := c.Receive(); err != nil || r.Str != "PONG" {
			t.Errorf("a client that had to wait for a descriptor: %v, %v", r, err)
		}
	}
	goesOn("a time without descriptors")

	room := filepath.Join(mount, "more ballast")
	f, err := os.Create(room)
	ok(t, err)
	defer f.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	waitFor(t, "the disk to be full", func() bool {
		return infoFields(admin.Call(t, "INFO", "persistence").Str)["aof_last_write_status"] == "err"
	})
	if r, err := admin.Do("BGSAVE"); err != nil || r.Err() != nil {
		t.Logf("BGSAVE on a full disk: %v, %v", r, err)
	}
	ok(t, os.Remove(filepath.Join(mount, "ballast")))
	ok(t, f.Truncate(0))
	goesOn("a full disk")
	if status := infoFields(admin.Call(t, "INFO", "persistence").Str)["aof_last_write_status"]; status != "ok" {
		t.Errorf("aof_last_write_status:%s when the disk has room again", status)
	}
	admin.Call(t, "BGREWRITEAOF")
	waitForRewrite(t, admin)
	goesOn("a rewrite")

	stop.Store(true)
	s.Kill()
	running.Wait()
	ok(t, s.Restart())
	c := s.Dial(t)
	for i := range counters {
		k := &counters[i]
		var got int64
		if _, err := fmt.Sscan(c.Call(t, "GET", k.key).Str, &got); err != nil {
			t.Fatal(err)
		}
		if got < k.acked.Load() || got > k.sent.Load() {
			t.Errorf("%s is %d after kill -9: %d were acknowledged, %d sent", k.key, got, k.acked.Load(), k.sent.Load())
		}
		t.Logf("%s: %d sent, %d acknowledged, %d there", k.key, k.sent.Load(), k.acked.Load(), got)
	}
	if log := s.LogText(); strings.Contains(log, "panic") || strings.Contains(log, "runtime error") {
		t.Error("the log has a panic")
	}
}
