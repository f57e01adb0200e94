package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// testServer is the server under test, as a process.
type testServer struct {
	binary, dir, policy string
	args                []string
	addr                string
	cmd                 *exec.Cmd
	exited              chan error // the process's end; closed behind it
}

// startPatience is how long a server may take until it answers.
const startPatience = 60 * time.Second

var errExited = errors.New("it ended")

// launch starts the process and does not wait for it.
func (s *testServer) launch() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.addr = fmt.Sprintf("127.0.0.1:%d", port)
	args := append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", s.dir, "--appendonly", "yes",
		"--appendfsync", s.policy, "--save", ""}, s.args...)
	log, err := os.OpenFile(filepath.Join(filepath.Dir(s.dir), filepath.Base(s.dir)+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		close(exited)
	}()
	s.cmd, s.exited = cmd, exited
	return nil
}

// start launches the server and waits until it answers and has loaded. errExited: it ended instead.
func (s *testServer) start() error {
	if err := s.launch(); err != nil {
		return err
	}
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.exited:
			state := s.cmd.ProcessState
			s.cmd = nil
			return fmt.Errorf("%s: %w before it answered: %v", filepath.Base(s.binary), errExited, state)
		default:
		}
		if reply, err := s.ask("PING"); err == nil && reply == "PONG" {
			return nil
		}
	}
	s.kill()
	return fmt.Errorf("%s does not answer for %v", filepath.Base(s.binary), startPatience)
}

// ask sends one command by a connection of its own.
func (s *testServer) ask(args ...string) (any, error) {
	c, err := dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.do(args...)
}

func (s *testServer) version() (string, error) {
	reply, err := s.ask("INFO", "server")
	text, _ := reply.(string)
	for _, field := range []string{"valkey_version:", "redis_version:"} {
		for line := range strings.Lines(text) {
			if v, ok := strings.CutPrefix(line, field); ok {
				return strings.TrimSuffix(field, ":") + " " + strings.TrimSpace(v), err
			}
		}
	}
	return "unknown version", err
}

// pause stops the process with SIGSTOP.
func (s *testServer) pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// kill ends the process with SIGKILL, if it runs, and waits for its end.
func (s *testServer) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.cmd = nil
}

// stop ends the process in order.
func (s *testServer) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		s.cmd = nil
		return err
	case <-time.After(startPatience):
		s.kill()
		return fmt.Errorf("%s does not stop", filepath.Base(s.binary))
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
