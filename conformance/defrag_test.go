package conformance

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// With activedefrag on, a data set of which nine tenths were deleted at random goes together again while clients write, its memory
// goes back to the system, and nothing of it changes. No stock server that we can fetch has an allocator that lets it do so.
func TestActiveDefrag(t *testing.T) {
	const keys = 60000
	s := testbed.Start(t, testbed.Options{Args: []string{"--save", "", "--enable-debug-command", "yes", "--active-defrag-ignore-bytes", "1mb",
		"--active-defrag-cycle-max", "50"}})
	c := s.Dial(t)
	pipeline := func(n int, args func(i int) []string) {
		t.Helper()
		var batch []byte
		for i := range n {
			batch = testbed.AppendCommand(batch, args(i)...)
		}
		done := make(chan error, 1)
		go func() { done <- c.SendRaw(batch) }()
		for range n {
			if r, err := c.Receive(); err != nil || r.Err() != nil {
				t.Fatal(err, r)
			}
		}
		ok(t, <-done)
	}
	pipeline(keys, func(i int) []string {
		key, value := fmt.Sprint("key:", i), strings.Repeat("v", 20+i%150)
		switch i % 4 {
		case 0:
			return []string{"SET", key, value}
		case 1:
			return []string{"HSET", "hash:" + strconv.Itoa(i%7), key, value}
		case 2:
			return []string{"ZADD", "zset", strconv.Itoa(i * 7919 % keys), key}
		}
		return []string{"SADD", "set:" + strconv.Itoa(i%3000), key}
	})
	pipeline(keys, func(i int) []string {
		key := fmt.Sprint("key:", i)
		switch {
		case rand.IntN(10) == 0:
			return []string{"PING"}
		case i%4 == 0:
			return []string{"DEL", key}
		case i%4 == 1:
			return []string{"HDEL", "hash:" + strconv.Itoa(i%7), key}
		case i%4 == 2:
			return []string{"ZREM", "zset", key}
		}
		return []string{"DEL", "set:" + strconv.Itoa(i%3000)}
	})
	memory := func(name string) float64 {
		t.Helper()
		for line := range strings.SplitSeq(c.Call(t, "INFO").Str, "\r\n") {
			if value, found := strings.CutPrefix(line, name+":"); found {
				n, err := strconv.ParseFloat(value, 64)
				ok(t, err)
				return n
			}
		}
		t.Fatalf("INFO has no %s", name)
		return 0
	}
	before, digest, resident := memory("allocator_frag_ratio"), c.Call(t, "DEBUG", "DIGEST").Str, memory("allocator_resident")
	if before < 2 || memory("active_defrag_hits") != 0 {
		t.Fatalf("a ratio of %.2f, %v blocks moved before it is on", before, memory("active_defrag_hits"))
	}
	c.Call(t, "CONFIG", "SET", "activedefrag", "yes")
	waitFor(t, "a ratio of 1.2", func() bool {
		pipeline(50, func(i int) []string { return []string{"APPEND", "counter", "x"} })
		return memory("allocator_frag_ratio") <= 1.2 && memory("active_defrag_running") == 0
	})
	c.Call(t, "DEL", "counter")
	if now := c.Call(t, "DEBUG", "DIGEST").Str; now != digest {
		t.Errorf("the digest was %s and is %s", digest, now)
	}
	c.Call(t, "MEMORY", "PURGE")
	if now := memory("allocator_resident"); now > resident/2 {
		t.Errorf("%.0f bytes are still resident of %.0f", now, resident)
	}
	for _, name := range []string{"active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses",
		"total_active_defrag_time"} {
		if memory(name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	c.Call(t, "CONFIG", "SET", "activedefrag", "no")
	c.Call(t, "CONFIG", "RESETSTAT")
	if n := memory("active_defrag_hits"); n != 0 {
		t.Errorf("active_defrag_hits is %v after RESETSTAT", n)
	}
}
