package main

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"frankenredis/conformance/testbed"
)

// Memory is what a server takes for a corpus: beyond what it took when it was empty, after loading and after changes.
type Memory struct {
	Who      string `json:"who"`
	Corpus   string `json:"corpus"`
	Elements int    `json:"elements"`
	EmptyRSS int64  `json:"rss_empty_bytes"`
	Loaded   int64  `json:"rss_loaded_bytes"`  // without EmptyRSS
	Changed  int64  `json:"rss_changed_bytes"` // without EmptyRSS
}

// Changes are made in rounds, each of a fifth of the elements; what a server gives back to the system it may do behind them.
const (
	changeRounds = 10
	changeShare  = 5
	settle       = 4 * time.Second
)

func measureMemory(s Settings, kind corpus, who string) (m Memory, err error) {
	m = Memory{Who: who, Corpus: kind.name, Elements: s.Keys}
	err = withServer(s, who, []string{"--appendonly", "no", "--save", ""}, func(server *testbed.Server) error {
		c, err := server.DialErr()
		if err != nil {
			return err
		}
		defer c.Close()
		time.Sleep(settle) // what only the start took is no part of an empty server
		if m.EmptyRSS, err = testbed.RSS(server.PID()); err != nil {
			return err
		}
		if err := feed(c, kind.fill(s.Keys)); err != nil {
			return err
		}
		time.Sleep(settle)
		rss, err := testbed.RSS(server.PID())
		if err != nil {
			return err
		}
		m.Loaded = rss - m.EmptyRSS
		rnd := rand.New(rand.NewPCG(1, 2)) // the same changes for both
		for range changeRounds {
			err := feed(c, func(yield func([]string) bool) {
				for range s.Keys / changeShare {
					if !yield(kind.change(rnd, s.Keys)) {
						return
					}
				}
			})
			if err != nil {
				return err
			}
		}
		time.Sleep(settle)
		if rss, err = testbed.RSS(server.PID()); err != nil {
			return err
		}
		m.Changed = rss - m.EmptyRSS
		return nil
	})
	return m, err
}

// feed sends commands a batch at a time.
func feed(c *testbed.Client, commands iter.Seq[[]string]) error {
	const batch = 200
	var out []byte
	n := 0
	flush := func() error {
		if err := c.SendRaw(out); err != nil {
			return err
		}
		for range n {
			if r, err := c.Receive(); err != nil || r.Err() != nil {
				return fmt.Errorf("%v, %w", r, err)
			}
		}
		out, n = out[:0], 0
		return nil
	}
	for args := range commands {
		out = testbed.AppendCommand(out, args...)
		if n++; n == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
