package intset_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/kv/intset"
	"frankenredis/snapshot/crc64"
)

const (
	rdbIntset = 11 // its type in an RDB file
	footerLen = 10
)

// payload is what RESTORE takes; p is short.
func payload(p []byte) []byte {
	n := len(p)
	b := []byte{rdbIntset, 0x40 | byte(n>>8), byte(n)}
	if n < 64 {
		b = []byte{rdbIntset, byte(n)}
	}
	b = append(append(b, p...), 10, 0) // version: one that all servers here read
	return binary.LittleEndian.AppendUint64(b, crc64.Checksum(b))
}

func start(t *testing.T, name string) *testbed.Client {
	return testbed.Start(t, testbed.Options{
		Binary: testbed.Peer(t, name), Args: []string{"--rdbcompression", "no", "--sanitize-dump-payload", "yes"},
	}).Dial(t)
}

// The intsets of a real server and ours stay equal, byte by byte.
func TestPeer(t *testing.T) {
	for _, name := range []string{"valkey-server", "redict-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			c := start(t, name)
			for seed := range uint64(10) {
				rng := rand.New(rand.NewPCG(seed, 1))
				c.Call(t, "FLUSHALL")
				p := intset.New(nil)
				var did []string
				for range 200 {
					n := int64(rng.IntN(60) - 30)
					if rng.IntN(30) == 0 {
						n = int64(rng.Uint64()) >> (8 * rng.IntN(8))
					}
					cmd, changed := "SADD", false
					if rng.IntN(3) == 0 {
						cmd = "SREM"
						p, changed = intset.Remove(p, n)
					} else {
						p, changed = intset.Add(p, n)
					}
					did = append(did, fmt.Sprint(cmd, " ", n))
					if r := c.Call(t, cmd, "set", strconv.FormatInt(n, 10)); (r.Int == 1) != changed {
						t.Fatalf("seed %d: changed %v, want %v\n%s", seed, changed, r, strings.Join(did, "\n"))
					}
					got := c.Call(t, "DUMP", "set").Str
					if intset.Len(p) == 0 {
						p = intset.New(p) // the key is gone, and its encoding with it
						continue
					}
					want := payload(p)
					if len(got) != len(want) || got[:len(got)-footerLen] != string(want[:len(want)-footerLen]) {
						t.Fatalf("seed %d: %x, want %x\n%s", seed, want, got, strings.Join(did, "\n"))
					}
				}
			}
		})
	}
}

// A real server restores what Validate lets pass, and nothing else, and reads the same from it.
func TestPeerValidate(t *testing.T) {
	for _, name := range []string{"valkey-server", "redict-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			c := start(t, name)
			rng := rand.New(rand.NewPCG(7, 7))
			valid := 0
			for range 1500 {
				p := forge(rng)
				ok := intset.Validate(p)
				r, err := c.Do("RESTORE", "set", "0", string(payload(p)), "REPLACE")
				if err != nil {
					t.Fatalf("%x: %v", p, err)
				}
				if (r.Err() == nil) != ok {
					t.Fatalf("%x: valid %v, RESTORE says %v", p, ok, r)
				}
				if !ok {
					continue
				}
				valid++
				var want, got []string
				for i := range intset.Len(p) {
					want = append(want, strconv.FormatInt(intset.At(p, i), 10))
				}
				for _, e := range c.Call(t, "SMEMBERS", "set").Elems {
					got = append(got, e.Str)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%x: %q, want %q", p, want, got)
				}
			}
			if valid < 150 {
				t.Fatalf("only %d were valid", valid)
			}
		})
	}
}

// forge is an intset with something changed in most cases.
func forge(rng *rand.Rand) []byte {
	p := intset.New(nil)
	for range rng.IntN(8) {
		n := int64(rng.IntN(100) - 50)
		if rng.IntN(8) == 0 {
			n = []int64{1 << 20, -1 << 20, math.MaxInt64, math.MinInt64}[rng.IntN(4)]
		}
		p, _ = intset.Add(p, n)
	}
	for range rng.IntN(3) {
		i := rng.IntN(len(p))
		switch rng.IntN(4) {
		case 0:
			p[i] ^= 1 << rng.IntN(8)
		case 1:
			p[0] = byte(2 << rng.IntN(4))
		case 2:
			p[4] += byte(rng.IntN(3) - 1)
		case 3:
			p = append(p, 0, 0)[:len(p)+rng.IntN(3)]
		}
	}
	return p
}
