package ziplist

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/snapshot/crc64"
)

// Their types in an RDB file.
const (
	rdbHashZipmap  = 9
	rdbListZiplist = 10
)

// payload is what RESTORE takes.
func payload(typ byte, p []byte) string {
	b := binary.BigEndian.AppendUint32([]byte{typ, 0x80}, uint32(len(p)))
	b = append(append(b, p...), 10, 0) // version: one that all servers here read
	return string(binary.LittleEndian.AppendUint64(b, crc64.Checksum(b)))
}

// A real server restores what we read to the end, and nothing else, and reads the same from it.
func TestPeer(t *testing.T) {
	for _, name := range []string{"valkey-server", "redict-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			c := testbed.Start(t, testbed.Options{
				Binary: testbed.Peer(t, name), Args: []string{"--sanitize-dump-payload", "yes", "--hash-max-listpack-value", "1000"},
			}).Dial(t)
			rng := rand.New(rand.NewPCG(7, 7))
			lists, maps := 0, 0
			for range 3000 {
				p := forge(rng, write(rng, randomValues(rng, rng.IntN(7))), headerLen)
				all, ok := read(p)
				for i, s := range all {
					all[i] = strings.Trim(s, "[]")
				}
				// No list is empty, a ziplist may be.
				if restored(t, c, rdbListZiplist, p, ok && len(all) > 0) {
					lists++
					if got := strs(c.Call(t, "LRANGE", "key", "0", "-1")); !slices.Equal(got, all) {
						t.Fatalf("%x: %q, want %q", p, all, got)
					}
				}
				p = forge(rng, writeMap(rng, fields(rng)), 1)
				all, ok = readMap(p)
				// Nor does any hash have a field twice.
				unique := map[string]bool{}
				for i := 0; i < len(all); i += 2 {
					unique[all[i]] = true
				}
				if restored(t, c, rdbHashZipmap, p, ok && 2*len(unique) == len(all)) {
					maps++
					if got := strs(c.Call(t, "HGETALL", "key")); !slices.Equal(got, all) {
						t.Fatalf("%x: %q, want %q", p, all, got)
					}
				}
			}
			if lists < 300 || maps < 300 {
				t.Fatalf("only %d lists and %d maps were valid", lists, maps)
			}
		})
	}
}

// restored says whether the server took the payload, which it should exactly when want is true.
func restored(t *testing.T, c *testbed.Client, typ byte, p []byte, want bool) bool {
	t.Helper()
	r, err := c.Do("RESTORE", "key", "0", payload(typ, p), "REPLACE")
	if err != nil {
		t.Fatalf("%x: %v", p, err)
	}
	if (r.Err() == nil) != want {
		t.Fatalf("%x: valid %v, RESTORE says %v", p, want, r)
	}
	return want
}

func strs(r testbed.Reply) (all []string) {
	for _, e := range r.Elems {
		all = append(all, e.Str)
	}
	return all
}

func randomValues(rng *rand.Rand, n int) (values []string) {
	for range n {
		switch rng.IntN(4) {
		case 0:
			values = append(values, strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10))
		case 1:
			values = append(values, strings.Repeat("x", rng.IntN(300)))
		case 2:
			values = append(values, strconv.Itoa(rng.IntN(20)-3))
		default:
			values = append(values, "abc"[:rng.IntN(4)])
		}
	}
	return values
}

func fields(rng *rand.Rand) (values []string) {
	for i := range rng.IntN(6) {
		values = append(values, fmt.Sprintf("%c%d", 'a'+i, rng.IntN(300)), strings.Repeat("v", rng.IntN(60)+rng.IntN(2)*rng.IntN(2)*250))
	}
	return values
}

// forge changes something in most cases, more often than not in the header.
func forge(rng *rand.Rand, p []byte, header int) []byte {
	for range rng.IntN(3) {
		i := rng.IntN(len(p))
		if rng.IntN(3) == 0 {
			i = min(header+rng.IntN(8), len(p)-1)
		}
		switch rng.IntN(4) {
		case 0:
			p[i] ^= 1 << rng.IntN(8)
		case 1:
			p[i] = []byte{0, 1, 0x3f, 0x40, 0x80, 0xbf, 0xc0, 0xc1, 0xd0, 0xe0, 0xf0, 0xf1, 0xfd, 0xfe, 0xff}[rng.IntN(15)]
		case 2:
			p[i] += byte(rng.IntN(5) - 2)
		case 3:
			p = slices.Delete(p, i, i+1)
		}
		if header == headerLen && len(p) > headerLen && rng.IntN(2) == 0 {
			binary.LittleEndian.PutUint32(p, uint32(len(p)))
		}
		if len(p) == 0 {
			return p
		}
	}
	return p
}
