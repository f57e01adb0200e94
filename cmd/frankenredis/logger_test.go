package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each line goes to syslog as well, with facility, level, identity and text as configured, and without our own stamp.
func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sink := &logSink{pid: os.Getpid(), path: filepath.Join(t.TempDir(), "file")}
	sink.role.Store('M')
	sink.setLevel("debug")
	if err := sink.openSystem("unixgram", path, "cache-7", "local3"); err != nil {
		t.Fatal(err)
	}
	logger := newLogger(sink)
	for _, c := range []struct {
		log  func(string, ...any)
		want string // local3 (19 times 8) and severity, identity, text
	}{
		{logger.Warn, `^<156>.* cache-7\[\d+\]: a line k=v\n?$`},
		{logger.Info, `^<157>.* cache-7\[\d+\]: a line k=v\n?$`},
		{logger.Debug, `^<158>.* cache-7\[\d+\]: a line k=v\n?$`},
		{logger.Trace, `^<159>.* cache-7\[\d+\]: a line k=v\n?$`},
	} {
		c.log("a line", "k", "v")
		b := make([]byte, 1024)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[:n]); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("got %q, want %s", got, c.want)
		}
	}
}
