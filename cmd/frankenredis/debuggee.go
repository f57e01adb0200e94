package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// debuggee is a process that debugs a script for a client which was here before (debuggee_view.go). The executor makes and forgets it; a
// goroutine of its own starts the process and waits for its end, another one sends it the data set.
type debuggee struct {
	s      *server
	view   *debugView
	meta   snapshot.Meta
	frozen *kv.Frozen
	conn   *os.File // the client's connection, until the process has it
	log    engine.Log
	at     wal.LSN // what the log must have released before the client sees the data set (I2)
	done   chan struct{}

	mu      sync.Mutex
	process *os.Process // protected by mu; nil: it does not run yet, or no more
	stopped bool        // protected by mu: it is not wanted any more
}

// debugApart is what EVAL does after SCRIPT DEBUG YES. It sets the client free.
func (s *server) debugApart(c *engine.Call) error {
	leaver, ok := c.S.Conn.(session.Leaver)
	if !ok {
		return engine.ReplyError("ERR This connection can't be used for debugging")
	}
	began := time.Now()
	d := &debuggee{s: s, view: s.debugView(c.S, c.Args), meta: s.snapshotMeta(), done: make(chan struct{})}
	fd, held, err := leaver.Leave()
	if err != nil {
		return engine.Errorf("ERR The debugger can't take this connection to a process of its own: %s. SCRIPT DEBUG SYNC can do without one.", err)
	}
	d.conn, d.view.Client.Held = os.NewFile(uintptr(fd), "client"), held
	d.frozen = s.ks.Freeze()
	s.load.freezeUsec = time.Since(began).Microseconds()
	s.debuggees = append(s.debuggees, d)
	s.eng.Post(func() { // behind the turn, when all that the frozen view shows was committed
		d.log, d.at = s.coveringLog(), s.eng.StreamEnd()
		go d.run()
	})
	return nil
}

// run is the debuggee's goroutine.
func (d *debuggee) run() {
	err := d.awaitCover()
	if err == nil {
		err = d.start()
	}
	_ = d.conn.Close() // if not before: the client is to see that there is no process
	d.s.eng.Post(func() { d.s.forgetDebuggee(d, err) })
	close(d.done)
}

// awaitCover waits until the log covers what the frozen view shows, as durably as its policy promises.
func (d *debuggee) awaitCover() error {
	for d.log != nil && d.log.Released() < d.at {
		if d.isStopped() {
			return errStopped
		}
		if err := d.log.Err(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (d *debuggee) isStopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// start runs the process to its end.
func (d *debuggee) start() error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	c := exec.Command("/proc/self/exe")
	c.Args = os.Args
	c.Env = []string{debuggeeEnv + "=" + debuggeeMark(os.Getpid(), d.view.Mark)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "NOTIFY_SOCKET=") { // the supervisor's interest is in the server
			c.Env = append(c.Env, v)
		}
	}
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.ExtraFiles = []*os.File{in, d.conn}
	d.mu.Lock()
	if err = c.Start(); err == nil && d.stopped {
		_ = c.Process.Kill()
	}
	d.process = c.Process
	d.mu.Unlock()
	_ = in.Close()
	_ = d.conn.Close() // the process has its own
	if err != nil {
		_ = out.Close()
		return err
	}
	var sending error
	sent := engine.Background(func() {
		sending = d.send(out)
		_ = out.Close() // a process that misses something says so
	})
	err = c.Wait()
	d.mu.Lock()
	d.process = nil
	d.mu.Unlock()
	<-sent // its end has nobody reading any more
	if err == nil || d.isStopped() {
		return nil
	}
	if sending != nil && !errors.Is(sending, unix.EPIPE) {
		err = sending
	}
	return err
}

// send writes the view and the data set.
func (d *debuggee) send(out *os.File) error {
	w := bufio.NewWriterSize(out, 256<<10)
	if err := gob.NewEncoder(w).Encode(d.view); err != nil {
		return err
	}
	d.meta.Yield = engine.Yielder()
	if _, err := snapshot.Write(w, d.frozen, d.meta); err != nil {
		return err
	}
	d.s.eng.Post(d.thaw)
	return w.Flush()
}

// thaw lets go of the frozen view. The executor only.
func (d *debuggee) thaw() {
	if d.frozen != nil {
		d.frozen.Close()
		d.frozen = nil
	}
}

// forgetDebuggee is told how the process ended.
func (s *server) forgetDebuggee(d *debuggee, err error) {
	d.thaw()
	for i, x := range s.debuggees {
		if x == d {
			s.debuggees = append(s.debuggees[:i], s.debuggees[i+1:]...)
			break
		}
	}
	if err != nil && !errors.Is(err, errStopped) {
		s.logger.Warn("Debugging a script in a process of its own: " + err.Error())
	}
}

// killDebuggees ends all debugging sessions in processes of their own, for a server that ends.
func (s *server) killDebuggees() {
	for _, d := range s.debuggees {
		d.mu.Lock()
		d.stopped = true
		if d.process != nil {
			s.logger.Info(fmt.Sprintf("Killing debugging session %d", d.process.Pid))
			_ = d.process.Kill()
		}
		d.mu.Unlock()
	}
}
