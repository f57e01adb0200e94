package main

import (
	"fmt"
	"strings"

	"frankenredis/conformance/testbed"
)

// Memory is what a server takes for a number of keys.
type Memory struct {
	Who      string  `json:"who"`
	Keys     int     `json:"keys"`
	EmptyRSS int64   `json:"rss_empty_bytes"`
	FullRSS  int64   `json:"rss_full_bytes"`
	PerKey   float64 `json:"rss_bytes_per_key"`
}

// measureMemory loads keys of 16 bytes with values of 64 bytes and reads the resident set.
func measureMemory(s Settings, who string) (m Memory, err error) {
	m = Memory{Who: who, Keys: s.Keys}
	err = withServer(s, who, []string{"--appendonly", "no"}, func(server *testbed.Server) error {
		c, err := server.DialErr()
		if err != nil {
			return err
		}
		defer c.Close()
		if m.EmptyRSS, err = testbed.RSS(server.PID()); err != nil {
			return err
		}
		const batch = 1000
		tail := strings.Repeat("v", 48)
		for i := 0; i < s.Keys; i += batch {
			var out []byte
			n := min(batch, s.Keys-i)
			for j := i; j < i+n; j++ {
				out = testbed.AppendCommand(out, "SET", fmt.Sprintf("key:%012d", j), fmt.Sprintf("%016d%s", j, tail))
			}
			if err := c.SendRaw(out); err != nil {
				return err
			}
			for range n {
				if r, err := c.Receive(); err != nil || r.Err() != nil {
					return fmt.Errorf("SET: %v, %w", r, err)
				}
			}
		}
		if r, err := c.Do("DBSIZE"); err != nil || r.Int != int64(s.Keys) {
			return fmt.Errorf("DBSIZE after %d SETs: %v, %w", s.Keys, r, err)
		}
		if m.FullRSS, err = testbed.RSS(server.PID()); err != nil {
			return err
		}
		m.PerKey = float64(m.FullRSS-m.EmptyRSS) / float64(s.Keys)
		return nil
	})
	return m, err
}
