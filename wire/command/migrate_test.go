package command_test

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// target is the other end of MIGRATE: each connection gets one of the answers in turn, when something came, and is closed then or,
// when the answer is empty, left without one.
type target struct {
	port string
	got  chan string // what each connection sent first
}

func newTarget(t *testing.T, answers ...string) *target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tg := &target{port: strconv.Itoa(l.Addr().(*net.TCPAddr).Port), got: make(chan string, len(answers))}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for _, answer := range answers {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			p := make([]byte, 4096)
			n, _ := bufio.NewReader(conn).Read(p)
			tg.got <- string(p[:n])
			if answer != "" {
				_, _ = conn.Write([]byte(answer))
				conn.Close()
			}
		}
	}()
	return tg
}

// Only what the target acknowledged is removed, and that is what is propagated.
func TestMigrateRemovesWhatWasTaken(t *testing.T) {
	const (
		lost  = "-IOERR error or timeout reading to target instance\r\n"
		error = "-ERR Target instance replied with error: "
	)
	for _, c := range []struct {
		name    string
		args    string // behind the timeout
		answers []string
		reply   string
		left    string // of the keys a, b, c
		stream  string
	}{
		{"all", "KEYS a b c", []string{"+OK\r\n+OK\r\n+OK\r\n+OK\r\n"}, "+OK\r\n", "", "DEL a b c"},
		{"a copy", "COPY KEYS a b", []string{"+OK\r\n+OK\r\n+OK\r\n"}, "+OK\r\n", "abc", ""},
		{"the second refused", "KEYS a b c", []string{"+OK\r\n+OK\r\n-BUSYKEY x\r\n+OK\r\n"}, error + "BUSYKEY x\r\n", "b", "DEL a c"},
		{"the database refused", "KEYS a b", []string{"-ERR db\r\n+OK\r\n+OK\r\n"}, error + "ERR db\r\n", "abc", ""},
		{"the password refused", "AUTH pw KEYS a", []string{"-WRONGPASS\r\n-NOAUTH\r\n-NOAUTH\r\n"}, error + "WRONGPASS\r\n", "abc", ""},
		{"cut behind the first", "KEYS a b c", []string{"+OK\r\n+OK\r\n"}, lost, "bc", "DEL a"},
		{"cut behind an error", "KEYS a b", []string{"+OK\r\n-ERR x\r\n"}, error + "ERR x\r\n", "abc", ""},
		{"tried again", "KEYS a", []string{"+OK\r\n", "+OK\r\n+OK\r\n"}, "+OK\r\n", "bc", "DEL a"},
		{"tried again once only", "KEYS a", []string{"+OK\r\n", "+OK\r\n", "+OK\r\n+OK\r\n"}, lost, "abc", ""},
		{"an empty line", "KEYS a", []string{"\n+OK\r\n", "\r\n\r\n"}, "+OK\r\n", "bc", "DEL a"},
		{"no answer", "KEYS a", []string{""}, lost, "abc", ""},
		{"twice the same", "KEYS a a", []string{"+OK\r\n+OK\r\n+OK\r\n"}, "+OK\r\n", "bc", "DEL a a"},
	} {
		b := newBed(t, "", true, nil)
		for _, key := range []string{"a", "b", "c"} {
			b.do(0, "SET", key, "v")
		}
		b.turn()
		b.log.stream = nil
		tg := newTarget(t, c.answers...)
		reply := b.do(0, append([]string{"MIGRATE", "127.0.0.1", tg.port, "", "7", "5000"}, strings.Fields(c.args)...)...)
		b.turn()
		left := ""
		for _, key := range []string{"a", "b", "c"} {
			if b.do(0, "EXISTS", key) == ":1\r\n" {
				left += key
			}
		}
		stream := ""
		if words := strings.Split(string(b.log.stream), "\r\n"); len(words) > 1 {
			for i := 2; i < len(words); i += 2 {
				stream = strings.TrimSpace(stream + " " + words[i])
			}
		}
		if reply != c.reply || left != c.left || stream != c.stream {
			t.Errorf("%s: %q, left %q, streamed %q; want %q, %q, %q", c.name, reply, left, stream, c.reply, c.left, c.stream)
		}
		select {
		case got := <-tg.got:
			if !strings.Contains(got, "SELECT\r\n$1\r\n7\r\n") || !strings.Contains(got, "RESTORE\r\n$1\r\na\r\n$1\r\n0\r\n") {
				t.Errorf("%s: the target got %q", c.name, got)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("%s: nothing came", c.name)
		}
	}
}
