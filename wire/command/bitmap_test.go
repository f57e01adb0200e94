package command_test

import (
	"strings"
	"testing"
)

// A BITFIELD whose operations all fail may leave the string longer. The stream must lead to the same data (I3), though Redis
// counts no change; when nothing at all has happened there is no effect.
func TestFailedBitfieldIsPropagatedWhenItGrew(t *testing.T) {
	b := newBed(t, "", true, nil)
	for _, step := range []struct{ command, reply, effect string }{
		{"BITFIELD k OVERFLOW FAIL SET u8 80 256", "*1\r\n$-1\r\n", "BITFIELD k OVERFLOW FAIL SET u8 80 256"},
		{"BITFIELD k OVERFLOW FAIL SET u8 80 256", "*1\r\n$-1\r\n", ""},
		{"BITFIELD k GET u8 8000", "*1\r\n:0\r\n", ""},
		{"BITFIELD k SET u8 80 0", "*1\r\n:0\r\n", ""},
		{"BITFIELD k SET u8 80 1", "*1\r\n:0\r\n", "BITFIELD k SET u8 80 1"},
		{"BITFIELD k SET u8 88 0", "*1\r\n:0\r\n", "BITFIELD k SET u8 88 0"},
		{"SETBIT k 95 0", ":0\r\n", ""},
		{"SETBIT k 96 0", ":0\r\n", "SETBIT k 96 0"},
		{"STRLEN k", ":13\r\n", ""},
	} {
		b.log.stream = b.log.stream[:0]
		if got := b.do(0, strings.Fields(step.command)...); got != step.reply {
			t.Errorf("%s: reply %q, want %q", step.command, got, step.reply)
		}
		b.turn()
		var effects []string
		for _, words := range commands(t, b.log.stream) {
			if words[0] != "SELECT" {
				effects = append(effects, strings.Join(words, " "))
			}
		}
		if got := strings.Join(effects, "; "); got != step.effect {
			t.Errorf("%s: effects %q, want %q", step.command, got, step.effect)
		}
	}
}

// While a log is replayed, strings may be longer than proto-max-bulk-len now allows: it was another when they were made.
func TestReplayedStringsMayBeLongerThanAllowed(t *testing.T) {
	b := newBed(t, "proto-max-bulk-len 1mb\n", false, nil)
	refused := []string{"SETBIT k 8388608 1", "SETRANGE k 1048576 x", "BITFIELD k SET u8 8388608 1"}
	for _, c := range refused {
		if got := b.do(0, strings.Fields(c)...); got[0] != '-' {
			t.Errorf("%s: %q", c, got)
		}
	}
	s := b.client(1)
	b.eng.SetLoading(true)
	for _, c := range refused {
		var argv [][]byte
		for _, w := range strings.Fields(c) {
			argv = append(argv, []byte(w))
		}
		if err := b.eng.Apply(s, argv); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
	b.eng.SetLoading(false)
	if got := b.do(0, "STRLEN", "k"); got != ":1048577\r\n" {
		t.Errorf("length %q", got)
	}
}
