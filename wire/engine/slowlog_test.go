package engine_test

import (
	"strings"
	"testing"

	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

func (b *bench) set(name, value string) {
	b.t.Helper()
	if err := b.eng.Config().Set([]config.Pair{{Name: name, Value: value}}, config.Access{Local: true}); err != nil {
		b.t.Fatal(err)
	}
}

// The log holds the last slowlog-max-len commands, each no longer than its bounds, and ids go on whatever is forgotten.
func TestSlowLogIsBounded(t *testing.T) {
	b := newBench(t)
	b.set("slowlog-log-slower-than", "0")
	b.set("slowlog-max-len", "3")
	for range 100 {
		b.do(b.s, "GET "+strings.Repeat("x", 300))
	}
	b.do(b.s, "RPUSH "+strings.Repeat("l ", 40))
	log := b.eng.SlowLog()
	var ids []int64
	var argv [][]string
	log.Newest(10, func(s *engine.SlowEntry) { ids, argv = append(ids, s.ID), append(argv, s.Argv) })
	if len(ids) != 3 || log.Len() != 3 || ids[0] != 100 || ids[2] != 98 {
		t.Fatalf("ids %v, %d entries", ids, log.Len())
	}
	if n := len(argv[0]); n != 32 || argv[0][31] != "... (10 more arguments)" || argv[0][30] != "l" {
		t.Errorf("%d arguments, %q", n, argv[0])
	}
	if want := strings.Repeat("x", 128) + "... (172 more bytes)"; argv[1][1] != want {
		t.Errorf("got %q", argv[1][1])
	}
	b.set("slowlog-log-slower-than", "-1")
	b.do(b.s, "GET k")
	if log.Len() != 3 {
		t.Errorf("%d entries while off", log.Len())
	}
}

func TestMonitor(t *testing.T) {
	b := newBench(t)
	b.s.Addr = "1.2.3.4:5"
	m := b.client()
	b.do(m, "MONITOR")
	m.W.Buf = m.W.Buf[:0]
	b.do(b.s, "SET k a\x00\xff\"b")
	if got, want := string(m.W.Buf), "+1700000000.000000 [0 1.2.3.4:5] \"SET\" \"k\" \"a\\x00\\xff\\\"b\"\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	m.W.Buf = m.W.Buf[:0]
	b.do(b.s, "CONFIG GET hz")
	b.do(b.s, "nosuch")
	b.eng.Unmonitor(m)
	b.do(b.s, "GET k")
	if len(m.W.Buf) > 0 {
		t.Errorf("also got %q", m.W.Buf)
	}
	b.do(m, "MONITOR")
	b.eng.Detach(m)
	b.do(b.s, "GET k")
}
