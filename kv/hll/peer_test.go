package hll_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/kv/hll"
)

var peerRounds = flag.Int("peer.rounds", 12, "random strings that are compared with each real server")

const invalidReply = "WRONGTYPE Key is not a valid HyperLogLog string value."
const corruptReply = "INVALIDOBJ Corrupted HLL object detected"

// The strings of a real server and ours stay equal, byte by byte, and so do all estimates.
func TestPeer(t *testing.T) {
	for _, name := range []string{"redict-server", "valkey-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			p := &peer{T: t, c: testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, name)}).Dial(t)}
			for round := range *peerRounds {
				p.round(uint64(round))
			}
		})
	}
}

// peer is a real server and our copies of its strings.
type peer struct {
	*testing.T
	c    *testbed.Client
	rng  *rand.Rand
	max  int
	keys map[string][]byte
	did  []string
}

func (p *peer) round(seed uint64) {
	p.rng = rand.New(rand.NewPCG(seed, 1))
	p.keys, p.did = map[string][]byte{}, nil
	p.max = []int{0, 17, 18, 20, 40, 100, 300, 3000, 3000, 20000}[p.rng.IntN(10)]
	p.c.Call(p, "CONFIG", "SET", "hll-sparse-max-bytes", strconv.Itoa(p.max))
	p.c.Call(p, "FLUSHALL")
	if p.rng.IntN(2) == 0 {
		p.set("a", forge(p.rng))
	}
	if p.rng.IntN(3) == 0 {
		p.set("b", forge(p.rng))
	}
	steps, burst := 40, 1<<p.rng.IntN(8)
	for range steps {
		key := string(rune('a' + p.rng.IntN(3)))
		switch p.rng.IntN(12) {
		case 0, 1:
			p.merge(key, string(rune('a'+p.rng.IntN(3))), string(rune('a'+p.rng.IntN(4))))
		case 2:
			p.count(key)
		case 3:
			p.countAll("a", "c", "d")
		case 4:
			p.debug(key)
		default:
			p.add(key, p.rng.IntN(burst+1))
		}
		p.compare()
		if p.Failed() {
			p.Fatalf("seed %d, hll-sparse-max-bytes %d:\n%s", seed, p.max, p.did[max(0, len(p.did)-5):])
		}
	}
}

// do sends a command and remembers it.
func (p *peer) do(args ...string) testbed.Reply {
	r, err := p.c.Do(args...)
	if err != nil {
		p.Fatal(err)
	}
	p.did = append(p.did, fmt.Sprintf("%.200q", args))
	return r
}

func (p *peer) set(key string, b []byte) {
	p.do("SET", key, string(b))
	p.keys[key] = b
}

func (p *peer) compare() {
	p.Helper()
	for key, b := range p.keys {
		if r, err := p.c.Do("GET", key); err != nil || r.Str != string(b) {
			p.Errorf("%s: %s", key, firstDifference([]byte(r.Str), b))
		}
	}
}

func firstDifference(want, got []byte) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	return fmt.Sprintf("%d bytes, want %d, first difference at %d: % x, want % x", len(got), len(want), i,
		got[i:min(i+12, len(got))], want[i:min(i+12, len(want))])
}

func (p *peer) add(key string, n int) {
	p.Helper()
	args := []string{"PFADD", key}
	for range n {
		e := make([]byte, p.rng.IntN(20))
		for i := range e {
			e[i] = byte(p.rng.Uint32())
		}
		args = append(args, string(e))
	}
	b := p.keys[key]
	changed := b == nil
	if changed {
		b = hll.New()
		hll.Invalidate(b)
	}
	want := p.do(args...)
	for _, e := range args[2:] {
		var c bool
		var err error
		if b, c, err = hll.Add(b, []byte(e), p.max); err != nil {
			p.Fatal(err)
		}
		changed = changed || c
	}
	p.keys[key] = b
	if changed != (want.Int == 1) {
		p.Errorf("changed %v, want %v", changed, want)
	}
}

func (p *peer) count(key string) {
	p.Helper()
	b := p.keys[key]
	if b == nil {
		return
	}
	want := p.do("PFCOUNT", key)
	n, ok := hll.Cached(b)
	if !ok {
		var err error
		if n, err = hll.Count(b); err != nil {
			p.Fatal(err)
		}
		hll.SetCached(b, n)
	}
	if int64(n) != want.Int {
		p.Errorf("%d, want %v", n, want)
	}
}

func (p *peer) union(keys ...string) *hll.Union {
	u := new(hll.Union)
	for _, k := range keys {
		if b := p.keys[k]; b != nil {
			if err := u.Add(b); err != nil {
				p.Fatal(err)
			}
		}
	}
	return u
}

func (p *peer) countAll(keys ...string) {
	p.Helper()
	want := p.do(append([]string{"PFCOUNT"}, keys...)...)
	if n := p.union(keys...).Count(); int64(n) != want.Int {
		p.Errorf("%d, want %v", n, want)
	}
}

func (p *peer) merge(keys ...string) {
	p.Helper()
	p.do(append([]string{"PFMERGE"}, keys...)...)
	dst := p.keys[keys[0]]
	if dst == nil {
		dst = hll.New()
	}
	dst, err := p.union(keys...).Store(dst, p.max)
	if err != nil {
		p.Error(err)
	}
	p.keys[keys[0]] = dst
}

func (p *peer) debug(key string) {
	p.Helper()
	b := p.keys[key]
	if b == nil {
		return
	}
	if want := p.do("PFDEBUG", "ENCODING", key); want.Str != hll.EncodingOf(b).String() {
		p.Errorf("%v, want %v", hll.EncodingOf(b), want)
	}
	if hll.EncodingOf(b) == hll.Sparse {
		if want := p.do("PFDEBUG", "DECODE", key); want.Str != string(hll.AppendRuns(nil, b)) {
			p.Errorf("%s, want %v", hll.AppendRuns(nil, b), want)
		}
		if p.rng.IntN(3) > 0 {
			return
		}
	}
	want := p.do("PFDEBUG", "GETREG", key)
	regs, err := hll.AppendRegisters(nil, b)
	if err != nil || len(regs) != len(want.Elems) {
		p.Fatalf("%d registers, want %d (%v)", len(regs), len(want.Elems), err)
	}
	for i, v := range regs {
		if int64(v) != want.Elems[i].Int {
			p.Fatalf("register %d is %d, want %v", i, v, want.Elems[i])
		}
	}
	if p.keys[key], err = hll.ToDense(b); err != nil {
		p.Error(err)
	}
}

// forge makes a valid string that adding would hardly lead to: runs that are not joined, high registers, unused bytes in use.
func forge(rng *rand.Rand) []byte {
	b := hll.New()
	for i := 5; i < 8; i++ {
		b[i] = byte(rng.Uint32())
	}
	hll.Invalidate(b)
	if rng.IntN(3) == 0 {
		d, err := hll.ToDense(b)
		if err != nil {
			panic(err)
		}
		high := rng.IntN(2) == 0
		for i := hll.HeaderSize; i < len(d); i++ {
			if d[i] = byte(rng.Uint32()) & byte(rng.Uint32()); high {
				d[i] |= byte(rng.Uint32())
			}
		}
		return d
	}
	b = b[:hll.HeaderSize]
	values := 1 + rng.IntN(32)
	for left := hll.Registers; left > 0; {
		switch n := min(left, 1+rng.IntN(4)); rng.IntN(6) {
		case 0:
			n := min(left, 1+rng.IntN(64))
			b = append(b, byte(n-1))
			left -= n
		case 1:
			n := min(left, 1+rng.IntN(1<<rng.IntN(15)))
			b = append(b, 0x40|byte((n-1)>>8), byte(n-1))
			left -= n
		default:
			b = append(b, 0x80|byte(rng.IntN(values))<<2|byte(n-1))
			left -= n
		}
	}
	return b
}

// Of bytes that are wrong we say what a real server says. Strings that only the security fixes after 7.2.4 refuse, or that crash what
// came before, are not among them.
func TestPeerInvalid(t *testing.T) {
	c := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server")}).Dial(t)
	rng := rand.New(rand.NewPCG(3, 4))
	empty := hll.New()
	dense, err := hll.ToDense(empty)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	inputs := map[string][]byte{
		"empty": {}, "text": []byte("hello world, this is text"), "integer": []byte("12345"), "15 bytes": empty[:15], "header only": empty[:16],
		"half an opcode": empty[:17], "magic": edit(empty, 3, 'l'), "encoding 2": edit(empty, 4, 2), "encoding 255": edit(empty, 4, 255),
		"too few registers": edit(empty, 17, 0xfe), "dense header only": edit(empty, 4, 0), "dense short": dense[:len(dense)-1],
		"dense long": append(bytes.Clone(dense), 0), "all zero opcodes": append(bytes.Clone(empty[:16]), make([]byte, 256)...),
		"too many zeros": append(bytes.Clone(empty), 0), "dense as sparse": edit(dense, 4, 1),
	}
	for i := range 50 {
		b := forge(rng)
		if hll.EncodingOf(b) == hll.Sparse {
			inputs["cut "+strconv.Itoa(i)] = b[:hll.HeaderSize+rng.IntN(len(b)-hll.HeaderSize)]
		}
	}
	for name, b := range inputs {
		reply := func(err error) string {
			switch err {
			case hll.ErrInvalid:
				return invalidReply
			case hll.ErrCorrupt:
				return corruptReply
			}
			return ""
		}
		check := func(err error, args ...string) {
			t.Helper()
			c.Call(t, "SET", "k", string(b))
			r, e := c.Do(args...)
			if e != nil {
				t.Fatal(e)
			}
			want := ""
			if r.Err() != nil {
				want = r.Str
			}
			if reply(err) != want {
				t.Errorf("%s: %v: %v, want %v", name, args, err, want)
			}
		}
		_, err := hll.Count(hll.New())
		if !hll.Valid(b) {
			err = hll.ErrInvalid
		} else if n, ok := hll.Cached(b); !ok {
			_, err = hll.Count(b)
		} else if n != 0 {
			t.Fatal("a test input has a cached estimate")
		}
		check(err, "PFCOUNT", "k")
		check(new(hll.Union).Add(b), "PFCOUNT", "k", "none")
		check(new(hll.Union).Add(b), "PFMERGE", "k")
		_, err = hll.AppendRegisters(nil, b)
		check(err, "PFDEBUG", "GETREG", "k")
		_, _, err = hll.Add(bytes.Clone(b), []byte("x"), 3000)
		check(err, "PFADD", "k", "x")
	}
}
