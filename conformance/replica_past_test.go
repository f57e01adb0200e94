package conformance

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/testbed"
)

// I9: a replica that missed more than the backlog holds goes on without a full sync, from the primary's append-only file: after it stood
// still, after the primary was restarted in order, and after the primary was killed. Where the file is damaged it gets a full sync.
func TestReplicaServedFromFiles(t *testing.T) {
	for _, peer := range []string{"", "redict-server", "valkey-server"} {
		t.Run("to "+peer, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(21, 22))
			p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", "yes", "--repl-diskless-sync-delay", "0",
				"--repl-backlog-size", "16kb", "--fr-aof-keep-generations", "1"}})
			primary := p.Dial(t)
			binary := testbed.Subject(t)
			if peer != "" {
				binary = testbed.Peer(t, peer)
			}
			r := testbed.Start(t, testbed.Options{Binary: binary, Args: replicaArgs(p)})
			change(t, primary, rng, 500)
			inStep(t, primary, r.Dial(t))
			logged(t, primary)

			behind := func(meanwhile func()) {
				t.Helper()
				ok(t, r.Pause())
				primary.Call(t, "CLIENT", "KILL", "TYPE", "replica")
				change(t, primary, rng, 500)
				primary.Call(t, "BGREWRITEAOF")
				logged(t, primary)
				change(t, primary, rng, 500)
				primary.Call(t, "SET", "large", strings.Repeat("x", 300_000))
				meanwhile()
				if err := r.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				r.Dial(t).Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(p.Port)) // a restart brings another port
				change(t, primary, rng, 100)
				inStep(t, primary, r.Dial(t))
			}
			restart := func() {
				t.Helper()
				if err := p.Restart(); err != nil {
					t.Fatal(err)
				}
				primary = p.Dial(t)
			}
			behind(func() {})
			if full := infoInt(t, primary, "stats", "sync_full"); full != 1 {
				t.Fatalf("%d full syncs\n%s", full, p.LogTail(30))
			}
			behind(func() {
				if _, err := p.Stop(); err != nil {
					t.Fatal(err)
				}
				restart()
			})
			behind(func() { p.Kill(); restart() })
			if full, partial := infoInt(t, primary, "stats", "sync_full"), infoInt(t, primary, "stats", "sync_partial_ok"); full != 0 || partial != 1 {
				t.Fatalf("after a kill %d full syncs, %d partial\n%s", full, partial, p.LogTail(30))
			}
			if n := strings.Count(p.LogText(), "of the append-only file starting"); n != 3 {
				t.Errorf("the file was used %d times\n%s", n, p.LogTail(30))
			}

			behind(func() {
				files, err := filepath.Glob(filepath.Join(p.Dir, "appendonlydir", "*.incr.aof"))
				if err != nil || len(files) == 0 {
					t.Fatal(files, err)
				}
				for _, name := range files { // whichever has what the replica needs
					content, err := os.ReadFile(name)
					if err != nil {
						t.Fatal(err)
					}
					f, err := os.OpenFile(name, os.O_WRONLY, 0)
					if err != nil {
						t.Fatal(err)
					}
					for pos := 0; pos < len(content)-4096; pos += 4096 {
						if _, err := f.WriteAt([]byte{content[pos] ^ 1}, int64(pos)); err != nil {
							t.Fatal(err)
						}
					}
					f.Close()
				}
			})
			if full := infoInt(t, primary, "stats", "sync_full"); full != 1 {
				t.Errorf("%d full syncs from a damaged file\n%s", full, p.LogTail(30))
			}
			if strings.Contains(r.LogText(), "CRITICAL") {
				t.Errorf("commands of the stream failed\n%s", r.LogTail(30))
			}
		})
	}
}

// The log changes to its next increment between a replica's question and the answer: what it is sent goes on there.
func TestServedFromFilesDuringSwitch(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
		"--repl-backlog-size", "16kb", "--aof-disable-auto-gc", "yes"}}) // what the rewrite replaces stays, also if that is quick
	primary := p.Dial(t)
	r := testbed.Start(t, testbed.Options{Args: replicaArgs(p)})
	inStep(t, primary, r.Dial(t))
	for range 10 {
		got := infoFields(primary.Call(t, "INFO", "replication").Str)
		asked := p.Dial(t)
		for range 10 {
			primary.Call(t, "SET", "k", strings.Repeat("x", 10_000))
		}
		for _, command := range [][]string{{"BGREWRITEAOF"}, {"SET", "k", "last"}} { // in one turn, or nearly
			ok(t, primary.Send(command...))
		}
		from, err := strconv.Atoi(got["master_repl_offset"])
		ok(t, err)
		reply := asked.Call(t, "PSYNC", got["master_replid"], strconv.Itoa(from+1))
		if !strings.HasPrefix(reply.Str, "CONTINUE") {
			t.Fatalf("%+v\n%s", reply, p.LogTail(20))
		}
		last := ""
		for last != "last" {
			command, err := asked.Receive()
			if err != nil {
				t.Fatalf("behind %.20q: %v\n%s", last, err, p.LogTail(20))
			}
			if len(command.Elems) == 3 && command.Elems[0].Str == "SET" {
				last = command.Elems[2].Str
			}
		}
		for range 2 {
			_, err := primary.Receive()
			ok(t, err)
		}
		ok(t, asked.Close())
		logged(t, primary)
	}
}
