package main

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/heal"
	"frankenredis/wal/disk"
)

// serveSidecars stands for the server that looks after the sidecars of dir: it answers, and covers file once after has passed, or, when that is
// zero, never.
func serveSidecars(t *testing.T, dir, file string, after time.Duration) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := heal.Open(heal.Options{FS: disk.OS(), Root: dir}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, heal.Folder, heal.ServerFile), []byte("tcp "+l.Addr().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				_, _ = c.Write([]byte("-NOAUTH Authentication required.\r\n")) // it answers all the same
			}
			_ = c.Close()
		}
	})
	if after > 0 {
		all.Go(func() {
			time.Sleep(after)
			if _, err := s.Protect(file); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
		_ = s.Close()
	})
}

// What a running server is about to cover needs no advice; what it has not covered after some seconds does, but another than to do it beside it.
func TestDoctorBesideServer(t *testing.T) {
	for _, c := range []struct {
		after        time.Duration
		want, absent string
	}{
		{500 * time.Millisecond, "cover good", "cover advised"},
		{0, "cover advised", "cover good"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("not looked into"), 0o600); err != nil {
			t.Fatal(err)
		}
		serveSidecars(t, dir, "dump.rdb", c.after)
		_, got := doctorOn(t, dir)
		if _, ok := got[c.want]; !ok || got[c.absent] != "" || strings.Contains(got["cover advised"], "frctl protect") {
			t.Errorf("covered after %v: %q", c.after, got)
		}
	}
}
