package conformance

import (
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// In hardened mode each bound on what one client may ask for is kept, and recorded with its threat class; in strict mode the same
// requests are served as by Redis.
func TestHardenedDoor(t *testing.T) {
	t.Parallel()
	bounds := []string{"--fr-max-arguments", "20", "--fr-max-key-bytes", "100", "--fr-max-queued", "3", "--fr-max-pipeline", "500",
		"--fr-max-client-memory", "16mb"}
	for _, mode := range []string{"strict", "hardened"} {
		hardened := mode == "hardened"
		s := testbed.Start(t, testbed.Options{Args: append([]string{"--fr-mode", mode}, bounds...)})
		c := s.Dial(t)
		long := strings.Repeat("k", 101)

		// A long key is refused, and only where it is written; a long value is none.
		for _, argv := range [][]string{{"SET", long, "v"}, {"MSET", "a", "1", long, "2"}, {"RENAME", "a", long}} {
			c.Call(t, "SET", "a", "1")
			if got := said(t, c, argv...); strings.Contains(got, "fr-max-key-bytes") != hardened {
				t.Errorf("%s: %s: %s", mode, argv[0], got)
			}
		}
		for _, argv := range [][]string{{"SET", "k", long}, {"GET", long}} {
			if got := said(t, c, argv...); strings.Contains(got, "ERR") {
				t.Errorf("%s: %s: %s", mode, argv[0], got)
			}
		}

		// A transaction that grows too long cannot be executed.
		c.Call(t, "MULTI")
		for i := range 4 {
			if got := said(t, c, "INCR", "n"); strings.Contains(got, "fr-max-queued") != (hardened && i == 3) {
				t.Errorf("%s: command %d of a transaction: %s", mode, i, got)
			}
		}
		if got := said(t, c, "EXEC"); strings.Contains(got, "EXECABORT") != hardened {
			t.Errorf("%s: EXEC: %s", mode, got)
		}

		// More arguments end the connection; as many as are allowed do not.
		if got := said(t, c, slices.Concat([]string{"DEL"}, make([]string, 19))...); strings.Contains(got, "ERR") {
			t.Errorf("%s: 20 arguments: %s", mode, got)
		}
		other := s.Dial(t)
		if got, err := other.Do(slices.Concat([]string{"DEL"}, make([]string, 20))...); err != nil || strings.Contains(got.Str, "multibulk length over the limit") != hardened {
			t.Errorf("%s: 21 arguments: %s, %v", mode, got.Str, err)
		}

		// Who sends on without ever reading is cut off.
		c.Call(t, "SET", "big", strings.Repeat("x", 1<<20))
		var pipe []byte
		for range 4001 {
			pipe = testbed.AppendCommand(pipe, "GETRANGE", "big", "0", "20000")
		}
		deaf := s.Dial(t)
		_ = deaf.SendRaw(pipe)
		if hardened {
			awaitInfo(t, c, "frankenredis", "fr_refused_pipelines", 1)
			hungry := s.Dial(t)
			pipe = pipe[:0]
			for range 64 {
				pipe = testbed.AppendCommand(pipe, "GET", "big")
			}
			_ = hungry.SendRaw(pipe)
			awaitInfo(t, c, "frankenredis", "fr_refused_client_memory", 1)
		} else {
			for range 4001 {
				if r, err := deaf.Receive(); err != nil || len(r.Str) != 20001 {
					t.Fatalf("strict: a long pipeline: %v", err)
				}
			}
			continue
		}
		want := map[string]string{"too-many-arguments": "parser abuse", "key-too-long": "resource exhaustion",
			"transaction-too-long": "resource exhaustion", "pipeline-too-long": "resource exhaustion", "client-too-large": "resource exhaustion"}
		waitFor(t, "all records, which are made once a second", func() bool {
			for _, l := range ledgerLines(t, s.Dir) {
				if threat, due := want[l.Reason]; due {
					if l.Threat != threat || l.Decision != "bound" || !strings.Contains(l.Detail, "127.0.0.1:") {
						t.Errorf("record %+v", l)
					}
					delete(want, l.Reason)
				}
			}
			return len(want) == 0
		})
		stop(t, s)
	}
}

// said is the text of a reply, also of an error.
func said(t *testing.T, c *testbed.Client, argv ...string) string {
	t.Helper()
	r, err := c.Do(argv...)
	ok(t, err)
	return r.Str
}
