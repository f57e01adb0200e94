package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/generate"
	"frankenredis/conformance/testbed"
)

// Random commands give a replica the same stream: what they were turned into, grouped in the same transactions, argument by argument. Only
// times of day may differ, by what lies between the two servers' turns.
func TestRandomStream(t *testing.T) {
	d := newDuel(t, "redict-server")
	commands := knownTo(t, d.servers[0])
	for i := range d.servers {
		for _, set := range [][]string{{"repl-diskless-sync", "no"}, {"repl-ping-replica-period", "3600"}} {
			if r := d.admin[i].Call(t, "CONFIG", "SET", set[0], set[1]); r.Err() != nil {
				t.Fatal(r.Err())
			}
		}
	}
	var replicas [2]*replicaEar
	for i, s := range d.servers {
		c := s.Dial(t)
		ok(t, c.Send("SYNC"))
		r, err := newReplicaEar(c)
		ok(t, err)
		replicas[i] = r
	}
	for _, f := range families {
		if generate.New(1, commands, f.weights) == nil || generate.New(1, commands, generate.Weights{f.name: 1}) == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			first, n := f.run(max(f.seeds/8, 1))
			total := 0
			for seed := first; seed < first+uint64(n) && !t.Failed(); seed++ {
				began := time.Now()
				stream := generate.New(seed, commands, f.weights).Commands(*lengthFlag)
				frames, why, err := d.overhear(stream, replicas)
				total += frames
				e := testbed.Entry{Suite: "random", Case: "stream of " + f.name, Seed: seed, Millis: testbed.Millis(began), Outcome: testbed.Pass,
					Replay: fmt.Sprintf("go test ./conformance -count=1 -run '^TestRandomStream$/^%s$' -seed %d -length %d", f.name, seed, *lengthFlag)}
				if err != nil || why != "" {
					e.Outcome, e.Reason = testbed.Fail, "streams differ"
					t.Errorf("seed %d: %s%v\nreplay: %s", seed, why, err, e.Replay)
				}
				testbed.Record(t, e)
				if err != nil {
					t.FailNow()
				}
			}
			t.Logf("%d seeds of %d commands, %d frames", n, *lengthFlag, total)
			if total < 10*n && f.name != "connection" {
				t.Error("hardly anything was propagated")
			}
		})
	}
}

// overhear starts both servers from nothing, gives them a stream command by command, and compares what each sends its replica for it. It
// returns how many frames there were, and what differs, or "".
func (d *duel) overhear(stream [][]string, replicas [2]*replicaEar) (count int, why string, err error) {
	var conns [2]*testbed.Client
	for i, s := range d.servers {
		for _, reset := range [][]string{{"DEBUG", "SET-ACTIVE-EXPIRE", "0"}, {"FLUSHALL"}, {"FUNCTION", "FLUSH"}, {"SCRIPT", "FLUSH"}} {
			if _, err := d.admin[i].Do(reset...); err != nil {
				return 0, "", fmt.Errorf("%s: %w", side(i), err)
			}
		}
		if conns[i], err = s.DialErr(); err != nil {
			return 0, "", err
		}
		defer conns[i].Close()
		if _, err := d.overheard(i, replicas[i]); err != nil {
			return 0, "", fmt.Errorf("%s, at the start: %w", side(i), err)
		}
	}
	cmp := &comparison{}
	for n, args := range stream {
		found, err := exchange(conns, [][]string{args}, cmp)
		if err != nil {
			return count, "", fmt.Errorf("at command %d: %w", n, err)
		}
		var frames [2][][]string
		for i := range d.servers {
			if frames[i], err = d.overheard(i, replicas[i]); err != nil {
				return count, "", fmt.Errorf("%s, stream of command %d, %q: %w", side(i), n, args, err)
			}
		}
		count += len(frames[0])
		if found != nil {
			return count, "", nil // the replies differ: TestRandom's matter
		}
		if !slices.EqualFunc(frames[0], frames[1], sameFrame) {
			return count, fmt.Sprintf("command %d, %q, with what came before:\n%sour stream   %q\ntheir stream %q\n",
				n, args, listing(stream[max(0, n-6):n+1]), frames[0], frames[1]), nil
		}
	}
	return count, "", nil
}

// overheard returns what a server has sent its replica since the last time: it has the server send a mark, and reads up to that.
func (d *duel) overheard(i int, r *replicaEar) ([][]string, error) {
	r.marks++
	mark := strconv.Itoa(r.marks)
	if _, err := d.admin[i].Do("PUBLISH", "mark", mark); err != nil {
		return nil, err
	}
	var frames [][]string
	for {
		f, err := r.next()
		switch {
		case err != nil:
			return frames, err
		case len(f) == 3 && f[1] == "mark" && f[2] == mark:
			return frames, nil
		case len(f) == 3 && strings.EqualFold(f[0], "REPLCONF"): // GETACK, when one is due
		default:
			frames = append(frames, f)
		}
	}
}

// sameFrame compares frames; times of day in milliseconds may lie a few seconds apart.
func sameFrame(a, b []string) bool {
	const apart = 5000
	return slices.EqualFunc(a, b, func(x, y string) bool {
		if x == y {
			return true
		}
		n, err := strconv.ParseInt(x, 10, 64)
		m, err2 := strconv.ParseInt(y, 10, 64)
		return err == nil && err2 == nil && n > 1e12 && m > 1e12 && max(n-m, m-n) < apart
	})
}

// replicaEar is a replica that does nothing with what it hears.
type replicaEar struct {
	c     *testbed.Client
	r     *bufio.Reader
	marks int
}

// newReplicaEar reads the snapshot that a server sends in answer to SYNC.
func newReplicaEar(c *testbed.Client) (*replicaEar, error) {
	e := &replicaEar{c: c, r: bufio.NewReader(c.Conn)}
	for {
		line, err := e.line()
		switch {
		case err != nil:
			return nil, err
		case line == "": // a sign of life while the snapshot is made
		case line[0] != '$' || strings.HasPrefix(line, "$EOF"):
			return nil, fmt.Errorf("a snapshot that begins with %q", line)
		default:
			n, err := strconv.ParseInt(line[1:], 10, 64)
			if err == nil {
				_, err = io.CopyN(io.Discard, e.r, n)
			}
			return e, err
		}
	}
}

func (e *replicaEar) line() (string, error) {
	if err := e.c.Conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	line, err := e.r.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// next reads one frame, an array of strings.
func (e *replicaEar) next() ([]string, error) {
	number := func(kind byte) (int, error) {
		line, err := e.line()
		if err == nil && (line == "" || line[0] != kind) {
			err = errors.New("a frame with the line " + strconv.Quote(line))
		}
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(line[1:])
	}
	n, err := number('*')
	if err != nil {
		return nil, err
	}
	f := make([]string, n)
	for i := range f {
		size, err := number('$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(e.r, b); err != nil {
			return nil, err
		}
		f[i] = string(b[:size])
	}
	return f, nil
}
