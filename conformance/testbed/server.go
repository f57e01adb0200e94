package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// StartTimeout bounds how long a server may take to be ready, loading included.
const StartTimeout = 60 * time.Second

// Options say how to start a server.
type Options struct {
	Binary string   // program; required by Launch, Start takes the subject when it is empty
	Dir    string   // data directory; Launch requires it, Start makes a temporary one when it is empty
	Args   []string // added to the standard ones, so they win: --appendonly yes
	Wrap   []string // command that runs the server as its direct child or by exec: strace -D ..., taskset -c 0
	Env    []string // added to the environment
	Bind   string   // address to listen on and to dial; 127.0.0.1 when empty
	Plain  bool     // give only port, bind and dir, not --save "", so that a configuration file's save counts
	NoWait bool     // return as soon as the process runs; the caller decides when it is ready
}

// Server is a data directory with, while it runs, one process in it.
type Server struct {
	Dir  string // data directory (the server's working directory)
	Port int    // chosen anew at every start
	Log  string // file with everything the process printed, over all its lives

	opts   Options
	cmd    *exec.Cmd
	logPos int           // where the log of this life begins
	exited chan struct{} // closed by the goroutine that waits for the process
	status error         // what Wait returned; read after exited is closed
}

// Launch starts a server and waits until it answers PING. The caller must Kill or Stop it.
func Launch(o Options) (*Server, error) {
	if o.Binary == "" || o.Dir == "" {
		return nil, errors.New("testbed: Launch needs Binary and Dir")
	}
	if o.Bind == "" {
		o.Bind = "127.0.0.1"
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Log: dir + ".log", opts: o}
	return s, s.Restart()
}

// Start is Launch for a test, which ends the process when it is over and shows the log's end when it failed.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	track(t)
	if o.Binary == "" {
		o.Binary = Subject(t)
	}
	if o.Dir == "" {
		o.Dir = TempDir(t)
	}
	s, err := Launch(o)
	if s != nil {
		t.Cleanup(func() {
			s.Kill()
			if t.Failed() {
				t.Logf("end of the log of %s in %s:\n%s", filepath.Base(o.Binary), s.Dir, s.LogTail(1500))
			}
		})
	}
	if err != nil {
		t.Fatalf("start %s: %v", o.Binary, err)
	}
	return s
}

// TempDir makes a data directory for the length of a test. Unlike testing.T's own it may still be written to when it is
// removed: a forked child of a server that was killed lives a little longer.
func TempDir(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp("", "testbed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(base) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	dir := filepath.Join(base, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Restart starts the server again in its directory, which must have no process now, with the same options.
func (s *Server) Restart() error {
	var err error
	for range 5 { // another process may take the port between our look and the server's
		if err = s.RestartNoWait(); err != nil || s.opts.NoWait {
			return err
		}
		if err = s.WaitReady(); err == nil || !strings.Contains(strings.ToLower(s.LogTail(2000)), "address already in use") {
			return err
		}
		s.Kill()
	}
	return err
}

// RestartNoWait is Restart that returns as soon as the process runs.
func (s *Server) RestartNoWait() error {
	s.Port = FreePort(s.opts.Bind)
	return s.start()
}

// SetArgs changes what the next Restart adds to the standard arguments.
func (s *Server) SetArgs(args ...string) { s.opts.Args = args }

func (s *Server) start() error {
	if s.Running() {
		return errors.New("testbed: already running")
	}
	args := append([]string{}, s.opts.Wrap...)
	args = append(args, s.opts.Binary,
		"--port", strconv.Itoa(s.Port), "--bind", s.opts.Bind, "--dir", s.Dir)
	if !s.opts.Plain {
		args = append(args, "--save", "")
	}
	args = append(args, s.opts.Args...)
	if slices.Contains(s.opts.Args, "--cluster-enabled") {
		args = append(args, "--cluster-port", strconv.Itoa(FreePort(s.opts.Bind))) // the default may be taken
	}
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.logPos = len(s.LogText())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), s.opts.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The signal comes when the thread that forked ends, not the process (prctl(2)), and a thread ends with any goroutine
		// that locked it, as the engine's background work does: so one thread starts the server and stays until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.status = cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd, s.exited = cmd, exited
	return nil
}

// WaitReady returns when the server answers PING with something else than LOADING, or with the error that ended it.
func (s *Server) WaitReady() error {
	deadline := time.Now().Add(StartTimeout)
	for time.Now().Before(deadline) {
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended before it was ready (%v):\n%s", s.status, s.LogTail(2000))
		default:
		}
		if c, err := s.DialErr(); err == nil {
			r, err := c.Do("PING")
			c.Close()
			// With a password PING says nothing about loading; the log does.
			ready := !strings.HasPrefix(r.Str, "NOAUTH") || strings.Contains(s.LogText()[s.logPos:], "Ready to accept connections")
			if err == nil && ready && !strings.HasPrefix(r.Str, "LOADING") {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("the server was not ready after %v:\n%s", StartTimeout, s.LogTail(2000))
}

// Running reports whether the process is there.
func (s *Server) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// PID is the process's number, or 0 before the first start.
func (s *Server) PID() int {
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Pause stops the process by SIGSTOP and returns when all its threads stand still. SIGCONT has it go on.
func (s *Server) Pause() error {
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(StartTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		states, err := threadStates(s.PID())
		if err != nil || strings.Trim(states, "Tt") == "" {
			return err
		}
	}
	return errors.New("testbed: the process does not stand still")
}

// Kill ends the process with SIGKILL and waits for its end. It may be called at any time, more than once.
func (s *Server) Kill() {
	if s.Running() {
		s.cmd.Process.Kill()
		<-s.exited
	}
}

// Stop ends the process with SIGTERM and returns its exit status; it is killed after a minute.
func (s *Server) Stop() (code int, err error) {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return s.WaitExit()
}

// WaitExit waits for the process to end by itself and returns its exit status; it is killed after a minute.
func (s *Server) WaitExit() (code int, err error) {
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(StartTimeout):
		s.Kill()
		return -1, errors.New("the server did not end")
	}
}

// Addr is the server's TCP address.
func (s *Server) Addr() string { return net.JoinHostPort(s.opts.Bind, strconv.Itoa(s.Port)) }

// DialErr connects to the server.
func (s *Server) DialErr() (*Client, error) { return Dial("tcp", s.Addr()) }

// Dial connects to the server for the length of a test.
func (s *Server) Dial(t testing.TB) *Client {
	t.Helper()
	c, err := s.DialErr()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// LogText returns everything the process printed.
func (s *Server) LogText() string {
	b, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// LogTail returns about the last n bytes of the log, from the start of a line.
func (s *Server) LogTail(n int) string {
	b := []byte(s.LogText())
	if len(b) > n {
		b = b[len(b)-n:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(b)
}

// given are the ports handed out already: a server that has been told its port may not listen yet.
var given struct {
	mu    sync.Mutex
	ports map[int]bool
}

// FreePort returns a port of an address that nobody listens on now, below the range that the kernel gives to outgoing connections, and that it
// has not returned before, or not for long: who still connects to a server that has ended does not meet another one.
func FreePort(bind string) int {
	const first, count = 10000, 20000
	given.mu.Lock()
	defer given.mu.Unlock()
	if given.ports == nil || len(given.ports) > count/2 {
		given.ports = make(map[int]bool)
	}
	for {
		port := first + rand.IntN(count)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(bind, strconv.Itoa(port)))
		if err == nil {
			l.Close()
			given.ports[port] = true
			return port
		}
	}
}
