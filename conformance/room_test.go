package conformance

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
	"frankenredis/wal"
)

// A log that fills the disk with versions of the same keys is warned of before, and then makes itself short in the room that was reserved
// for that: the server goes on by itself, though nobody made room, and has all that it acknowledged (I12, I21).
func TestDiskReserve(t *testing.T) {
	t.Parallel()
	_, dir := smallDisk(t)
	s := testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
		"--auto-aof-rewrite-percentage", "0", "--fr-disk-warn", "1mb", "--fr-sidecars", "no"}})
	c := s.Dial(t)
	const keys = 150
	value := func(n int) string { return strconv.Itoa(n) + strings.Repeat(strconv.Itoa(n*7919), 9000)[:8000] }
	acked := map[string]string{}
	set := func(n int) bool {
		key, v := "k"+strconv.Itoa(n%keys), value(n)
		r, err := c.Do("SET", key, v)
		if err != nil || r.Str != "OK" {
			return false
		}
		acked[key] = v
		return true
	}
	n := 0
	for ; n < keys; n++ {
		if !set(n) {
			t.Fatal("the disk is full too early")
		}
	}
	asks := s.Dial(t)
	info := func() map[string]string { return infoFields(asks.Call(t, "INFO", "everything").Str) }
	c.Call(t, "CONFIG", "SET", "rdbcompression", "no")
	c.Call(t, "BGREWRITEAOF")
	waitFor(t, "a reserve", func() bool { return info()["fr_disk_reserve_bytes"] != "0" && info()["aof_rewrite_in_progress"] == "0" })
	slowly := func() { // how fast the log has grown of late decides on the reserve
		set(n)
		n++
		time.Sleep(25 * time.Millisecond)
	}
	for room := int64(8 << 20); room > 900<<10; {
		slowly()
		var disk unix.Statfs_t
		ok(t, unix.Statfs(dir, &disk))
		room = int64(disk.Bavail) * disk.Bsize
	}
	waitForText(t, s.LogText, "is nearly full") // the disk is asked once a second
	waitFor(t, "the reserve to be used", func() bool {
		slowly()
		return info()["fr_disk_reserve_uses"] == "1"
	})
	waitFor(t, "writes to be taken again", func() bool { n++; return set(n) })
	f := info()
	if f["aof_rewrites"] != "2" || f["aof_last_write_status"] != "ok" {
		t.Errorf("aof_rewrites:%s, aof_last_write_status:%s", f["aof_rewrites"], f["aof_last_write_status"])
	}
	waitFor(t, "the reserve to be there again", func() bool { return info()["fr_disk_reserve_bytes"] != "0" })
	text, err := os.ReadFile(s.Log)
	ok(t, err)
	log := string(text)
	if used := strings.Index(log, "the reserve of"); used < strings.Index(log, "is nearly full") {
		t.Errorf("the warning did not come before the reserve was used:\n%s", log)
	}
	s.Kill()
	ok(t, s.Restart())
	c = s.Dial(t)
	for key, want := range acked {
		if got := c.Call(t, "GET", key).Str; got != want {
			t.Errorf("%s is %.40q, %.40q was acknowledged", key, got, want)
		}
	}
}

// A log that is turned off leaves no reserve behind, which would take up the disk for nothing.
func TestDiskReserveGoesWithLog(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--save", "", "--rdbcompression", "no"}})
	c := s.Dial(t)
	c.Call(t, "SET", "k", strings.Repeat("v", 3<<20))
	c.Call(t, "BGREWRITEAOF")
	reserve := filepath.Join(s.Dir, "appendonlydir", wal.ReserveName("appendonly.aof"))
	waitFor(t, "a reserve", func() bool {
		_, err := os.Stat(reserve)
		return err == nil
	})
	c.Call(t, "CONFIG", "SET", "appendonly", "no")
	waitFor(t, "the reserve to be given up", func() bool {
		_, err := os.Stat(reserve)
		return os.IsNotExist(err)
	})
}

// What a background save leaves behind when its server is killed goes at the next start; what somebody still writes to stays.
func TestStaleTemporaryFiles(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--save", ""}})
	c := s.Dial(t)
	for i := range 200 {
		c.Call(t, "SET", "k"+strconv.Itoa(i), "v")
	}
	c.Call(t, "SAVE")
	c.Call(t, "CONFIG", "SET", "rdb-key-save-delay", "1000000")
	c.Call(t, "BGSAVE")
	temps := func() []string {
		names, err := filepath.Glob(filepath.Join(s.Dir, "temp-*.rdb"))
		ok(t, err)
		return names
	}
	waitFor(t, "the temporary file", func() bool { return len(temps()) == 1 })
	mine := temps()[0]
	past := time.Now().Add(-time.Hour)
	ok(t, os.Chtimes(mine, past, past))
	// Another server in the same folder must leave it alone.
	other := testbed.Start(t, testbed.Options{Dir: s.Dir, Args: []string{"--save", ""}})
	waitFor(t, "the other server", func() bool { return other.Dial(t).Call(t, "PING").Str == "PONG" })
	if got := temps(); len(got) != 1 {
		t.Errorf("another server removed the file of a save under way: %v", got)
	}
	other.Kill()
	s.Kill()
	ok(t, os.Chtimes(mine, past, past))
	foreign := filepath.Join(s.Dir, "temp-mine.rdb")
	ok(t, os.WriteFile(foreign, []byte("x"), 0o644))
	ok(t, s.Restart())
	if got := s.Dial(t).Call(t, "DBSIZE").Int; got != 200 {
		t.Errorf("%d keys", got)
	}
	if got := temps(); len(got) != 1 || got[0] != foreign {
		t.Errorf("left after the restart: %v", got)
	}
}
