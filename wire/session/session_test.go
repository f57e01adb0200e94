package session

import (
	"strings"
	"testing"
)

type idleConn struct{ Conn }

func (idleConn) Usage() Usage { return Usage{} }

// What a client asked for counts as its memory, so that maxmemory-clients bounds it.
func TestMemory(t *testing.T) {
	s := Session{Conn: idleConn{}}
	empty := s.Memory()
	s.Tracking.Prefixes = []string{strings.Repeat("p", 1000), strings.Repeat("q", 1000)}
	if n := s.Memory() - empty; n < 2000 || n > 2400 {
		t.Errorf("two prefixes of 1000 bytes count %d", n)
	}
	s.Tracking.Prefixes = nil
	s.Watched = append(s.Watched, WatchedKey{Key: strings.Repeat("k", 1000)})
	if n := s.Memory() - empty; n < 1000 || n > 1200 {
		t.Errorf("a watched key of 1000 bytes counts %d", n)
	}
}
