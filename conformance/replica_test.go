package conformance

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// replicaArgs make a server the replica of another.
func replicaArgs(of *testbed.Server, more ...string) []string {
	return append([]string{"--enable-debug-command", "yes", "--replicaof", "127.0.0.1 " + strconv.Itoa(of.Port)}, more...)
}

// inStep waits until the replica holds its primary's data at its primary's position.
func inStep(t *testing.T, primary, replica *testbed.Client) {
	t.Helper()
	what := func(c *testbed.Client, offset string) string {
		return infoFields(c.Call(t, "INFO", "replication").Str)[offset] + " " + c.Call(t, "DEBUG", "DIGEST").Str
	}
	var want, got string
	if eventually(func() bool {
		want, got = what(primary, "master_repl_offset"), what(replica, "slave_repl_offset")
		return want == got && infoFields(replica.Call(t, "INFO", "replication").Str)["master_link_status"] == "up"
	}) {
		return
	}
	t.Fatalf("the primary is at %s, the replica at %s\n%s", want, got, replica.Call(t, "INFO", "replication").Str)
}

// logged waits until the log has begun anew behind a sync: before that a server does not stop, as Redis does not.
func logged(t *testing.T, c *testbed.Client) {
	t.Helper()
	waitFor(t, "the log", func() bool {
		return infoInt(t, c, "persistence", "aof_rewrite_in_progress")+infoInt(t, c, "persistence", "aof_rewrite_scheduled") == 0
	})
}

// change makes n changes of all types in several databases, in transactions too.
func change(t *testing.T, c *testbed.Client, rng *rand.Rand, n int) {
	t.Helper()
	key := func(kind string) string { return kind + strconv.Itoa(rng.IntN(20)) }
	word := func() string { return strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(100)) }
	number := func() string { return strconv.Itoa(rng.IntN(50)) }
	makers := []func() []string{
		func() []string { return []string{"SET", key("s"), word()} },
		func() []string { return []string{"SET", key("s"), word(), "PX", strconv.Itoa(1 + rng.IntN(500))} },
		func() []string { return []string{"INCRBYFLOAT", key("n"), "0.1"} },
		func() []string { return []string{"SETBIT", key("b"), number(), "1"} },
		func() []string { return []string{"RPUSH", key("l"), word(), number(), word()} },
		func() []string { return []string{"LMOVE", key("l"), key("l"), "LEFT", "RIGHT"} },
		func() []string { return []string{"SADD", key("t"), word(), number(), number()} },
		func() []string { return []string{"SPOP", key("t"), "2"} },
		func() []string { return []string{"HSET", key("h"), number(), word(), word(), number()} },
		func() []string { return []string{"ZADD", key("z"), number(), word(), number(), number()} },
		func() []string { return []string{"ZPOPMAX", key("z")} },
		func() []string { return []string{"XADD", key("x"), "MAXLEN", "~", "30", "*", "f", word()} },
		func() []string { return []string{"PFADD", key("p"), word(), number()} },
		func() []string { return []string{"PEXPIRE", key("l"), strconv.Itoa(1 + rng.IntN(900))} },
		func() []string { return []string{"UNLINK", key("h"), key("x")} },
		func() []string { return []string{"RENAME", key("s"), key("s")} },
		func() []string {
			return []string{"EVAL", "redis.call('RPUSH',KEYS[1],ARGV[1]) return redis.call('INCR',KEYS[2])", "2", key("l"), key("i"), word()}
		},
		func() []string { return []string{"SELECT", strconv.Itoa(rng.IntN(4))} },
		func() []string { return []string{"PUBLISH", "channel", word()} },
	}
	sent := 0
	send := func(args ...string) {
		if err := c.Send(args...); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	for i := 0; i < n; i++ {
		if rng.IntN(20) == 0 {
			send("MULTI")
			for range rng.IntN(4) {
				send(makers[rng.IntN(len(makers))]()...)
			}
			send("EXEC")
			continue
		}
		send(makers[rng.IntN(len(makers))]()...)
	}
	for range sent {
		if _, err := c.Receive(); err != nil {
			t.Fatal(err)
		}
	}
}

// A replica of a stock primary holds the same data at the same position, after a full sync by every road, when the link drops on either
// side, and after a clean stop and a kill, where it goes on from what it has on disk.
func TestReplicaOfStock(t *testing.T) {
	for _, c := range []struct {
		peer             string
		primary, replica []string
	}{
		{"redict-server", []string{"--repl-diskless-sync", "no"}, []string{"--appendonly", "yes"}},
		{"redis-server", []string{"--repl-diskless-sync-delay", "0"}, []string{"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-load", "swapdb"}},
		{"valkey-server", []string{"--repl-diskless-sync-delay", "0"}, []string{"--save", "3600 1000000", "--repl-diskless-load", "on-empty-db"}},
	} {
		t.Run(c.peer, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, 11))
			p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, c.peer), Args: append(c.primary, "--enable-debug-command", "yes")})
			primary := p.Dial(t)
			change(t, primary, rng, 2000)
			r := testbed.Start(t, testbed.Options{Args: replicaArgs(p, c.replica...)})
			replica := r.Dial(t)
			change(t, primary, rng, 2000)
			inStep(t, primary, replica)

			for _, drop := range []func(){
				func() { primary.Call(t, "CLIENT", "KILL", "TYPE", "replica") },
				func() { replica.Call(t, "CLIENT", "KILL", "TYPE", "master") },
			} {
				change(t, primary, rng, 500)
				drop()
				change(t, primary, rng, 500)
				inStep(t, primary, replica)
			}

			logged(t, replica)
			if _, err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			change(t, primary, rng, 300)
			if err := r.Restart(); err != nil {
				t.Fatal(err)
			}
			replica = r.Dial(t)
			inStep(t, primary, replica)
			if c.peer != "valkey-server" { // which keeps no log: what a kill leaves is an older snapshot
				r.Kill()
				change(t, primary, rng, 300)
				if err := r.Restart(); err != nil {
					t.Fatal(err)
				}
				replica = r.Dial(t)
				inStep(t, primary, replica)
			}
			if n := infoInt(t, primary, "stats", "sync_full"); n != 1 {
				t.Errorf("%d full syncs\n%s", n, r.LogTail(30))
			}
			if n := infoInt(t, replica, "stats", "unexpected_error_replies"); n != 0 || strings.Contains(r.LogText(), "CRITICAL") {
				t.Errorf("%d commands of the stream failed\n%s", n, r.LogTail(30))
			}
		})
	}
}

// What a replica's clients are told is what a replica of Redis tells them, with its primary and without.
func TestReplicaReplies(t *testing.T) {
	t.Parallel()
	script := []string{
		"SET a 1", "GET k", "WAIT 0 0", "WAIT x y", "WAITAOF 0 0 0", "WAITAOF 2 0 0", "ROLE", "EVAL return(1) 0", "EVAL return(redis.call('set','a','1')) 0",
		"EVAL #!lua\nreturn(1) 0", "EVAL #!lua\x20flags=no-writes\nreturn(1) 0", "EXPIRE k 10", "GETEX k EX 10", "SPOP s", "SORT k STORE l", "MULTI", "SET a 1", "GET k", "EXEC",
		"EXISTS gone", "TTL gone", "CONFIG GET replicaof", "CONFIG SET replicaof 127.0.0.1\x2010", "REPLICAOF a b", "REPLICAOF 127.0.0.1 70000", "SLAVEOF NO",
		"REPLCONF GETACK", "CLIENT LIST TYPE slave", "CONFIG SET replica-read-only no", "SET local 1", "SET passing 1 PX 1",
		"EXISTS passing", "CONFIG SET replica-read-only yes", "DEL local",
		"CONFIG SET replica-serve-stale-data no", "@cut", "GET k", "SET a 1", "EVAL return(1) 0", "EVAL #!lua\nreturn(1) 0", "EVAL #!lua\x20flags=allow-stale,no-writes\nreturn(redis.call('get','k')) 0",
		"PING", "ROLE", "MULTI", "GET k", "EXEC", "CONFIG SET replica-serve-stale-data yes", "GET k", "REPLICAOF NO ONE", "REPLICAOF NO ONE", "SET a 1", "GET a",
	}
	run := func(t *testing.T, binary string) (out []string) {
		p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: []string{"--repl-diskless-sync-delay", "0"}})
		primary := p.Dial(t)
		primary.Call(t, "SET", "k", "v")
		r := testbed.Start(t, testbed.Options{Binary: binary, Args: replicaArgs(p)})
		c := r.Dial(t)
		waitFor(t, "the link", func() bool { return infoFields(c.Call(t, "INFO", "replication").Str)["master_link_status"] == "up" })
		primary.Call(t, "SET", "gone", "v", "PX", "1")
		if n := primary.Call(t, "WAIT", "1", "60000").Int; n != 1 {
			t.Fatalf("WAIT says %d", n)
		}
		time.Sleep(5 * time.Millisecond)
		for _, line := range script {
			if line == "@cut" {
				p.Kill()
				waitFor(t, "the link's end", func() bool { return infoFields(c.Call(t, "INFO", "replication").Str)["master_link_status"] == "down" })
				continue
			}
			args := strings.Split(line, " ")
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "\x20", " ")
			}
			if strings.HasPrefix(line, "EVAL #!lua") || strings.HasPrefix(line, "CONFIG SET replicaof") {
				args = strings.SplitN(line, " ", 2)
				last := strings.LastIndex(line, " ")
				if args[0] == "EVAL" {
					args = []string{"EVAL", line[len("EVAL "):last], "0"}
				} else {
					args = []string{"CONFIG", "SET", "replicaof", line[len("CONFIG SET replicaof "):]}
				}
			}
			if strings.HasPrefix(line, "SET passing") {
				c.Call(t, args...)
				waitFor(t, "the key's end", func() bool { return c.Call(t, "DBSIZE").Int == 2 }) // k and local are left
				continue
			}
			reply, err := c.Do(args...)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(testbed.Format(reply), strconv.Itoa(p.Port), "PORT")
			if line == "ROLE" {
				text = strings.Join(strings.Split(text, "\n")[:4], "\n") // the offset moves
				text = strings.ReplaceAll(text, "connecting", "connect")
			}
			out = append(out, line+"\n"+text)
		}
		return out
	}
	want := run(t, testbed.Peer(t, "redict-server"))
	got := run(t, testbed.Subject(t))
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("ours:\n%s\nRedis's:\n%s", got[i], want[i])
		}
	}
}

// I21: a snapshot that is cut short, or damaged, or does not end where it should, changes nothing, in memory or on disk.
func TestReplicaRefusesDamagedSnapshot(t *testing.T) {
	p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server")})
	change(t, p.Dial(t), rand.New(rand.NewPCG(1, 2)), 500)
	p.Dial(t).Call(t, "SAVE")
	good, err := os.ReadFile(filepath.Join(p.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)/2] ^= 4
	mark := strings.Repeat("e", 40)
	for _, load := range []string{"disabled", "swapdb"} {
		t.Run(load, func(t *testing.T) {
			t.Parallel()
			bodies := make(chan string, 1)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go playPrimary(l, bodies)
			r := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--appendonly", "yes", "--repl-diskless-load", load}})
			c := r.Dial(t)
			c.Call(t, "SET", "mine", "kept")
			digest := c.Call(t, "DEBUG", "DIGEST").Str
			bodies <- fmt.Sprintf("$%d\r\n%s", len(good), good[:len(good)/2])
			c.Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
			for _, body := range []string{
				fmt.Sprintf("$%d\r\n%s", len(flipped), flipped),
				"$EOF:" + mark + "\r\n" + string(flipped) + mark,
				fmt.Sprintf("$%d\r\n%s", len(good)-3, good[:len(good)-3]),
				"$EOF:" + mark + "\r\n" + string(good[:len(good)-20]) + mark,
				"$5\r\nhello",
			} {
				bodies <- body
				if got := c.Call(t, "DEBUG", "DIGEST").Str; got != digest {
					t.Fatalf("the data changed: %s", r.LogTail(10))
				}
			}
			bodies <- "-ERR enough\r\n"
			waitFor(t, "the last one's end", func() bool {
				return strings.Contains(r.LogText(), "MASTER aborted replication with an error: ERR enough")
			})
			if got := c.Call(t, "DEBUG", "DIGEST").Str; got != digest {
				t.Fatalf("the data changed: %s", r.LogTail(10))
			}
			r.Kill()
			if err := r.Restart(); err != nil {
				t.Fatal(err)
			}
			if got := r.Dial(t).Call(t, "GET", "mine").Str; got != "kept" {
				t.Errorf("after a restart: %q", got)
			}
			if left, _ := filepath.Glob(filepath.Join(r.Dir, "temp-*.rdb")); len(left) != 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// playPrimary answers each replica with the next snapshot, and ends the connection.
func playPrimary(l net.Listener, bodies <-chan string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		br := bufio.NewReader(conn)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				break
			}
			switch strings.TrimSpace(line) {
			case "PING":
				_, _ = io.WriteString(conn, "+PONG\r\n")
			case "listening-port", "psync2":
				_, _ = io.WriteString(conn, "+OK\r\n")
			case "PSYNC":
				_, _ = io.WriteString(conn, "+FULLRESYNC "+strings.Repeat("ab", 20)+" 5\r\n"+<-bodies)
				// The other side reads to the end of it.
				if tcp, ok := conn.(*net.TCPConn); ok {
					_ = tcp.CloseWrite()
				}
			}
		}
		conn.Close()
	}
}

// A promoted replica begins a new history whose past is its primary's; both survive a restart, and CONFIG REWRITE writes who is followed.
func TestReplicaPromotion(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0",
		"--repl-ping-replica-period", "36000"}}) // its pings would move the position between two looks
	primary := p.Dial(t)
	primary.Call(t, "SET", "a", "1")
	dir := testbed.TempDir(t)
	conf := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(conf, []byte("appendonly yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := testbed.Start(t, testbed.Options{Dir: dir, Args: replicaArgs(p, "--appendonly", "yes")})
	c := r.Dial(t)
	inStep(t, primary, c)
	logged(t, c)
	at := infoFields(primary.Call(t, "INFO", "replication").Str)
	blocked := r.Dial(t)
	c.Call(t, "REPLICAOF", "NO", "ONE")
	c.Call(t, "SET", "b", "2")
	now := infoFields(c.Call(t, "INFO", "replication").Str)
	if now["role"] != "master" || now["master_replid2"] != at["master_replid"] || now["master_replid"] == at["master_replid"] {
		t.Errorf("after the promotion: %v", now)
	}
	if end, _ := strconv.Atoi(at["master_repl_offset"]); now["second_repl_offset"] != strconv.Itoa(end+1) {
		t.Errorf("second_repl_offset %s, want %d", now["second_repl_offset"], end+1)
	}
	if err := blocked.Send("BLPOP", "nothing", "0"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the client to block", func() bool { return infoInt(t, c, "clients", "blocked_clients") == 1 })
	r.SetArgs("--enable-debug-command", "yes", "--appendonly", "yes")
	if _, err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	c = r.Dial(t)
	again := infoFields(c.Call(t, "INFO", "replication").Str)
	for _, f := range []string{"master_replid", "master_replid2", "second_repl_offset", "master_repl_offset"} {
		if again[f] != now[f] {
			t.Errorf("%s is %s after a clean restart, was %s", f, again[f], now[f])
		}
	}
	// Back to the old primary, which knows nothing of what was written here.
	blocked = r.Dial(t)
	if err := blocked.Send("BLPOP", "nothing", "0"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the client to block", func() bool { return infoInt(t, c, "clients", "blocked_clients") == 1 })
	c.Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(p.Port))
	if reply, err := blocked.Receive(); err != nil || !strings.HasPrefix(reply.Str, "UNBLOCKED force unblock") {
		t.Errorf("a blocked client hears %v, %v", reply, err)
	}
	inStep(t, primary, c)
	if got := c.Call(t, "EXISTS", "b").Int; got != 0 {
		t.Error("a write of the other history is still there")
	}
}

// I22: in hardened mode a primary that has lost everything does not empty its replica unasked; in strict mode it does, as with Redis.
func TestReplicaOfEmptyPrimary(t *testing.T) {
	p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: []string{"--repl-diskless-sync-delay", "0"}})
	for _, load := range []string{"disabled", "swapdb"} {
		for _, mode := range []string{"hardened", "strict"} {
			t.Run(load+" "+mode, func(t *testing.T) {
				t.Parallel()
				r := testbed.Start(t, testbed.Options{Args: []string{"--fr-mode", mode, "--repl-diskless-load", load, "--appendonly", "yes"}})
				c := r.Dial(t)
				c.Call(t, "SET", "mine", "kept")
				c.Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(p.Port))
				want, done := "hardened mode: the primary has no keys", ""
				if mode == "strict" {
					want = "MASTER <-> REPLICA sync: Finished with success"
				}
				waitForText(t, r.LogText, want)
				if mode == "hardened" {
					done = "kept"
				}
				if got := c.Call(t, "GET", "mine").Str; got != done {
					t.Errorf("%q\n%s", got, r.LogTail(10))
				}
			})
		}
	}
}

// I22: a primary that was started empty, or with less than its replica has, tells so; in hardened mode the replica keeps its data until the
// operator gives it up.
func TestReplicaAheadOfPrimary(t *testing.T) {
	for _, mode := range []string{"hardened", "strict"} {
		for _, lost := range []string{"everything", "the end"} {
			t.Run(mode+" "+lost, func(t *testing.T) {
				t.Parallel()
				p := testbed.Start(t, testbed.Options{Args: []string{"--fr-mode", mode, "--appendonly", "yes", "--save", "", "--repl-diskless-sync-delay", "0"}})
				primary := p.Dial(t)
				primary.Call(t, "SET", "first", "1")
				r := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: replicaArgs(p)})
				replica := r.Dial(t)
				waitForText(t, p.LogText, "Synchronization with replica")
				old := filepath.Join(t.TempDir(), "old")
				if lost == "the end" {
					ok(t, p.Pause()) // no file comes or goes while it is copied
					ok(t, os.CopyFS(old, os.DirFS(p.Dir)))
					ok(t, p.Signal(syscall.SIGCONT))
				}
				primary.Call(t, "SET", "second", "2")
				if n := primary.Call(t, "WAIT", "1", "60000").Int; n != 1 {
					t.Fatalf("WAIT says %d", n)
				}
				p.Kill()
				if err := os.RemoveAll(filepath.Join(p.Dir, "appendonlydir")); err != nil {
					t.Fatal(err)
				}
				if lost == "the end" {
					if err := os.RemoveAll(p.Dir); err != nil {
						t.Fatal(err)
					}
					if err := os.CopyFS(p.Dir, os.DirFS(old)); err != nil {
						t.Fatal(err)
					}
				} else if err := os.RemoveAll(filepath.Join(p.Dir, "ledger")); err != nil {
					t.Fatal(err)
				}
				if err := p.Restart(); err != nil {
					t.Fatal(err)
				}
				primary = p.Dial(t)
				replica.Call(t, "REPLICAOF", "127.0.0.1", strconv.Itoa(p.Port))
				waitForText(t, p.LogText, "is ahead: it has the stream")
				if mode == "hardened" {
					waitForText(t, r.LogText, "NOMASTERLINK Can't SYNC: the replica has data")
					if got := replica.Call(t, "GET", "second").Str; got != "2" {
						t.Errorf("the replica has lost %q\n%s", got, p.LogTail(20))
					}
					waitForText(t, func() string { return primary.Call(t, "FR.EVIDENCE", "COUNT", "100").String() }, "replica-ahead")
					primary.Call(t, "CONFIG", "SET", "fr-sync-behind", "yes")
				}
				waitFor(t, "the replica to obey", func() bool { return replica.Call(t, "EXISTS", "second").Int == 0 })
			})
		}
	}
}
