package conformance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Clients that connect, misbehave, block, subscribe and vanish leave nothing behind: no descriptor, no goroutine, no memory of
// theirs; and who behaves is served as quickly at the end as at the beginning. Two minutes, with FR_LONG=1 thirty.
func TestSoak(t *testing.T) {
	t.Parallel()
	length := 2 * time.Minute
	switch {
	case long():
		length = 30 * time.Minute
	case testing.Short():
		length = 10 * time.Second
	}
	const seed = 1
	t.Logf("seed %d, %v", seed, length)
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "everysec", "--timeout", "0",
		"--client-output-buffer-limit", "normal", "32mb", "0", "0", "--activedefrag", "yes", "--active-defrag-ignore-bytes", "64kb"}})
	c := s.Dial(t)

	soak(t, s, c, seed, length/4) // what a server keeps ready once it was busy is no leak
	before := footprintOf(t, s, c)
	pings := startTimedPings(t, s)
	soak(t, s, c, seed+1, length*3/4)
	took := pings()
	after := footprintOf(t, s, c)
	for range 20 { // what is on its way out goes in time, a leak does not
		if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines {
			break
		}
		after = footprintOf(t, s, c)
	}
	t.Logf("before %+v, after %+v, %d pings", before, after, len(took))

	if after.descriptors > before.descriptors {
		t.Errorf("%d descriptors are open, %d were before: %s", after.descriptors, before.descriptors, openFiles(s))
	}
	if after.goroutines > before.goroutines {
		t.Errorf("%d goroutines, %d before", after.goroutines, before.goroutines)
	}
	if after.used > before.used+256<<10 {
		t.Errorf("used_memory %d, %d before", after.used, before.used)
	}
	// The ballast of scripts (18 MB) may come after the first look, and so may buffers in the pool.
	if after.resident > before.resident+before.resident/4+48<<20 {
		t.Errorf("%d MB are resident, %d were before", after.resident>>20, before.resident>>20)
	}
	third := len(took) / 3
	if third == 0 {
		t.Fatal("no pings")
	}
	early, late := median(took[:third]), median(took[2*third:])
	if late > 3*early+2*time.Millisecond {
		t.Errorf("a ping takes %v at the end, %v at the beginning", late, early)
	}
}

// footprint is what a server takes when nobody is there.
type footprint struct{ descriptors, goroutines, used, resident int }

func footprintOf(t *testing.T, s *testbed.Server, c *testbed.Client) (f footprint) {
	t.Helper()
	c.Call(t, "FLUSHALL")
	c.Call(t, "SCRIPT", "FLUSH")
	waitForClients(t, c, 1)
	// An increment that has grown has a sidecar, the files of which are open: how long the last one has grown is chance.
	waitFor(t, "a rewrite to begin", func() bool {
		r, err := c.Do("BGREWRITEAOF")
		return err == nil && r.Err() == nil // not while another one is under way
	})
	for _, field := range []string{"blocked_clients", "tracking_clients", "pubsub_clients", "watching_clients", "total_blocking_keys"} {
		if v, there := infoFields(c.Call(t, "INFO", "clients").Str)[field]; there && v != "0" {
			t.Errorf("%s is %s with nobody there", field, v)
		}
	}
	for _, field := range []string{"pubsub_channels", "pubsub_patterns", "pubsubshard_channels", "tracking_total_keys"} {
		if n := infoInt(t, c, "stats", field); n != 0 {
			t.Errorf("%s is %d with nobody there", field, n)
		}
	}
	settle(t, c)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	ok(t, err)
	f.descriptors = len(fds)
	f.used = infoInt(t, c, "memory", "used_memory")
	f.resident = infoInt(t, c, "memory", "used_memory_rss")
	if v := infoFields(c.Call(t, "INFO", "everything").Str)["fr_goroutines"]; v != "" {
		_, _ = fmt.Sscan(v, &f.goroutines)
	}
	return f
}

// openFiles names what the server's descriptors are of.
func openFiles(s *testbed.Server) string {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.PID()))
	var names []string
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// settle waits until the work behind is done: rewrites, freeing, and the memory of clients that have gone.
func settle(t *testing.T, c *testbed.Client) {
	t.Helper()
	last, same := -1, 0
	waitFor(t, "used_memory to come to rest", func() bool {
		busy := infoInt(t, c, "persistence", "aof_rewrite_in_progress") + infoInt(t, c, "memory", "lazyfree_pending_objects")
		used := infoInt(t, c, "memory", "used_memory")
		if same++; busy != 0 || used != last {
			last, same = used, 0
		}
		time.Sleep(100 * time.Millisecond)
		return same >= 5
	})
}

func median(took []time.Duration) time.Duration {
	took = slices.Sorted(slices.Values(took))
	return took[len(took)/2]
}

// startTimedPings pings fifty times a second until stop is called, which tells how long each took.
func startTimedPings(t *testing.T, s *testbed.Server) (stop func() []time.Duration) {
	c := s.Dial(t)
	end, done := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for {
			select {
			case <-end:
				done <- took
				return
			case <-time.After(20 * time.Millisecond):
			}
			began := time.Now()
			if _, err := c.Do("PING"); err != nil {
				t.Errorf("a client that behaves: %v", err)
				<-end
				done <- took
				return
			}
			took = append(took, time.Since(began))
		}
	}()
	return func() []time.Duration {
		close(end)
		took := <-done
		c.Close()
		return took
	}
}

// soak lets clients misbehave for a while.
func soak(t *testing.T, s *testbed.Server, c *testbed.Client, seed uint64, length time.Duration) {
	var wg sync.WaitGroup
	end := time.Now().Add(length)
	for worker := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(seed, uint64(worker)))
			for time.Now().Before(end) {
				misbehave(s, rng)
				time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond) // the machine has others to serve
			}
		}()
	}
	wg.Wait()
	if _, err := c.Do("PING"); err != nil {
		t.Fatalf("the server is gone: %v", err)
	}
}

// misbehave is the life of one client. What the server says to it is of no matter here.
func misbehave(s *testbed.Server, rng *rand.Rand) {
	c, err := s.DialErr()
	if err != nil {
		return
	}
	defer func() {
		if tcp, isTCP := c.Conn.(*net.TCPConn); isTCP && rng.IntN(2) == 0 {
			_ = tcp.SetLinger(0) // gone without a word
		}
		c.Close()
	}()
	_ = c.Conn.SetDeadline(time.Now().Add(2 * time.Second))
	key := func() string { return fmt.Sprintf("key:%d", rng.IntN(200)) }
	if rng.IntN(3) == 0 {
		_, _ = c.Do("HELLO", "3")
	}
	switch rng.IntN(14) {
	case 0:
		_ = c.Send("SUBSCRIBE", "ch:1", "ch:2", key())
		_ = c.Send("PSUBSCRIBE", "ch:*", key()+"*")
		_, _ = c.Receive()
	case 1:
		_ = c.Send("BLPOP", key(), "list:1", "0")
	case 2:
		_ = c.Send("MULTI")
		for range rng.IntN(50) {
			_ = c.Send("SET", key(), strings.Repeat("q", rng.IntN(1000)))
		}
	case 3:
		_ = c.SendRaw([]byte("*3\r\n$3\r\nSET\r\n$1000000\r\nhalf of"))
	case 4:
		junk := make([]byte, rng.IntN(300))
		for i := range junk {
			junk[i] = byte(rng.IntN(256))
		}
		_ = c.SendRaw(junk)
	case 5: // asks for much and reads nothing
		_, _ = c.Do("SET", "big", strings.Repeat("b", 100<<10))
		var pipe []byte
		for range 100 {
			pipe = testbed.AppendCommand(pipe, "GET", "big")
		}
		_ = c.SendRaw(pipe)
	case 6:
		_, _ = c.Do("HELLO", "3")
		_, _ = c.Do("CLIENT", "TRACKING", "ON")
		for range 10 {
			_, _ = c.Do("GET", key())
		}
	case 7:
		_ = c.Send("MONITOR")
		time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
	case 8:
		_ = c.Send("WATCH", key(), key())
		_ = c.Send("XREAD", "BLOCK", "0", "STREAMS", key(), "$")
	case 9:
		_ = c.Send("CLIENT", "KILL", "TYPE", "pubsub")
		_ = c.Send("CLIENT", "REPLY", "OFF")
		_ = c.Send("SET", key(), "v")
	case 10:
		_, _ = c.Do("EVAL", fmt.Sprintf("for i = 1, %d do redis.call('SET', KEYS[1], i, 'EX', 1) end return redis.call('GET', KEYS[1])", rng.IntN(50)+1), "1", key())
	case 11:
		_ = c.Send("SSUBSCRIBE", "shard:1")
		_ = c.Send("CLIENT", "SETNAME", "leaving")
		_ = c.Send("QUIT")
	default:
		for range 20 {
			_, _ = c.Do("SET", key(), strings.Repeat("v", rng.IntN(2000)), "EX", "5")
			_, _ = c.Do("RPUSH", "list:1", "e")
			_, _ = c.Do("LTRIM", "list:1", "0", "50")
			_, _ = c.Do("PUBLISH", "ch:1", strings.Repeat("m", rng.IntN(500)))
			_, _ = c.Do("XADD", "stream:1", "MAXLEN", "50", "*", "f", "v")
			_, _ = c.Do("INCR", key())
		}
	}
}
