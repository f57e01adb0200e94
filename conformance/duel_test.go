package conformance

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/generate"
	"frankenredis/conformance/testbed"
)

// duel is two servers that are given the same commands: ours, then the judge.
type duel struct {
	servers [2]*testbed.Server
	admin   [2]*testbed.Client
}

// newDuel starts the subject and a judge.
func newDuel(t *testing.T, judge string) *duel {
	t.Helper()
	d := &duel{}
	for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, judge)} {
		d.servers[i] = testbed.Start(t, testbed.Options{Binary: binary, Args: []string{"--enable-debug-command", "yes"}})
		d.admin[i] = d.servers[i].Dial(t)
	}
	return d
}

// batch is how many commands are sent before their replies are read.
const batch = 50

// difference is where the two servers part.
type difference struct {
	index        int  // of the command in its stream
	data         bool // the replies are the same, the digests are not
	ours, theirs string
}

// play starts both servers from nothing and gives them a stream, in one connection each. It returns the first difference, if any, and the
// digests at the end. Digests are compared after every so many commands; 0 is for never.
func (d *duel) play(stream [][]string, proto, every int) (found *difference, digests [2]string, err error) {
	var conns [2]*testbed.Client
	for i, s := range d.servers {
		for _, reset := range [][]string{{"DEBUG", "SET-ACTIVE-EXPIRE", "0"}, {"FLUSHALL"}, {"FUNCTION", "FLUSH"}, {"SCRIPT", "FLUSH"}} {
			if _, err := d.admin[i].Do(reset...); err != nil { // an unknown command is no error
				return nil, digests, fmt.Errorf("%s: %w", side(i), err)
			}
		}
		if conns[i], err = s.DialErr(); err != nil {
			return nil, digests, err
		}
		defer conns[i].Close()
		if proto == 3 {
			r, err := conns[i].Do("HELLO", "3")
			if err := errors.Join(err, r.Err()); err != nil {
				return nil, digests, err
			}
		}
	}
	step := batch
	if every > 0 {
		step = min(step, every)
	}
	cmp := &comparison{}
	for at := 0; at < len(stream); at += step {
		chunk := stream[at:min(at+step, len(stream))]
		found, err := exchange(conns, chunk, cmp)
		if err != nil {
			return nil, digests, fmt.Errorf("at command %d: %w", at, err)
		}
		if found != nil {
			found.index += at
			return found, digests, nil
		}
		end := at + len(chunk)
		if every > 0 && end/every > at/every || end == len(stream) {
			if digests, err = d.digests(); err != nil {
				return nil, digests, err
			}
			if digests[0] != digests[1] {
				return &difference{index: end - 1, data: true, ours: digests[0], theirs: digests[1]}, digests, nil
			}
		}
	}
	return nil, digests, nil
}

// exchange sends a few commands to both and reads all their replies, so that nothing of them is still running afterwards.
func exchange(conns [2]*testbed.Client, chunk [][]string, cmp *comparison) (found *difference, err error) {
	var out []byte
	for _, args := range chunk {
		out = testbed.AppendCommand(out, args...)
	}
	for i, c := range conns {
		if err := c.SendRaw(out); err != nil {
			return nil, fmt.Errorf("%s: %w", side(i), err)
		}
	}
	for n, args := range chunk {
		var raw [2][]byte
		for i, c := range conns {
			if raw[i], err = c.ReceiveRaw(); err != nil {
				return nil, fmt.Errorf("%s, waiting for the reply of %.200q: %w", side(i), args, err)
			}
		}
		if found == nil && !cmp.same(args, raw[0], raw[1]) {
			found = &difference{index: n, ours: string(raw[0]), theirs: string(raw[1])}
		}
	}
	return found, nil
}

// digests asks both for DEBUG DIGEST, over connections of their own: the stream's may stand within MULTI. SCAN removes the keys whose
// time is over, which nothing has asked for and the digest would count.
func (d *duel) digests() (digests [2]string, err error) {
	const databases = 16
	var sweep []byte
	for db := range databases {
		sweep = testbed.AppendCommand(sweep, "SELECT", strconv.Itoa(db))
		sweep = testbed.AppendCommand(sweep, "SCAN", "0", "COUNT", "100000")
	}
	for i, c := range d.admin {
		if err := c.SendRaw(sweep); err != nil {
			return digests, fmt.Errorf("%s: %w", side(i), err)
		}
		for range 2 * databases {
			if _, err := c.Receive(); err != nil {
				return digests, fmt.Errorf("%s: %w", side(i), err)
			}
		}
		r, err := c.Do("DEBUG", "DIGEST")
		if err := errors.Join(err, r.Err()); err != nil {
			return digests, fmt.Errorf("%s: DEBUG DIGEST: %w", side(i), err)
		}
		digests[i] = r.Str
	}
	return digests, nil
}

func side(i int) string { return [2]string{"ours", "theirs"}[i] }

// shrinkLimit bounds how often a stream is played again to make it shorter.
const shrinkLimit = 300

// shrink finds the command of a difference and what of the stream it needs. It returns nil when the difference does not come again.
func (d *duel) shrink(stream [][]string, proto int, found *difference) ([][]string, *difference) {
	if found.data { // somewhere among the last commands before the digest
		again, _, err := d.play(stream[:found.index+1], proto, 1)
		if err != nil || again == nil {
			return nil, nil
		}
		found = again
	}
	last := found
	fails := func(s [][]string) bool {
		again, _, err := d.play(s, proto, 0)
		if err != nil || again == nil || again.index != len(s)-1 || again.data != found.data {
			return false
		}
		last = again
		return true
	}
	stream = stream[:found.index+1]
	if !fails(stream) {
		return nil, nil
	}
	return generate.Shrink(stream, shrinkLimit, fails), last
}

// describe prints a stream as a script has it, and where the servers part.
func (found *difference) describe(stream [][]string) string {
	var b strings.Builder
	for _, args := range stream {
		for i, a := range args {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word(a))
		}
		b.WriteByte('\n')
	}
	what := "replies"
	if found.data {
		what = "digests"
	}
	fmt.Fprintf(&b, "%s differ\nours   %s\ntheirs %s", what, short(found.ours), short(found.theirs))
	return b.String()
}

// word quotes an argument where redis-cli needs it, and shortens what is long: {{x*100}} is a script's word for 100 times x.
func word(a string) string {
	for unit := 1; unit <= 3; unit++ {
		if len(a) >= 40 && len(a)%unit == 0 && strings.Repeat(a[:unit], len(a)/unit) == a {
			return fmt.Sprintf(`"{{%s*%d}}"`, strings.Trim(testbed.Quote(a[:unit]), `"`), len(a)/unit)
		}
	}
	quoted := testbed.Quote(a)
	if a == "" || len(quoted) != len(a)+2 || strings.ContainsAny(a, " '{") {
		return quoted
	}
	return a
}
