package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// I7: the order in which commands of many clients were executed, which a list shows that all push to, is their order in the log and in what
// replicas are sent; and it is each client's own order.
func TestI7OneOrder(t *testing.T) {
	for _, policy := range []string{"always", "everysec"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", policy, "--repl-diskless-sync", "no",
				"--auto-aof-rewrite-percentage", "0", "--client-output-buffer-limit", "replica 0 0 0"}})
			replica := s.Dial(t)
			stream := followStream(t, replica)
			const clients, rounds = 6, 120
			errs := make(chan error, clients)
			for n := range clients {
				c := s.Dial(t)
				go func() { errs <- pushAll(c, n, rounds) }()
			}
			for range clients {
				ok(t, <-errs)
			}
			var executed []string
			admin := s.Dial(t)
			for _, e := range admin.Call(t, "LRANGE", "l", "0", "-1").Elems {
				executed = append(executed, e.Str)
			}
			if len(executed) != clients*rounds*3 {
				t.Fatalf("%d elements", len(executed))
			}
			next := map[string]int{}
			for _, e := range executed {
				client, n, _ := strings.Cut(e, ":")
				if n != strconv.Itoa(next[client]) {
					t.Fatalf("client %s: %s is at the place of its %d", client, n, next[client])
				}
				next[client]++
			}
			sent, err := pushes(stream, len(executed))
			ok(t, err)
			if at := firstDifference(sent, executed); at >= 0 {
				t.Errorf("the replica's stream differs from place %d on: %q, executed %q", at, around(sent, at), around(executed, at))
			}
			replica.Close() // it acknowledges nothing: the server would wait for it
			waitFor(t, "the replica's end", func() bool { return infoInt(t, admin, "replication", "connected_slaves") == 0 })
			stop(t, s)
			files, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.incr.aof"))
			ok(t, err)
			var log bytes.Buffer
			for _, name := range files {
				p, err := os.ReadFile(name)
				ok(t, err)
				log.Write(p)
			}
			logged, err := pushes(bufio.NewReader(&log), len(executed))
			ok(t, err)
			if at := firstDifference(logged, executed); at >= 0 {
				t.Errorf("the log differs from place %d on: %q, executed %q", at, around(logged, at), around(executed, at))
			}
		})
	}
}

// pushAll pushes numbered elements, in a pipeline, one alone and two in a transaction.
func pushAll(c *testbed.Client, client, rounds int) error {
	const batch = 20
	element := 0
	push := func(out []byte) []byte {
		out = testbed.AppendCommand(out, "RPUSH", "l", fmt.Sprintf("%d:%d", client, element))
		element++
		return out
	}
	for round := 0; round < rounds; round += batch {
		var out []byte
		for range batch {
			out = push(out)
			out = testbed.AppendCommand(out, "MULTI")
			out = push(push(out))
			out = testbed.AppendCommand(out, "EXEC")
		}
		if err := c.SendRaw(out); err != nil {
			return err
		}
		for range 5 * batch {
			if r, err := c.Receive(); err != nil || r.Err() != nil {
				return fmt.Errorf("%v, %v", r, err)
			}
		}
	}
	return nil
}

// followStream makes a connection a replica's, and returns what comes behind the snapshot.
func followStream(t *testing.T, c *testbed.Client) *bufio.Reader {
	t.Helper()
	ok(t, c.Send("PSYNC", "?", "-1"))
	br := bufio.NewReader(c.Conn)
	for {
		line, err := br.ReadString('\n')
		ok(t, err)
		if size, found := strings.CutPrefix(strings.TrimSpace(line), "$"); found {
			n, err := strconv.ParseInt(size, 10, 64)
			ok(t, err)
			_, err = io.CopyN(io.Discard, br, n)
			ok(t, err)
			return br
		}
	}
}

// pushes are the elements of the first n RPUSH in a stream or log.
func pushes(br *bufio.Reader, n int) (elements []string, err error) {
	for len(elements) < n {
		first, err := br.Peek(1)
		if err != nil {
			return elements, fmt.Errorf("behind %d elements of %d: %w", len(elements), n, err)
		}
		if first[0] == '#' || first[0] == '\n' {
			if _, err := br.ReadString('\n'); err != nil {
				return elements, err
			}
			continue
		}
		r, err := testbed.ReadReply(br)
		if err != nil {
			return elements, err
		}
		if len(r.Elems) == 3 && strings.EqualFold(r.Elems[0].Str, "RPUSH") {
			elements = append(elements, r.Elems[2].Str)
		}
	}
	return elements, nil
}

// firstDifference is where two lists differ first; -1: nowhere.
func firstDifference(a, b []string) int {
	if slices.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func around(all []string, at int) []string { return all[max(at-2, 0):min(at+3, len(all))] }
