package lab

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// A log that is stuck is found to be, whatever wakes its engine, and what everybody was doing then is kept.
func TestStuckLog(t *testing.T) {
	r := &real{c: Config{Policy: wal.Always, Patience: 20 * look}}
	l := newLife(r, rand.New(rand.NewPCG(1, 1)))
	if _, err := l.start(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	l.disk.At(0, func(e crashfs.Event, _ func() *crashfs.FS) {
		if isLogSync(e) {
			<-release
		}
	})
	over := make(chan struct{})
	go func() {
		for {
			select {
			case r.woken <- struct{}{}:
			case <-over:
				return
			}
		}
	}()
	if err := l.write(1); err == nil {
		t.Error("a log is not stuck whose sync does not return")
	}
	r.c.Patience = 0
	_, file, _ := strings.Cut(r.stuck().Error(), "goroutines: ")
	file = strings.TrimSuffix(file, ")")
	if p, err := os.ReadFile(file); err != nil || !bytes.Contains(p, []byte("runWriter")) {
		t.Errorf("%d bytes of goroutines: %v", len(p), err)
	}
	if err := os.Remove(file); err != nil {
		t.Error(err)
	}
	close(over)
	close(release)
	if err := errors.Join(l.eng.Settle(), l.stop()); err != nil {
		t.Error(err)
	}
}

// isLogSync says that an increment is synced.
func isLogSync(e crashfs.Event) bool {
	of, _ := path.Match("*.incr.aof", path.Base(e.Name))
	return of && e.Op == crashfs.SyncData
}

// A laboratory that was stopped itself accuses nobody: a process is stopped in a sync for longer than its patience lasts, and goes on.
func TestStoppedLaboratory(t *testing.T) {
	const enough = 200 * time.Millisecond
	if os.Getenv("LAB_STOPS") != "" {
		stopInSync(t, enough)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestStoppedLaboratory$", "-test.v")
	cmd.Env = append(os.Environ(), "LAB_STOPS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var how unix.Siginfo // of no interest: a process that has ended does not mind being waited for again
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &how, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * enough) // it is the clock that must go on
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || !bytes.Contains(out.Bytes(), []byte(wasStopped)) {
		t.Errorf("%v\n%s", err, &out)
	}
}

const wasStopped = "stopped and continued"

// stopInSync writes with an engine of that patience whose process is stopped in the sync, which takes some looks more then.
func stopInSync(t *testing.T, enough time.Duration) {
	l := newLife(NewReal(Config{Policy: wal.Always, Patience: enough}), rand.New(rand.NewPCG(1, 1)))
	if _, err := l.start(); err != nil {
		t.Fatal(err)
	}
	var stopped atomic.Bool
	l.disk.At(0, func(e crashfs.Event, _ func() *crashfs.FS) {
		if !isLogSync(e) || stopped.Swap(true) {
			return
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
		time.Sleep(4 * look) // the disk's time, much less than the patience
	})
	if err := l.write(1); err != nil {
		t.Error(err)
	}
	if stopped.Load() {
		t.Log(wasStopped)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}
