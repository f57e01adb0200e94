package recovery

import (
	"testing"

	"frankenredis/wal"
)

// A replica's stream does not say again in which database it stands, after a start and behind each switch: the files do, for whoever loads them.
func TestStreamStaysInItsDatabase(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, "boot-1", wal.Always)
	commit := func(p string) { s.log.Commit([]byte(p), 2) }
	switchLog := func() {
		t.Helper()
		done := make(chan error, 1)
		if _, err := s.log.Switch(func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	again := func(want string) {
		t.Helper()
		if err := s.log.Close(true); err != nil {
			t.Fatal(err)
		}
		s.lock()
		s = startServer(t, dir, "boot-1", wal.Always)
		if got := s.store.String(); got != want || s.res.DB != 2 {
			t.Fatalf("%q in database %d, want %q in 2", got, s.res.DB, want)
		}
	}
	commit(frame("SELECT", "2") + frame("SET", "a", "1"))
	again("2/a=1")
	switchLog() // before anything is committed
	commit(frame("SET", "b", "2"))
	again("2/a=1 2/b=2")
	commit(frame("SET", "c", "3"))
	switchLog()
	again("2/a=1 2/b=2 2/c=3") // over an increment that nothing was written to
	again("2/a=1 2/b=2 2/c=3")
	commit(frame("SET", "d", "4"))
	again("2/a=1 2/b=2 2/c=3 2/d=4")
	_ = s.log.Close(true)
	s.lock()
}
