package command_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/engine"
)

// What only lowers the count of changes, or loads data that the log has, is no effect itself.
func TestSavesAndLoadsAreNotPropagated(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", true, nil)
	saved := func() error {
		b.eng.Saved(b.eng.DirtyCount())
		return nil
	}
	b.eng.SetHooks(engine.Hooks{Save: saved, LoadLog: saved, Reload: func(engine.Reload) error { return saved() }})
	for _, command := range []string{"SAVE", "DEBUG LOADAOF", "DEBUG RELOAD"} {
		b.do(0, "SET", "k", "v")
		b.turn()
		b.log.stream = b.log.stream[:0]
		if got := b.do(0, strings.Fields(command)...); got != "+OK\r\n" {
			t.Errorf("%s: %q", command, got)
		}
		b.turn()
		if len(b.log.stream) != 0 {
			t.Errorf("%s: effects %q", command, b.log.stream)
		}
	}
}

func TestReloadOptions(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	var got engine.Reload
	b.eng.SetHooks(engine.Hooks{Reload: func(r engine.Reload) error {
		got = r
		return nil
	}})
	for command, want := range map[string]engine.Reload{
		"DEBUG RELOAD":                      {Save: true, Flush: true},
		"DEBUG RELOAD NOSAVE":               {Flush: true},
		"DEBUG RELOAD noflush merge":        {Save: true, Merge: true},
		"DEBUG RELOAD NOSAVE NOFLUSH MERGE": {Merge: true},
	} {
		if b.do(0, strings.Fields(command)...); got != want {
			t.Errorf("%s: %+v, want %+v", command, got, want)
		}
	}
}

func TestRestartArguments(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	var graceful bool
	var after time.Duration
	b.eng.SetHooks(engine.Hooks{Restart: func(g bool, d time.Duration) error {
		graceful, after = g, d
		return errors.New("not here")
	}})
	const refused = "-ERR failed to restart the server. Check server logs.\r\n"
	for _, c := range []struct {
		command  string
		graceful bool
		after    time.Duration
		reply    string
	}{
		{"DEBUG RESTART", true, 0, refused},
		{"DEBUG RESTART 250", true, 250 * time.Millisecond, refused},
		{"DEBUG CRASH-AND-RECOVER -7", false, 0, refused},
		{"DEBUG CRASH-AND-RECOVER 9223372036854775807", false, 24 * time.Hour, refused},
		{"DEBUG RESTART x", false, -1, "-ERR value is not an integer or out of range\r\n"},
	} {
		graceful, after = false, -1
		if got := b.do(0, strings.Fields(c.command)...); got != c.reply || graceful != c.graceful || after != c.after {
			t.Errorf("%s: %q, graceful %v, after %v", c.command, got, graceful, after)
		}
	}
}

// What DEBUG switches is where those who act on it look.
func TestDebugSwitches(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	d := b.eng.Debug()
	for _, c := range []struct {
		command string
		want    bool
		is      func() bool
	}{
		{"PAUSE-CRON 1", true, func() bool { return d.PauseCron }},
		{"PAUSE-CRON 0x", false, func() bool { return d.PauseCron }},
		{"SET-SKIP-CHECKSUM-VALIDATION -3", true, func() bool { return d.SkipChecksums }},
		{"SET-SKIP-CHECKSUM-VALIDATION off", false, func() bool { return d.SkipChecksums }},
		{"SET-DISABLE-DENY-SCRIPTS 1", true, func() bool { return d.AllowInScripts }},
		{"AOF-FLUSH-SLEEP 70", true, func() bool { return d.FlushSleep == 70*time.Microsecond }},
		{"AOF-FLUSH-SLEEP 0", true, func() bool { return d.FlushSleep == 0 }},
		{"REPLYBUFFER PEAK-RESET-TIME 30", true, func() bool { return d.ReplyPeakReset == 30*time.Millisecond }},
		{"REPLYBUFFER PEAK-RESET-TIME never", true, func() bool { return d.ReplyPeakReset < 0 }},
		{"REPLYBUFFER PEAK-RESET-TIME reset", true, func() bool { return d.ReplyPeakReset == engine.DefaultReplyPeakReset }},
		{"REPLYBUFFER RESIZING 0", true, func() bool { return d.KeepReplyBuffers }},
		{"REPLYBUFFER RESIZING 1", false, func() bool { return d.KeepReplyBuffers }},
		{"SET-ACTIVE-EXPIRE 0", false, b.eng.ActiveExpire},
		{"SET-ACTIVE-EXPIRE 12", true, b.eng.ActiveExpire},
	} {
		if got := b.do(0, append([]string{"DEBUG"}, strings.Fields(c.command)...)...); got != "+OK\r\n" || c.is() != c.want {
			t.Errorf("%s: %q, now %v", c.command, got, c.is())
		}
	}
}

// While the cron is paused, periodic timers rest, and single ones do not.
func TestPausedCron(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	ticks, once := 0, 0
	b.eng.Every(func() time.Duration { return time.Nanosecond }, func() { ticks++ })
	b.do(0, "DEBUG", "PAUSE-CRON", "1")
	b.eng.After(0, func() { once++ })
	for range 3 {
		b.turn()
	}
	if ticks != 0 || once != 1 {
		t.Errorf("paused: %d ticks, the single timer ran %d times", ticks, once)
	}
	b.do(0, "DEBUG", "PAUSE-CRON", "0")
	for range 3 {
		b.turn()
	}
	if ticks == 0 || once != 1 {
		t.Errorf("resumed: %d ticks, the single timer ran %d times", ticks, once)
	}
}

// A leak stays on the account when everything else is gone.
func TestLeak(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	before := b.eng.Keyspace().UsedBytes()
	const size = 100_000
	b.do(0, "DEBUG", "LEAK", strings.Repeat("x", size))
	b.do(0, "FLUSHALL")
	if grown := b.eng.Keyspace().UsedBytes() - before; grown < size || grown > size+size/4 {
		t.Errorf("%d bytes more than before", grown)
	}
}

// The tables' statistics are those of what is there.
func TestHTStats(t *testing.T) {
	b := newBed(t, "enable-debug-command yes\n", false, nil)
	if got, want := b.do(0, "DEBUG", "HTSTATS", "0"), "$29\r\n[Dictionary HT]\n[Expires HT]\n\r\n"; got != want {
		t.Errorf("an empty database: %q, want %q", got, want)
	}
	b.do(0, "DEBUG", "POPULATE", "1000")
	b.do(0, "EXPIRE", "key:1", "1000")
	for i := range 300 {
		b.do(0, "SADD", "set", strings.Repeat("m", 1+i))
	}
	for command, wants := range map[string][]string{
		"HTSTATS 0":            {"[Dictionary HT]\nHash table 0 stats", " number of elements: 1001\n[Expires HT]\nHash table", " number of elements: 1\n"},
		"HTSTATS 0 full":       {" different slots: ", " max chain length: 1\n", " Chain length distribution:\n"},
		"HTSTATS-KEY set":      {"Hash table 0 stats (main hash table):\n table size: ", " number of elements: 300\n"},
		"HTSTATS-KEY set full": {" avg chain length (counted): "},
	} {
		got := b.do(0, append([]string{"DEBUG"}, strings.Fields(command)...)...)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", command, want, got)
			}
		}
	}
}
