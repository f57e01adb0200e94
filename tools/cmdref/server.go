package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"frankenredis/wire/resp"
)

// patience is how long a server may take to start, and to answer one command.
const patience = 10 * time.Second

// server is a running server of our own and a RESP3 connection to it. It listens on a socket file only, so that the
// parameters that name addresses keep their defaults.
type server struct {
	process *exec.Cmd
	dir     string
	conn    net.Conn
	replies resp.ReplyReader
}

// overridden are the parameters that start sets, with their real defaults; "" for dir means that it depends on the machine.
var overridden = map[string]string{"port": "6379", "unixsocket": "", "dir": ""}

// start runs program in an empty folder with no configuration file.
func start(program string) (*server, error) {
	dir, err := os.MkdirTemp("", "cmdref")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.launch(program); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// launch starts the process and connects to it. After an error the caller stops s.
func (s *server) launch(program string) error {
	socket := filepath.Join(s.dir, "socket")
	var log bytes.Buffer
	process := exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", s.dir)
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		return err
	}
	s.process = process
	var err error
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if s.conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			s.stop() // no one writes to log any more
			return fmt.Errorf("%s does not listen: %w\n%s", program, err, log.String())
		}
	}
	_, err = s.do("HELLO", "3")
	return err
}

// do sends a command and returns its reply.
func (s *server) do(args ...string) (resp.Value, error) {
	argv := make([][]byte, len(args))
	for i, a := range args {
		argv[i] = []byte(a)
	}
	if err := s.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return resp.Value{}, err
	}
	if _, err := s.conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		return resp.Value{}, err
	}
	v, err := s.replies.Receive(s.conn)
	if err = errors.Join(err, v.Err()); err != nil {
		return resp.Value{}, fmt.Errorf("%q: %w", args, err)
	}
	return v, nil
}

// stop ends the server and removes its folder. A second call does nothing.
func (s *server) stop() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait() // killed, so never nil
		s.process = nil
	}
	os.RemoveAll(s.dir)
}
