package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// folder is the append-only folder's name in the data directory.
const folder = "appendonlydir"

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// instance is a running server.
type instance struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	conn net.Conn
	in   *bufio.Reader
}

// errRefused says that a server ended instead of starting.
var errRefused = errors.New("it refused to start")

// start runs a server over dir and waits until it answers.
func start(binary, dir string, more ...string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--appendonly", "yes", "--save", "", "--auto-aof-rewrite-percentage", "0",
		"--enable-debug-command", "yes", "--logfile", filepath.Join(dir, "log")}, more...)
	s := &instance{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which stop and kill see to
		_ = s.cmd.Wait()
		close(s.done)
	}()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		select {
		case <-s.done:
			return nil, errRefused
		default:
		}
		if s.conn, err = net.Dial("tcp", address); err != nil {
			continue
		}
		s.in = bufio.NewReader(s.conn)
		if reply, err := s.do("PING"); err == nil && reply == "+PONG" {
			return s, nil
		}
		s.conn.Close()
	}
	s.kill()
	return nil, errors.New("it does not answer")
}

// do sends a command and returns the reply's first line.
func (s *instance) do(args ...string) (string, error) {
	_ = s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := s.conn.Write(command(args...)); err != nil {
		return "", err
	}
	line, err := s.in.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// ask is do for a reply that is an error, or a simple string.
func (s *instance) ask(args ...string) (string, error) {
	reply, err := s.do(args...)
	if err == nil && strings.HasPrefix(reply, "-") {
		err = fmt.Errorf("%s: %s", args[0], reply)
	}
	return reply, err
}

// stop stops the server in order.
func (s *instance) stop() error {
	_, _ = s.do("SHUTDOWN", "NOSAVE") // the connection ends instead of a reply
	s.conn.Close()
	select {
	case <-s.done:
		return nil
	case <-time.After(patience):
		s.kill()
		return errors.New("it does not stop")
	}
}

func (s *instance) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// command is a command as a client sends it.
func command(args ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.Bytes()
}

// makeFolder has the server make the folder: a base, an increment behind it, stopped in order, the sidecars removed.
func makeFolder(o *options, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s, err := start(o.server, dir, "--fr-rdb-oldest-version", "yes") // so that Redis 7.0 reads the base
	if err != nil {
		return err
	}
	defer s.kill()
	rnd := rand.New(rand.NewPCG(o.seed, 1))
	for i := range o.commands {
		if i == o.commands/2 {
			if err := rewrite(s, dir); err != nil {
				return err
			}
		}
		if _, err := s.ask(randomCommand(rnd, i)...); err != nil {
			return err
		}
	}
	if err := s.stop(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, "heal"))
}

// rewrite has the log rewritten and waits until the new base is there.
func rewrite(s *instance, dir string) error {
	if _, err := s.ask("BGREWRITEAOF"); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if bases, _ := filepath.Glob(filepath.Join(dir, folder, "*.2.base.rdb")); len(bases) == 1 {
			time.Sleep(200 * time.Millisecond) // its manifest, and the old files' end
			return nil
		}
	}
	return errors.New("the rewrite does not end")
}

// randomCommand is a write to one of a few hundred keys of six types.
func randomCommand(rnd *rand.Rand, i int) []string {
	n, value := strconv.Itoa(rnd.IntN(100)), fmt.Sprintf("%016x", rnd.Uint64())
	switch i % 6 {
	case 0:
		return []string{"SET", "string:" + n, value}
	case 1:
		return []string{"HSET", "hash:" + n, "field" + strconv.Itoa(rnd.IntN(8)), value}
	case 2:
		return []string{"ZADD", "zset:" + n, strconv.Itoa(rnd.IntN(1000)), "member" + strconv.Itoa(rnd.IntN(20))}
	case 3:
		return []string{"RPUSH", "list:" + n, value}
	case 4:
		return []string{"SADD", "set:" + n, strconv.Itoa(rnd.IntN(1000))}
	}
	return []string{"INCRBY", "count:" + n, strconv.Itoa(rnd.IntN(1000))}
}

// judgeServer gives flips to a real server, the first n of those in files that a stock server reads.
func judgeServer(binary, dir string, files []file, flips []flip, n int) (*tally, error) {
	want, err := serve(binary, dir, files, nil)
	if err != nil {
		return nil, fmt.Errorf("the folder as it was: %w", err)
	}
	t := &tally{}
	for i := range flips {
		at := &flips[i]
		f := files[at.file]
		if t.total() == n {
			break
		}
		if strings.HasSuffix(f.name, ".fr") {
			continue
		}
		got, err := serve(binary, dir, files, at)
		switch {
		case errors.Is(err, errRefused):
			t.refused++
			raw, err := os.ReadFile(filepath.Join(dir, "log"))
			if err != nil {
				return nil, err
			}
			if !namesPlace(string(raw), f.name) {
				t.unnamed++
			}
		case err != nil:
			return nil, fmt.Errorf("%s byte %d: %w", f.name, at.pos, err)
		case got == want:
			t.same++
		default:
			t.other++
		}
		if shrank(dir, files) {
			t.cut++
		}
	}
	return t, nil
}

// serve starts a server over the folder with one bit changed and returns the digest of what it serves.
func serve(binary, dir string, files []file, at *flip) (digest string, err error) {
	if err := place(dir, files, at); err != nil {
		return "", err
	}
	s, err := start(binary, dir)
	if err != nil {
		return "", err
	}
	defer s.kill()
	digest, err = s.ask("DEBUG", "DIGEST")
	return digest, err
}
