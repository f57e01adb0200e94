package main

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wal"
	"frankenredis/wire/config"
)

func roomServer(t *testing.T, conf string) *server {
	t.Helper()
	cfg, err := config.LoadText(conf, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &server{cfg: cfg, log: new(wal.Log), logger: hclog.NewNullLogger()}
}

// A log that begins while the disk is being asked has no reserve yet when the answer comes.
func TestRoomOfNewLog(t *testing.T) {
	s := roomServer(t, "")
	s.judgeRoom(1 << 40)
	if s.room.state != roomOK || s.room.free != 1<<40 {
		t.Errorf("%v, %d bytes free", s.room.state, s.room.free)
	}
}

// A disk that was full counts as that while the log fails or a rewrite uses the reserve, whatever is free. When that is over it is low, or it has
// room again: then the next reserve may be taken, and what failed for lack of room is tried at once.
func TestRoomComesBack(t *testing.T) {
	const warn = 1 << 20
	for _, c := range []struct {
		name string
		conf string
		free int64
		want roomState
	}{
		{"little", "fr-disk-warn 1mb", warn - 1, roomLow},
		{"enough", "fr-disk-warn 1mb", warn, roomOK},
		{"nobody wants a warning", "fr-disk-warn 0", 0, roomOK},
	} {
		s := roomServer(t, c.conf)
		s.room.hit.Store(true)
		s.room.rewriting = true
		s.judgeRoom(2 * warn)
		if warns := c.conf != "fr-disk-warn 0"; warns && (s.room.state != roomFull || !s.room.hit.Load()) {
			t.Fatalf("%s: %v while a rewrite uses the reserve, hit %t", c.name, s.room.state, s.room.hit.Load())
		}
		s.room.rewriting = false
		s.rewrites.failures, s.rewrites.retryAt, s.saves.tried = 3, time.Now().Add(time.Hour), time.Now()
		s.judgeRoom(c.free)
		if s.room.state != c.want {
			t.Errorf("%s: %v, want %v", c.name, s.room.state, c.want)
		}
		if s.room.hit.Load() {
			t.Errorf("%s: no reserve is taken", c.name) // tendRoom
		}
		if again := c.name == "enough"; again != (s.rewrites.failures == 0 && s.rewrites.retryAt.IsZero() && s.saves.tried.IsZero()) {
			t.Errorf("%s: %d failures, the next rewrite at %v, the last save at %v", c.name, s.rewrites.failures, s.rewrites.retryAt, s.saves.tried)
		}
	}
}
