package conformance

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// doneSync is a line of strace's that tells of the end of a sync.
var doneSync = regexp.MustCompile(`(?m)^.*\bf(data)?sync.*\) += 0.*$`)

// calm keeps the Go runtime from sending signals to threads: strace does not bear one while it delays a call.
var calm = []string{"GODEBUG=asyncpreemptoff=1"}

// A device that takes 50 ms or more for each sync delays replies only: while a sync is under way the executor goes on to read requests, and under
// everysec to answer them; under always nothing is told before the sync that covers it has ended (I1, I2).
//
// A stock server syncs on its one thread under always, and under everysec answers before it has written.
func TestSlowDevice(t *testing.T) {
	stock := isStock(t, testbed.Subject(t))
	ways := stormWays(t)
	delete(ways, "no") // syncs nothing meanwhile
	if stock {
		ways = map[string][]string{"everysec": {"--appendfsync", "everysec"}}
	}
	for name, args := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			always := name == "ring" || name == "direct"
			delay := "50000"
			if !always {
				delay = "100000" // there are fewer
			}
			trace := filepath.Join(t.TempDir(), "trace")
			s := testbed.Start(t, testbed.Options{Env: calm, Args: append([]string{"--appendonly", "yes"}, args...),
				Wrap: []string{testbed.Peer(t, "strace"), "-D", "-f", "-y", "-s", "200000", "-o", trace,
					"-e", "trace=read,recvfrom,write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync,io_submit,io_getevents",
					"-e", "inject=fsync,fdatasync:delay_enter=" + delay}})
			stop := feed(t, s)
			effects := runTraced(t, s, 24)
			if syncs := func() int { return len(doneSync.FindAllString(readFile(t, trace), -1)) }; !always {
				before := syncs()
				waitFor(t, "two syncs", func() bool {
					time.Sleep(100 * time.Millisecond)
					return syncs() >= before+2
				})
			}
			stop()
			if code, err := s.Stop(); err != nil || code != 0 {
				t.Fatalf("stop: exit status %d, %v", code, err)
			}
			calls := readTrace(t, trace)
			told := slices.DeleteFunc(slices.Clone(calls), func(c call) bool { return c.isRead() })
			for _, e := range effects {
				if err := checkOrder(told, s.Dir, e, always); err != nil && !stock {
					t.Errorf("%+v: %v", e, err)
				}
			}
			syncs, reads, sends := duringSyncs(calls, s.Dir)
			t.Logf("during %d syncs: %d reads from clients, %d writes to clients", syncs, reads, sends)
			if syncs == 0 || reads < 20 || !always && sends < 20 {
				t.Errorf("during %d syncs the executor read from clients %d times and wrote to them %d times", syncs, reads, sends)
			}
		})
	}
}

// feed sends a request each millisecond from a client that does not wait for replies, until it is stopped.
func feed(t *testing.T, s *testbed.Server) (stop func()) {
	c := s.Dial(t)
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-quit:
				c.Close()
				return
			case <-time.After(time.Millisecond):
				_ = c.SendRaw(testbed.AppendCommand(nil, "GET", "nothing"))
			}
		}
	})
	wg.Go(func() {
		for {
			if _, err := c.Receive(); err != nil {
				return
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

func (c call) isRead() bool { return c.name == "read" || c.name == "recvfrom" }

// duringSyncs counts the syncs of files under dir, and what happened on sockets while one was under way.
func duringSyncs(calls []call, dir string) (syncs, reads, sends int) {
	var windows []call
	for _, c := range calls {
		if (c.name == "fsync" || c.name == "fdatasync") && strings.HasPrefix(c.fd, dir) && c.ok {
			windows = append(windows, c)
		}
	}
	for _, c := range calls {
		if !isSocket(c.fd) || !c.ok {
			continue
		}
		for _, w := range windows {
			if w.begin < c.begin && c.end < w.end {
				if c.isRead() {
					reads++
				} else {
					sends++
				}
				break
			}
		}
	}
	return len(windows), reads, sends
}

// Under always the executor's own thread commits while commits are fast. Where one of them is not, another thread goes on as the executor, and
// nothing is told before its sync, nor lost.
func TestSlowCommits(t *testing.T) {
	stock := isStock(t, testbed.Subject(t)) // it has one thread for all of that
	trace := filepath.Join(t.TempDir(), "trace")
	s := testbed.Start(t, testbed.Options{Env: calm, Args: []string{"--appendonly", "yes", "--appendfsync", "always", "--save", ""},
		Wrap: []string{testbed.Peer(t, "strace"), "-D", "-f", "--seccomp-bpf", "-o", trace, "-e", "trace=fdatasync",
			"-e", "inject=fdatasync:delay_enter=50000:when=50+25"}})
	c, other := s.Dial(t), s.Dial(t)
	sets := 0
	waitFor(t, "the executor's other thread", func() bool {
		for range 200 {
			sets++
			if r := c.Call(t, "SET", "key:"+strconv.Itoa(sets), "v"); r.Str != "OK" {
				t.Fatal(r)
			}
		}
		return stock || infoInt(t, other, "everything", "fr_executor_reliefs") > 2
	})
	if stock {
		// no such fields
	} else if n := infoInt(t, other, "everything", "fr_log_ring_commits_inline"); n == 0 {
		t.Error("the executor's thread made no commit")
	}
	s.Kill()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if r := s.Dial(t).Call(t, "DBSIZE"); r.Int != int64(sets) {
		t.Errorf("%d keys of %d", r.Int, sets)
	}
}
