package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

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
