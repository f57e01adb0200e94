package wal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

// peer finds a stock program; tests that need it are skipped without.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/opt/peers/bin", name)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("NOT COMPARED: no %s here", name)
		}
	}
	return path
}

// stock is a running redis-server on a folder.
type stock struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	sock string
	done chan error
}

// startStock starts a redis-server with AOF on; nil if it ended instead of getting ready. output is what it printed.
func startStock(t *testing.T, dir string, args ...string) (s *stock, output string) {
	t.Helper()
	bin := peer(t, "redis-server")
	sockDir, err := os.MkdirTemp("", "wal") // socket paths must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockDir) })
	s = &stock{out: &bytes.Buffer{}, sock: filepath.Join(sockDir, "s"), done: make(chan error, 1)}
	s.cmd = exec.Command(bin, append([]string{"--port", "0", "--unixsocket", s.sock, "--dir", dir, "--appendonly", "yes", "--save", ""}, args...)...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ready := make(chan bool, 1)
	go func() {
		sc := bufio.NewScanner(r)
		for sc.Scan() {
			s.out.WriteString(sc.Text() + "\n")
			if strings.Contains(sc.Text(), "now ready to accept") {
				ready <- true
			}
		}
		s.done <- s.cmd.Wait()
		ready <- false
	}()
	select {
	case ok := <-ready:
		if !ok {
			return nil, s.out.String()
		}
	case <-time.After(2 * time.Minute):
		s.cmd.Process.Kill()
		t.Fatalf("redis-server is not ready:\n%s", s.out.String())
	}
	t.Cleanup(func() { s.stop() })
	return s, ""
}

// stop ends the server in good order.
func (s *stock) stop() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Signal(os.Interrupt)
		<-s.done
	}
}

// do sends commands and returns their replies as they come, one line each (two for bulk strings).
func (s *stock) do(t *testing.T, commands ...string) []string {
	t.Helper()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := d.DialContext(ctx, "unix", s.sock)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	br := bufio.NewReader(c)
	var replies []string
	for _, cmd := range commands {
		fmt.Fprintf(c, "%s\r\n", cmd)
		line, err := br.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		reply := strings.TrimRight(line, "\r\n")
		if n, err := strconv.Atoi(strings.TrimPrefix(reply, "$")); strings.HasPrefix(reply, "$") && err == nil && n >= 0 {
			p := make([]byte, n+2)
			if _, err := io.ReadFull(br, p); err != nil {
				t.Fatal(err)
			}
			reply = string(p[:n])
		}
		replies = append(replies, reply)
	}
	return replies
}

// Every manifest that we read, redis-server 7.0.15 reads; every one that it refuses we refuse for the same reason.
func TestManifestAsStock(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server for each case")
	}
	for _, c := range manifestCases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			aof := filepath.Join(dir, "appendonlydir")
			os.Mkdir(aof, 0o755)
			for _, name := range []string{"appendonly.aof.1.incr.aof", "appendonly.aof.2.incr.aof"} {
				os.WriteFile(filepath.Join(aof, name), nil, 0o644)
			}
			os.WriteFile(filepath.Join(aof, "appendonly.aof.1.base.rdb"), emptyRDB, 0o644)
			os.WriteFile(filepath.Join(aof, "appendonly.aof.manifest"), []byte(c.text), 0o644)
			s, out := startStock(t, dir)
			switch {
			case s != nil && c.reason != "":
				t.Errorf("redis-server loads it, we refuse: %s", c.reason)
			case s == nil && (c.reason == "" || !strings.Contains(out, c.reason+"\n")):
				t.Errorf("redis-server refuses it, we say %q:\n%s", c.reason, out)
			}
			if s != nil {
				s.stop()
			}
		})
	}
}

// emptyRDB is a snapshot without keys: magic, version 10, end, and no checksum (zeros).
var emptyRDB = []byte("REDIS0010\xff\x00\x00\x00\x00\x00\x00\x00\x00")

// stockLog writes a log with everything we ever put into one, in a folder that redis-server takes.
func stockLog(t *testing.T, dir string, keys int) {
	t.Helper()
	o := testOptions(t, disk.OS(), filepath.Join(dir, "appendonlydir"))
	o.Timestamps = true
	l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error { _, err := w.Write(emptyRDB); return err }})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(appendSelect(nil, 3), 3)
	for i := range keys {
		if i == keys/2 {
			if _, err := switchNow(l); err != nil {
				t.Fatal(err)
			}
		}
		k := strconv.Itoa(i)
		l.Commit(join(command("MULTI"), set("key:"+k, strings.Repeat("v", 100)), command("INCR", "count"), command("EXEC")), 3)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
}

// What we write a stock server loads, with our lines, prologues and annotations, and its checker finds it whole.
func TestStockLoadsOurs(t *testing.T) {
	dir := t.TempDir()
	const keys = 4000
	stockLog(t, dir, keys)
	d, err := ReadDirectory(disk.OS(), filepath.Join(dir, "appendonlydir"), defaultName)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, ref := range d.Manifest.Incrs {
		p, err := os.ReadFile(filepath.Join(dir, "appendonlydir", ref.Name))
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(p, []byte(linePrefix))
	}
	if lines < 6 {
		t.Fatalf("only %d lines of ours", lines)
	}
	out, err := exec.Command(peer(t, "redis-check-aof"), filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "All AOF files and manifest are valid") {
		t.Errorf("redis-check-aof: %v\n%s", err, out)
	}
	s, msg := startStock(t, dir)
	if s == nil {
		t.Fatalf("redis-server refuses our log:\n%s", msg)
	}
	if got := s.do(t, "SELECT 3", "DBSIZE", "GET count", "GET key:3999"); got[1] != fmt.Sprintf(":%d", keys+1) || got[2] != strconv.Itoa(keys) || len(got[3]) != 100 {
		t.Errorf("redis-server loaded %q", got)
	}
}

// Our lines may stand anywhere between frames, also inside MULTI, and are skipped there.
func TestStockSkipsLines(t *testing.T) {
	dir := t.TempDir()
	aof := filepath.Join(dir, "appendonlydir")
	os.Mkdir(aof, 0o755)
	line := Line{Position: Position{testID, 1 << 60, 1 << 62}, Millis: 1 << 45, Len: 1 << 40, Durable: 1 << 61, Prologue: 23}
	text := line.AppendTo(nil)
	p := join(text, command("SELECT", "0"), text, command("MULTI"), text, set("a", "1"), text, text, set("b", "2"), text, command("EXEC"), text)
	os.WriteFile(filepath.Join(aof, "appendonly.aof.1.incr.aof"), p, 0o644)
	os.WriteFile(filepath.Join(aof, "appendonly.aof.manifest"), []byte("file appendonly.aof.1.incr.aof seq 1 type i\n"), 0o644)
	s, msg := startStock(t, dir)
	if s == nil {
		t.Fatalf("redis-server refuses it:\n%s", msg)
	}
	if got := s.do(t, "GET a", "GET b"); got[0] != "1" || got[1] != "2" {
		t.Errorf("redis-server loaded %q", got)
	}
	s.stop()
	if out, err := exec.Command(peer(t, "redis-check-aof"), filepath.Join(aof, "appendonly.aof.manifest")).CombinedOutput(); err != nil {
		t.Errorf("redis-check-aof: %v\n%s", err, out)
	}
}

// What a stock server writes we read; and what it appends to a log of ours is found as foreign: bytes that no line
// covers.
func TestOursReadsStock(t *testing.T) {
	dir := t.TempDir()
	aof := filepath.Join(dir, "appendonlydir")
	stockLog(t, dir, 100)
	ours, err := ReadDirectory(disk.OS(), aof, defaultName)
	if err != nil || ours.Facts == nil {
		t.Fatal(ours, err)
	}
	s, msg := startStock(t, dir, "--aof-timestamp-enabled", "yes", "--appendfsync", "always")
	if s == nil {
		t.Fatalf("redis-server refuses our log:\n%s", msg)
	}
	s.do(t, "SELECT 7", "SET foreign 1", "MULTI", "INCR n", "INCR n", "EXEC")
	s.stop()
	d, err := ReadDirectory(disk.OS(), aof, defaultName)
	if err != nil || d.Facts == nil {
		t.Fatalf("the manifest was not touched, so our companion counts: %+v, %v", d, err)
	}
	last := d.Manifest.Last().Name
	p, err := os.ReadFile(filepath.Join(aof, last))
	if err != nil {
		t.Fatal(err)
	}
	ff := d.Facts.Files[last]
	_, tail, err := frames(p, ReaderOptions{Path: last, Start: ff.Start, Prologue: ff.DB > 0})
	if err != io.EOF || tail.Lines == 0 || tail.LastPos == tail.Size || tail.Unix == 0 {
		t.Errorf("tail %v, %v", tail, err)
	}
	if wm, err := ReadWatermark(disk.OS(), aof, defaultName); err != nil || !wm.Clean || wm.Pos >= tail.Size {
		t.Errorf("watermark %+v, %v: want one that the file has outgrown", wm, err)
	}
	// A rewrite by the stock server makes the directory its own.
	if s, msg = startStock(t, dir); s == nil {
		t.Fatal(msg)
	}
	s.do(t, "BGREWRITEAOF")
	waitFor(t, "rewrite", func() bool {
		m, err := ReadDirectory(disk.OS(), aof, defaultName)
		return err == nil && m.Facts == nil && m.Manifest.BaseSeq == 2 && len(m.Manifest.History) == 0
	})
	s.do(t, "SET again 1")
	s.stop()
	if d, err = ReadDirectory(disk.OS(), aof, defaultName); err != nil || d.Facts != nil || d.Generation == 0 {
		t.Errorf("after a rewrite by a stock server: %+v, %v", d, err)
	}
	for _, ref := range d.Manifest.Incrs {
		p, err := os.ReadFile(filepath.Join(aof, ref.Name))
		if err != nil {
			t.Fatal(err)
		}
		if _, tail, err := frames(p, ReaderOptions{Path: ref.Name}); err != io.EOF || tail.Lines != 0 {
			t.Errorf("%s: tail %v, %v", ref.Name, tail, err)
		}
	}
}
