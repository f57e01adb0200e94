package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/sentinel"
	"frankenredis/sentinel/link"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// sentinelMode is Sentinel mode: the state machine, and the server as its world. Executor only.
type sentinelMode struct {
	machine *sentinel.Sentinel
	s       *server // nil until the server is made
	dialer  *link.Dialer
}

// newSentinelMode returns a Sentinel without a server yet, and its command table.
func newSentinelMode() (*sentinelMode, *engine.Table) {
	w := &sentinelMode{}
	w.machine = sentinel.New(w)
	return w, command.SentinelTable(w.machine)
}

// begin makes s the Sentinel's world and reads its directives. An error was logged, or is a *config.FatalError.
func (w *sentinelMode) begin(s *server) error {
	w.s = s
	overTLS := s.cfg.Bool("tls-replication")
	w.dialer = link.New(link.Options{Dial: func(ctx context.Context, address string) (net.Conn, error) { return s.dialer(overTLS)(ctx, address) }, Post: s.eng.Post})
	lines := s.cfg.Sentinel()
	words := make([][]string, len(lines))
	for i, l := range lines {
		words[i] = l.Words
	}
	if wrong, err := w.machine.Load(words); err != nil {
		return lines[wrong].Refuse(err.Error())
	}
	file := s.cfg.File()
	if file == "" {
		return s.refuse("Sentinel needs config file on disk to save state. Exiting...")
	}
	if err := unix.Access(file, unix.W_OK); err != nil {
		return s.refuse("Sentinel config file %s is not writable: %s. Exiting...", file, config.ErrnoText(err))
	}
	return nil
}

// start begins watching.
func (w *sentinelMode) start() error {
	if err := w.machine.Begin(); err != nil {
		return w.s.refuse("Sentinel can't save its state. Exiting...")
	}
	// Ten to twenty times a second, never for long in step with another Sentinel.
	w.s.eng.Every(func() time.Duration { return time.Second / time.Duration(10+w.Random(10)) }, w.machine.Tick)
	return nil
}

// close ends all connections.
func (w *sentinelMode) close() {
	if w.dialer != nil {
		w.dialer.Close()
	}
}

// info is the Sentinel's section of INFO.
func (w *sentinelMode) info(out *engine.InfoWriter) {
	for _, o := range w.machine.Overview() {
		out.Field(o.Name, o.Value)
	}
}

// From here on sentinelMode is a sentinel.World.

func (w *sentinelMode) Now() sentinel.Millis { return sentinel.Millis(time.Now().UnixMilli()) }

func (w *sentinelMode) Random(n int64) int64 { return int64(w.s.eng.Random() % uint64(n)) }

func (w *sentinelMode) Dial(a sentinel.Address, pushed func(resp.Value), lost func()) sentinel.Conn {
	return w.dialer.Open(a.Dialed(), pushed, lost)
}

// Resolve waits for the resolver, as Redis does; only resolve-hostnames yes has it called.
func (w *sentinelMode) Resolve(host string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	all, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
	if err != nil {
		return "", err
	}
	for _, ip := range all {
		if four := ip.To4(); four != nil {
			return four.String(), nil
		}
	}
	return all[0].String(), nil
}

// Lookup resolves a name on a goroutine of its own, which ends within resolveLimit.
func (w *sentinelMode) Lookup(host string, done func(ip string)) {
	go func() {
		ip, err := w.Resolve(host)
		if err != nil {
			ip = ""
		}
		w.s.eng.Post(func() { done(ip) })
	}()
}

// resolveLimit bounds how long the executor waits for a host's name: less than what tilts a Sentinel.
const resolveLimit = 1500 * time.Millisecond

// Save replaces the configuration file within the turn: a vote, or an administrator, waits for it.
func (w *sentinelMode) Save(lines, usual []string) error {
	s := w.s
	err := s.cfg.WriteBack(s.fs, config.RewriteOptions{Users: s.userLines(), Sentinel: lines, SentinelUsual: usual})
	if refused := (*config.SetError)(nil); errors.As(err, &refused) {
		return errors.New(strings.TrimPrefix(refused.Text, "ERR Rewriting config file: "))
	}
	return err
}

func (w *sentinelMode) Log(level sentinel.Level, text string) {
	switch level {
	case sentinel.Debug:
		w.s.logger.Trace(text)
	case sentinel.Verbose:
		w.s.logger.Debug(text)
	case sentinel.Notice:
		w.s.logger.Info(text)
	case sentinel.Warning:
		w.s.logger.Warn(text)
	}
}

func (w *sentinelMode) Publish(channel, message string) {
	w.s.eng.Publish([]byte(channel), []byte(message), false)
}

func (w *sentinelMode) OwnAddress() (ip string, port int) {
	cfg := w.s.cfg
	if cfg.Bool("tls-replication") && cfg.Int("tls-port") != 0 {
		return "", int(cfg.Int("tls-port"))
	}
	return "", int(cfg.Int("port"))
}

func (w *sentinelMode) Runnable(path string) bool { return unix.Access(path, unix.X_OK) == nil }

func (w *sentinelMode) ServerPassword() string { return w.s.cfg.String("requirepass") }

// Start runs a script; a goroutine waits for its end. The path is taken as it is, without a search, and what the script writes goes
// where this process writes.
func (w *sentinelMode) Start(argv []string, done func(status, signal int)) (int, func(), error) {
	c := &exec.Cmd{Path: argv[0], Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err := c.Start(); err != nil {
		return 0, nil, err
	}
	go func() {
		_ = c.Wait() // the state says it all
		status, signal := c.ProcessState.ExitCode(), 0
		if st, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() {
			status, signal = 0, int(st.Signal())
		}
		w.s.eng.Post(func() { done(status, signal) })
	}()
	return c.Process.Pid, func() { _ = c.Process.Kill() }, nil
}

func (w *sentinelMode) LogLevel() string { return w.s.cfg.Enum("loglevel") }

func (w *sentinelMode) SetLogLevel(word string) bool {
	return w.s.cfg.Set([]config.Pair{{Name: "loglevel", Value: word}}, config.Access{Local: true}) == nil
}

func (w *sentinelMode) Crash() {
	w.s.logger.Warn("Sentinel CRASH because of SENTINEL simulate-failure")
	os.Exit(simulatedCrash)
}

// simulatedCrash is the exit status after SENTINEL SIMULATE-FAILURE.
const simulatedCrash = 99

// runSentinel serves a Sentinel until it is told to stop, and returns the exit status.
func (s *server) runSentinel() int {
	s.logger.Info(fmt.Sprintf("Running mode=%s, port=%d.", s.eng.Mode(), s.ownPort()))
	s.watchSignals()
	tick := func() time.Duration { return time.Second / time.Duration(s.tempo()) }
	s.eng.Every(tick, func() {
		s.memory() // for the peak
		s.sampleRates()
	})
	if err := s.sentinel.start(); err != nil {
		return 1
	}
	s.notify("STATUS=Ready to accept connections\nREADY=1\n")
	defer s.guard()
	if err := s.eng.Run(); err != nil {
		s.logger.Warn("Event loop failed: " + err.Error())
		s.exit = 1
	}
	s.sentinel.close()
	s.reactor.Close()
	return s.exit
}
