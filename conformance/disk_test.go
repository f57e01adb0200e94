package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// A full disk: writes are refused with MISCONF while there is no room, reads go on, and nothing that was acknowledged is lost. The write
// that met the full disk may be answered late, but not wrong.
func TestDiskFull(t *testing.T) {
	mount, dir := smallDisk(t)
	s := testbed.Start(t, testbed.Options{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}})
	value := strings.Repeat("v", 10_000)
	var acked atomic.Int64
	var stop atomic.Bool
	done := make(chan struct{})
	writer := s.Dial(t)
	go func() {
		defer close(done)
		for !stop.Load() {
			r, err := writer.Do("SET", strconv.FormatInt(acked.Load(), 10), value)
			if err != nil || r.Str != "OK" {
				return
			}
			acked.Add(1)
		}
	}()
	// Each probe is a client of its own, since one that was taken just before the disk was full gets no answer for now.
	probe := func(key string) string {
		c := s.Dial(t)
		defer c.Close()
		ok(t, c.Send("SET", key, "v"))
		reply, _ := c.ReadAll(200 * time.Millisecond)
		return string(reply)
	}
	waitFor(t, "a write to be refused", func() bool {
		return strings.HasPrefix(probe("probe"), "-MISCONF Errors writing to the AOF file")
	})
	stop.Store(true)
	other := s.Dial(t)
	if r := other.Call(t, "GET", "0").Str; r != value {
		t.Errorf("reads do not go on: %.100q", r)
	}
	if got := infoFields(other.Call(t, "INFO", "persistence").Str)["aof_last_write_status"]; got != "err" {
		t.Errorf("aof_last_write_status:%s", got)
	}
	// The log says how much is to be freed: what is not durable is written once more, and that is no more than what was acknowledged or may be.
	var room int64
	waitFor(t, "the log to say how much room is needed", func() bool {
		_, text, _ := strings.Cut(s.LogText(), "make the disk larger: with about ")
		_, err := fmt.Sscan(text, &room)
		return err == nil
	})
	if most := (acked.Load()+1)*int64(len(value)+100) + 128<<10; room <= 0 || room > most {
		t.Errorf("%d bytes are said to be needed, of %d at most", room, most)
	}
	ok(t, os.Remove(filepath.Join(mount, "ballast")))
	waitFor(t, "writes to be taken again", func() bool { return probe("after") == "+OK\r\n" })
	<-done
	s.Kill()
	ok(t, s.Restart())
	c := s.Dial(t)
	t.Logf("%d writes acknowledged", acked.Load())
	for i := range acked.Load() {
		if got := c.Call(t, "GET", strconv.FormatInt(i, 10)).Str; got != value {
			t.Fatalf("key %d of %d acknowledged is %.100q after kill -9 and restart", i, acked.Load(), got)
		}
	}
	if got := c.Call(t, "GET", "after").Str; got != "v" {
		t.Errorf("the write after the disk had room again is %q", got)
	}
}

// smallDisk mounts a file system of 14 MB, 8 of them taken by a file named ballast, and makes a data directory on it. What is freed is
// more than what was written: a server may write all that was not yet synced once more, elsewhere.
func smallDisk(t *testing.T) (mount, dir string) {
	t.Helper()
	mount = t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=14m"); err != nil {
		t.Skipf("cannot mount a small disk here (needs root), so a full disk was NOT tested: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ok(t, os.WriteFile(filepath.Join(mount, "ballast"), make([]byte, 8<<20), 0o644))
	dir = filepath.Join(mount, "data")
	ok(t, os.Mkdir(dir, 0o755))
	return mount, dir
}
