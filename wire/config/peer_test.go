package config

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// peer is a real server of the Redis family, started for one test.
type peer struct {
	t    *testing.T
	dir  string
	conn net.Conn
	in   *bufio.Reader
}

// startPeer starts a server that listens on a unix socket in dir only.
func startPeer(t *testing.T, name, dir string, args ...string) *peer {
	t.Helper()
	bin := testbed.Peer(t, name)
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(bin, append(args, "--port", "0", "--unixsocket", socket, "--dir", dir)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &peer{t, dir, conn, bufio.NewReader(conn)}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v\n%s", name, err, out.String())
		}
	}
}

// do sends a command and returns its reply: errors and simple strings as text, arrays flat.
func (p *peer) do(args ...string) []string {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if err := p.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.WriteString(p.conn, b.String()); err != nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	reply, err := p.reply()
	if err != nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	return reply
}

func (p *peer) reply() ([]string, error) {
	head, err := p.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	head = strings.TrimRight(head, "\r\n")
	switch head[0] {
	case '$':
		n, err := strconv.Atoi(head[1:])
		if err != nil || n < 0 {
			return []string{""}, err
		}
		data := make([]byte, n+2)
		_, err = io.ReadFull(p.in, data)
		return []string{string(data[:n])}, err
	case '*':
		n, err := strconv.Atoi(head[1:])
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			one, err := p.reply()
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}
	return []string{asRedis(head[1:])}, nil
}

// get asks for one parameter.
func (p *peer) get(name string) string {
	p.t.Helper()
	r := p.do("CONFIG", "GET", name)
	if len(r) != 2 {
		p.t.Fatalf("CONFIG GET %s: %q", name, r)
	}
	return r[1]
}

// runPeer starts a server and returns what it said on standard error and output, and whether it took its configuration; then
// it is stopped.
func runPeer(t *testing.T, name, dir, stdin string, args ...string) (stderr, stdout string, loaded bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testbed.Peer(t, name), args...)
	var errs bytes.Buffer
	out := watcher{mark: "Configuration loaded", found: cancel}
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Stdin = &out, &errs, dir, strings.NewReader(stdin)
	_ = cmd.Run() // what it printed tells
	return asRedis(errs.String()), asRedis(out.text.String()), strings.Contains(out.text.String(), out.mark)
}

// watcher collects output and calls found when mark has come by.
type watcher struct {
	text  strings.Builder
	mark  string
	found func()
}

func (w *watcher) Write(p []byte) (int, error) {
	w.text.Write(p)
	if strings.Contains(w.text.String(), w.mark) {
		w.found()
	}
	return len(p), nil
}

// asRedis replaces the names and versions of Redis's relatives.
func asRedis(s string) string {
	return strings.NewReplacer("Redict 7.3.6", "Redis 7.2.4", "Redis 7.0.15", "Redis 7.2.4", "Redict", "Redis", "redict", "redis").Replace(s)
}
