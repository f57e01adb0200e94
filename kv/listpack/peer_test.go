package listpack_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/kv/listpack"
	"frankenredis/snapshot/crc64"
)

// The types of an RDB file that hold listpacks.
const (
	rdbHash = 16
	rdbZSet = 17
	rdbList = 18
	rdbSet  = 20
)

var sizes = []string{
	"--rdbcompression", "no", "--list-max-listpack-size", "-5", "--sanitize-dump-payload", "yes",
	"--hash-max-listpack-entries", "1000", "--hash-max-listpack-value", "30000", "--zset-max-listpack-entries", "1000",
}

// The listpacks of a real server and ours stay equal, byte by byte, as lists, hashes and sorted sets change.
func TestPeer(t *testing.T) {
	for _, name := range []string{"valkey-server", "redict-server"} {
		t.Run(name, func(t *testing.T) {
			c := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, name), Args: sizes}).Dial(t)
			for seed := range uint64(6) {
				p := &peer{T: t, c: c, rng: rand.New(rand.NewPCG(seed, 1))}
				c.Call(t, "FLUSHALL")
				for range 120 {
					p.list()
					p.hash()
					p.zset()
					p.compare("list", rdbList, p.l)
					p.compare("hash", rdbHash, p.h)
					p.compare("zset", rdbZSet, p.z)
					if t.Failed() {
						t.Fatalf("seed %d:\n%s", seed, strings.Join(p.did[max(0, len(p.did)-6):], "\n"))
					}
				}
			}
		})
	}
}

// peer is a real server and our copies of its listpacks; nil is no key.
type peer struct {
	*testing.T
	c       *testbed.Client
	rng     *rand.Rand
	l, h, z []byte
	did     []string
}

// do sends a command and remembers it.
func (p *peer) do(args ...string) testbed.Reply {
	p.Helper()
	p.did = append(p.did, fmt.Sprintf("%.200q", args))
	return p.c.Call(p, args...)
}

func (p *peer) value() string {
	switch p.rng.IntN(8) {
	case 0:
		return strings.Repeat("x", p.rng.IntN(80))
	case 1:
		return strings.Repeat("y", []int{100, 4080, 4090, 4100}[p.rng.IntN(4)]+p.rng.IntN(20))
	case 2, 3:
		return strconv.FormatInt(int64(p.rng.Uint64())>>p.rng.IntN(64), 10)
	case 4:
		return []string{"-0", "00", "+1", "9223372036854775808", "-9223372036854775808", "127", "128", "-4096", "-4097", ""}[p.rng.IntN(10)]
	}
	return strconv.Itoa(p.rng.IntN(12))
}

func (p *peer) list() {
	v := p.value()
	n := 0
	if p.l != nil {
		n = listpack.Len(p.l)
	}
	if n == 0 {
		p.do("RPUSH", "list", v)
		p.l = listpack.Append(listpack.New(nil), []byte(v))
		return
	}
	if len(p.l) > 50_000 { // before it gets a second node
		p.do("LTRIM", "list", "-3", "-1")
		p.l = listpack.DeleteRange(p.l, 0, n-3)
		return
	}
	i := p.rng.IntN(n)
	at := listpack.Seek(p.l, i)
	pivot := string(listpack.AppendValue(nil, p.l, at))
	first := listpack.Find(p.l, listpack.First(p.l), []byte(pivot), 0)
	switch p.rng.IntN(9) {
	case 0, 1:
		p.do("RPUSH", "list", v)
		p.l = listpack.Append(p.l, []byte(v))
	case 2:
		p.do("LPUSH", "list", v)
		p.l = listpack.Prepend(p.l, []byte(v))
	case 3:
		p.do("LINSERT", "list", "BEFORE", pivot, v)
		p.l = listpack.Insert(p.l, first, []byte(v))
	case 4:
		p.do("LINSERT", "list", "AFTER", pivot, v)
		p.l = listpack.InsertAfter(p.l, first, []byte(v))
	case 5:
		p.do("LSET", "list", strconv.Itoa(i), v)
		p.l = listpack.Replace(p.l, at, []byte(v))
	case 6:
		p.do("LREM", "list", "1", pivot)
		p.l = listpack.Delete(p.l, first, 1)
	case 7:
		p.do("RPOP", "list")
		p.l = listpack.Delete(p.l, listpack.Last(p.l), 1)
	case 8:
		if n > 10 {
			p.do("LTRIM", "list", "2", "-4")
			p.l = listpack.DeleteRange(listpack.DeleteRange(p.l, -3, 3), 0, 2)
		}
	}
}

func (p *peer) hash() {
	field, v := p.value(), p.value()
	if p.h == nil {
		p.h = listpack.New(nil)
	}
	at := listpack.Find(p.h, listpack.First(p.h), []byte(field), 1)
	if p.rng.IntN(4) == 0 && at != listpack.None {
		p.do("HDEL", "hash", field)
		p.h = listpack.Delete(p.h, at, 2)
		return
	}
	p.do("HSET", "hash", field, v)
	if at == listpack.None {
		p.h = listpack.Append(listpack.Append(p.h, []byte(field)), []byte(v))
	} else {
		p.h = listpack.Replace(p.h, listpack.Next(p.h, at), []byte(v))
	}
}

// zset adds members with scores that are integers, which rise, and takes ranks away.
func (p *peer) zset() {
	if p.z == nil {
		p.z = listpack.New(nil)
	}
	if n := listpack.Len(p.z) / 2; n > 5 && p.rng.IntN(5) == 0 {
		from := p.rng.IntN(n - 2)
		p.do("ZREMRANGEBYRANK", "zset", strconv.Itoa(from), strconv.Itoa(from+1))
		p.z = listpack.DeleteRange(p.z, 2*from, 4)
		return
	}
	member, score := "m"+strconv.Itoa(len(p.did)), int64(len(p.did))<<p.rng.IntN(2)*100
	if last := listpack.Last(p.z); last != listpack.None {
		_, n, _ := listpack.Get(p.z, last)
		score = max(score, n+1)
	}
	p.do("ZADD", "zset", strconv.FormatInt(score, 10), member)
	p.z = listpack.AppendInt(listpack.Append(p.z, []byte(member)), score)
}

// compare looks at the key as DUMP shows it.
func (p *peer) compare(key string, typ byte, ours []byte) {
	p.Helper()
	got := p.c.Call(p, "DUMP", key)
	if listpack.Len(ours) == 0 {
		if got.Kind != testbed.Null {
			p.Errorf("%s is there", key)
		}
		return
	}
	want := string(payload(typ, ours))
	if n := len(got.Str) - footerLen; n < 0 || got.Str[:n] != want[:len(want)-footerLen] {
		p.Errorf("%s: %s, ours %s", key, hex.EncodeToString([]byte(got.Str)), hex.EncodeToString([]byte(want)))
	}
}

const footerLen = 10

// payload is what RESTORE takes: a value that is one listpack.
func payload(typ byte, p []byte) []byte {
	b := []byte{typ}
	if typ == rdbList {
		b = append(b, 1, 2) // one node, packed
	}
	switch n := len(p); {
	case n < 64:
		b = append(b, byte(n))
	case n < 1<<14:
		b = append(b, 0x40|byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
	}
	b = append(append(b, p...), 10, 0) // version: one that all servers here read
	return binary.LittleEndian.AppendUint64(b, crc64.Checksum(b))
}

// A real server restores what Validate lets pass, and nothing else, and reads the same from it.
func TestPeerValidate(t *testing.T) {
	for _, name := range []string{"valkey-server", "redict-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			c := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, name), Args: sizes}).Dial(t)
			rng := rand.New(rand.NewPCG(7, 7))
			valid := 0
			for range 2000 {
				p := forge(rng)
				ok := listpack.Validate(p, nil)
				r, err := c.Do("RESTORE", "list", "0", string(payload(rdbList, p)), "REPLACE")
				if err != nil {
					t.Fatalf("%x: %v", p, err)
				}
				if ok && listpack.Len(p) == 0 {
					continue // a valid listpack, but no list
				}
				if (r.Err() == nil) != ok {
					t.Fatalf("%x: valid %v, RESTORE says %v", p, ok, r)
				}
				if !ok {
					continue
				}
				valid++
				var want []string
				for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
					want = append(want, string(listpack.AppendValue(nil, p, at)))
				}
				var got []string
				for _, e := range c.Call(t, "LRANGE", "list", "0", "-1").Elems {
					got = append(got, e.Str)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%x: %q, want %q", p, want, got)
				}
			}
			if valid < 200 {
				t.Fatalf("only %d were valid", valid)
			}
		})
	}
}

// forge is a listpack with something changed in most cases.
func forge(rng *rand.Rand) []byte {
	p := listpack.New(nil)
	for range rng.IntN(6) {
		switch rng.IntN(4) {
		case 0:
			p = listpack.AppendInt(p, int64(rng.Uint64())>>rng.IntN(64))
		case 1:
			p = listpack.Append(p, make([]byte, rng.IntN(300)))
		case 2:
			p = listpack.Append(p, make([]byte, []int{4090, 4100, 16376, 16378}[rng.IntN(4)]))
		default:
			p = listpack.Append(p, []byte("abc")[:rng.IntN(4)])
		}
	}
	for range rng.IntN(3) {
		i := rng.IntN(min(len(p), 40))
		if rng.IntN(2) == 0 {
			i = len(p) - 1 - i
		}
		switch rng.IntN(4) {
		case 0:
			p[i] ^= 1 << rng.IntN(8)
		case 1:
			p[i] = []byte{0, 0x7f, 0x80, 0x81, 0xc1, 0xe0, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xff}[rng.IntN(13)]
		case 2:
			p[i] += byte(rng.IntN(5) - 2)
		case 3:
			p = slices.Delete(p, i, i+1)
		}
		if len(p) >= 7 && rng.IntN(3) > 0 {
			binary.LittleEndian.PutUint32(p, uint32(len(p)))
			if p[len(p)-1] = 0xff; rng.IntN(2) == 0 {
				p[4], p[5] = 0xff, 0xff
			}
		}
	}
	return p
}

// A header that has lost its count gets it back when Redis counts.
func TestPeerRecount(t *testing.T) {
	c := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "valkey-server"), Args: sizes}).Dial(t)
	p := listpack.New(nil)
	for i := range 9 {
		p = listpack.Append(p, fmt.Appendf(nil, "member %d", i))
	}
	p[4], p[5] = 0xff, 0xff
	c.Call(t, "RESTORE", "set", "0", string(payload(rdbSet, p)))
	c.Call(t, "SREM", "set", "member 3")
	p = listpack.Delete(p, listpack.Seek(p, 3), 1)
	listpack.Recount(p)
	want := payload(rdbSet, p)
	want = want[:len(want)-footerLen]
	if got := c.Call(t, "DUMP", "set").Str; got[:len(got)-footerLen] != string(want) {
		t.Errorf("%x, ours %x", got, want)
	}
}
