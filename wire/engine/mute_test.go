package engine_test

import (
	"testing"
	"time"
)

// CLIENT REPLY decides command by command, also about answers that come later, or inside EXEC.
func TestReplyModesOfLateAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string // before the pause of 50 ms, all in one go
		then  string   // and what is asked then
		want  string
	}{
		{"skip a wait", []string{"CLIENT REPLY SKIP", "WAIT 1 1"}, "PING", "+PONG\r\n"},
		{"off during a wait", []string{"CLIENT REPLY OFF", "WAIT 1 1"}, "CLIENT REPLY ON", "+OK\r\n"},
		{"skip what a pause holds back", []string{"CLIENT PAUSE 20 WRITE", "CLIENT REPLY SKIP", "SET k v"}, "GET k", "+OK\r\n$1\r\nv\r\n"},
		{"off inside EXEC", []string{"MULTI", "PING", "CLIENT REPLY OFF", "PING", "EXEC"}, "PING",
			"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+PONG\r\n"},
		{"on inside EXEC", []string{"CLIENT REPLY OFF", "MULTI", "PING", "CLIENT REPLY ON", "PING", "EXEC"}, "PING",
			"+OK\r\n+PONG\r\n+PONG\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			out := ""
			for _, line := range c.lines {
				out += b.do(b.s, line)
			}
			b.s.W.Buf = b.s.W.Buf[:0]
			time.Sleep(5 * time.Millisecond) // the wait's deadline is the machine's
			b.now = b.now.Add(50 * time.Millisecond)
			b.turn()
			b.turn()
			out += string(b.s.W.Buf)
			out += b.do(b.s, c.then)
			if out != c.want {
				t.Errorf("%q, want %q", out, c.want)
			}
		})
	}
}
