package main

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wal"
	"frankenredis/wire/config"
)

// A log that begins while the disk is being asked has no reserve yet when the answer comes.
func TestRoomOfNewLog(t *testing.T) {
	cfg, err := config.LoadText("", config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{cfg: cfg, log: new(wal.Log), logger: hclog.NewNullLogger()}
	s.judgeRoom(1 << 40)
	if s.room.state != roomOK || s.room.free != 1<<40 {
		t.Errorf("%v, %d bytes free", s.room.state, s.room.free)
	}
}
