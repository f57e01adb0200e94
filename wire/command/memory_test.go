package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/engine"
)

// MEMORY USAGE is what the account loses with the key, whatever its type and size, up to the table's own block.
func TestMemoryUsage(t *testing.T) {
	b := newBed(t, "", false, nil)
	words := make([]string, 400)
	for i := range words {
		words[i] = fmt.Sprint("element", i)
	}
	for _, c := range [][]string{
		{"SET", "k", "v"}, {"SET", "k", strings.Repeat("v", 1<<20)}, {"SET", strings.Repeat("k", 9000), "v"},
		append([]string{"RPUSH", "k"}, words...), append([]string{"SADD", "k"}, words...), append([]string{"HSET", "k"}, words...),
		{"ZADD", "k", "1", "a"}, {"XADD", "k", "*", "f", "v"}, {"PFADD", "k", "a", "b"},
	} {
		b.do(0, "SET", "other", "v") // so that the table has its block
		b.do(0, c...)
		var usage int64
		if _, err := fmt.Sscanf(b.do(0, "MEMORY", "USAGE", c[1]), ":%d\r\n", &usage); err != nil {
			t.Fatal(err)
		}
		before := b.eng.UsedMemory()
		b.do(0, "DEL", c[1])
		if lost := before - b.eng.UsedMemory(); usage-lost > 16 || lost-usage > 16 {
			t.Errorf("%s of %d words: usage %d, the account lost %d", c[0], len(c), usage, lost)
		}
	}
	b.do(0, "SET", "old", "v", "PX", "1")
	time.Sleep(5 * time.Millisecond)
	b.turn()
	if got := b.do(0, "MEMORY", "USAGE", "old"); got == "$-1\r\n" {
		t.Error("an expired key that is still there has no usage")
	}
}

func TestMemoryStatsAndDoctor(t *testing.T) {
	b := newBed(t, "", false, nil)
	r := engine.MemoryReport{Used: 100 << 20, Peak: 400 << 20, Startup: 1 << 20, Clients: 10 << 20, LogBuffer: 2 << 20, Keys: 1000,
		Databases: []engine.DatabaseMemory{{ID: 3, Keys: 5 << 20, Volatile: 1 << 20}}, ArenaUsed: 90 << 20, ArenaPages: 200 << 20, ArenaResident: 250 << 20, Resident: 300 << 20}
	b.eng.SetHooks(engine.Hooks{Memory: func() engine.MemoryReport { return r }})
	stats := b.do(0, "MEMORY", "STATS")
	for _, want := range []string{"*56\r\n", "db.3\r\n*6\r\n", "overhead.total\r\n:19922944\r\n", "dataset.bytes\r\n:84934656\r\n",
		"keys.bytes-per-key\r\n:103809\r\n", "fragmentation\r\n$1\r\n3\r\n", "allocator-rss.bytes\r\n:52428800\r\n", "rss-overhead.bytes\r\n:52428800\r\n", "peak.percentage\r\n$2\r\n25\r\n"} {
		if !strings.Contains(stats, want) {
			t.Errorf("no %q in %q", want, stats)
		}
	}
	doctor := b.do(0, "MEMORY", "DOCTOR")
	for _, want := range []string{"Peak memory", "High fragmentation", "High process overhead", "Big client buffers"} {
		if !strings.Contains(doctor, want) {
			t.Errorf("no %q in %q", want, doctor)
		}
	}
	r = engine.MemoryReport{Used: 100 << 20, Peak: 100 << 20, ArenaUsed: 95 << 20, ArenaPages: 100 << 20, Resident: 110 << 20}
	if got := b.do(0, "MEMORY", "DOCTOR"); !strings.Contains(got, "No memory problem") {
		t.Error(got)
	}
	r.Used = 1 << 20
	if got := b.do(0, "MEMORY", "DOCTOR"); !strings.Contains(got, "little data") {
		t.Error(got)
	}
}
