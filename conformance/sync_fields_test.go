package conformance

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Before the primary has said how much comes, the fields of a replica that waits for a full sync are those of Redis.
func TestSyncFieldsBeforeSnapshot(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for in := bufio.NewScanner(conn); in.Scan(); {
			reply := ""
			switch in.Text() { // the last word of each command
			case "PING":
				reply = "+PONG\r\n"
			case "psync2":
				reply = "+OK\r\n"
			case "-1":
				reply = "+FULLRESYNC " + strings.Repeat("a", 40) + " 100\r\n"
			case "listening-port":
				in.Scan()
				in.Scan()
				reply = "+OK\r\n"
			}
			if _, err := io.WriteString(conn, reply); err != nil {
				return
			}
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := testbed.Start(t, testbed.Options{Args: []string{"--replicaof", "127.0.0.1 " + port}}).Dial(t)
	var got map[string]string
	waitFor(t, "the full sync", func() bool {
		got = infoFields(c.Call(t, "INFO", "replication").Str)
		return got["master_sync_in_progress"] == "1"
	})
	for field, want := range map[string]string{"total_bytes": "-1", "read_bytes": "0", "left_bytes": "-1", "perc": "-0.00"} {
		if got := got["master_sync_"+field]; got != want {
			t.Errorf("master_sync_%s is %s, want %s", field, got, want)
		}
	}
}

// INFO tells how far a snapshot is that is loaded beside the data set, as of one that is loaded in its place.
func TestLoadingFieldsBeside(t *testing.T) {
	t.Parallel()
	p := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redict-server"), Args: []string{"--repl-diskless-sync-delay", "0",
		"--repl-backlog-size", "16kb", "--enable-debug-command", "yes"}})
	primary := p.Dial(t)
	primary.Call(t, "DEBUG", "POPULATE", "3000", "k", "100")
	r := testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--repl-diskless-load", "swapdb")})
	c := r.Dial(t)
	inStep(t, primary, c)
	c.Call(t, "CONFIG", "SET", "key-load-delay", "500")
	ok(t, r.Pause())
	for range 4 { // more than the backlog and the sockets on the way have room for
		primary.Call(t, "SET", "much", strings.Repeat("x", 8<<20))
	}
	primary.Call(t, "CLIENT", "KILL", "TYPE", "replica")
	ok(t, r.Signal(syscall.SIGCONT))
	fields := []string{"loading_start_time", "loading_total_bytes", "loading_rdb_used_mem", "loading_loaded_bytes", "loading_loaded_perc", "loading_eta_seconds"}
	var got map[string]string
	info := func() map[string]string { return infoFields(c.Call(t, "INFO", "persistence").Str) }
	waitFor(t, "a snapshot beside", func() bool {
		got = info()
		return got["async_loading"] == "1"
	})
	for _, f := range fields {
		if got[f] == "" {
			t.Errorf("%s is not told", f)
		}
	}
	if got["loading"] != "0" {
		t.Errorf("loading:%s", got["loading"])
	}
	if began, _ := strconv.ParseInt(got["loading_start_time"], 10, 64); time.Since(time.Unix(began, 0)) > time.Minute {
		t.Errorf("it began at %d", began)
	}
	c.Call(t, "CONFIG", "SET", "key-load-delay", "0")
	waitFor(t, "its end", func() bool { got = info(); return got["async_loading"] == "0" })
	if got["loading_start_time"] != "" {
		t.Error("the fields stay")
	}
}
