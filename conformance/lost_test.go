package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// Somebody removes the folder of the log, or everything, below the running server. Every write to the file still succeeds, so only a look can
// tell. Then the log is made anew from memory; whatever was acknowledged before, meanwhile and after is there after kill -9.
func TestLogRemoved(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"always", "everysec"} {
		for _, what := range []string{"appendonlydir", "."} {
			t.Run(policy+" "+what, func(t *testing.T) {
				t.Parallel()
				s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes", "--appendfsync", policy}})
				c := s.Dial(t)
				var acked []string
				write := func() {
					key := fmt.Sprint("k", len(acked))
					switch r, err := c.Do("SET", key, "v"); {
					case err != nil:
						t.Fatal(err)
					case r.Str == "OK":
						acked = append(acked, key)
					case !strings.HasPrefix(r.Str, "MISCONF Errors writing to the AOF file"):
						t.Fatalf("SET: %s", r.Str)
					}
				}
				write()
				ok(t, removeBelow(filepath.Join(s.Dir, what)))
				waitForText(t, func() string { write(); return s.LogText() }, "has been removed while it was written to")
				waitForText(t, func() string { write(); return s.LogText() }, "Background AOF rewrite finished successfully")
				before := len(acked)
				for deadline := time.Now().Add(patience); len(acked) == before && time.Now().Before(deadline); {
					write()
				}
				status := func() string {
					got := infoFields(c.Call(t, "INFO", "all").Str)
					return got["fr_log_place"] + " " + got["aof_last_write_status"]
				}
				waitForText(t, status, "ok ok")
				s.Kill()
				ok(t, s.Restart())
				c = s.Dial(t)
				for _, key := range acked {
					if r := c.Call(t, "GET", key); r.Str != "v" {
						t.Fatalf("%s of %d keys is gone: %q", key, len(acked), r.Str)
					}
				}
			})
		}
	}
}

// What was only moved away is not written anew: it is told until it is back, and writes go on.
func TestLogMoved(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	c := s.Dial(t)
	folder, aside := filepath.Join(s.Dir, "appendonlydir"), filepath.Join(s.Dir, "aside")
	place := func() string { return infoFields(c.Call(t, "INFO", "all").Str)["fr_log_place"] }
	waitForText(t, place, "ok")
	for range 2 {
		ok(t, os.Rename(folder, aside))
		waitForText(t, place, "moved")
		c.Call(t, "INCR", "n")
		ok(t, os.Rename(aside, folder))
		waitForText(t, place, "ok")
	}
	if log := s.LogText(); strings.Count(log, "has been moved away or covered by another file system") != 2 || strings.Contains(log, "has been removed") {
		t.Errorf("the log tells something else:\n%s", log)
	}
	s.Kill()
	ok(t, s.Restart())
	if r := s.Dial(t).Call(t, "GET", "n"); r.Str != "2" {
		t.Errorf("n is %q", r.Str)
	}
}

// removeBelow removes a folder and what it holds, also while somebody writes there.
func removeBelow(dir string) error {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
	}
	return err
}
