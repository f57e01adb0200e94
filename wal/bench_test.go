package wal

import (
	"bytes"
	"io"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

func benchLog(b *testing.B, policy Policy, wake func()) *Log {
	b.Helper()
	l, err := Create(Options{Dir: filepath.Join(b.TempDir(), "aof"), Policy: policy, Annotate: true, Wake: wake},
		Position{ID: testID, Epoch: 1}, Base{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(true); err != nil {
			b.Error(err)
		}
	})
	return l
}

// One SET of 64 bytes a turn, into the page cache.
func BenchmarkCommit(b *testing.B) {
	for _, policy := range []Policy{EverySec, No} {
		b.Run(policy.String(), func(b *testing.B) {
			l := benchLog(b, policy, nil)
			p := set("key:000000001234", strings.Repeat("v", 64))
			for range 1000 {
				l.Commit(p, 0)
			}
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				l.Commit(p, 0)
			}
			for l.Released() < l.End() {
				time.Sleep(time.Millisecond)
			}
			s := l.Status()
			b.ReportMetric(float64(s.Inline)/float64(s.Inline+s.Queued), "inline")
		})
	}
}

// Clients that wait for their reply before they go on, under always: what one sync costs and how many share it.
func BenchmarkAlways(b *testing.B) {
	for _, mode := range []CommitMode{CommitDirect, CommitRing} {
		for _, clients := range []int{1, 10, 50, 500} {
			b.Run(mode.String()+"/"+name(clients), func(b *testing.B) { benchAlways(b, mode, clients) })
		}
	}
}

func benchAlways(b *testing.B, mode CommitMode, clients int) {
	woken := make(chan struct{}, 1)
	l := benchLog(b, Always, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if l.SetCommit(mode); mode == CommitRing {
		waitFor(b, "the ring", func() bool { return l.Status().Ring != "" })
	}
	p := set("key:000000001234", strings.Repeat("v", 64))
	unit := LSN(len(p))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var replied LSN
	syncs := l.Status().Syncs
	b.ReportAllocs()
	b.ResetTimer()
	var turn []byte
	for l.End() < LSN(b.N)*unit {
		// Whoever got a reply sends the next command, a few in each turn as a socket would bring them.
		idle := LSN(clients)*unit - (l.End() - replied)
		turn = turn[:0]
		for range min(int(idle/unit), 8) {
			turn = append(turn, p...)
		}
		if len(turn) > 0 {
			l.Commit(turn, 0)
			spin(5 * time.Microsecond * time.Duration(len(turn)/int(unit)))
		} else {
			<-woken
		}
		replied = l.Released()
	}
	for l.Released() < l.End() {
		<-woken
	}
	b.StopTimer()
	s := l.Status()
	if mode == CommitRing {
		s.Syncs, syncs = s.RingCommits, 0
	}
	b.ReportMetric(float64(b.N)/float64(s.Syncs-syncs), "commands/sync")
}

func name(clients int) string {
	return "clients=" + strconv.Itoa(clients)
}

var spun atomic.Int64

// spin is the time that serving commands takes.
func spin(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
		spun.Add(1)
	}
}

// Reading an increment with our lines, checking everything.
func BenchmarkReader(b *testing.B) {
	fs := newMemFS()
	l := createTest(b, quickOptions(fs, EverySec))
	p := set("key:000000001234", strings.Repeat("v", 64))
	for range 100_000 {
		l.Commit(p, 0)
	}
	l.Close(true)
	file, _ := readFile(fs, filepath.Join(testDir, IncrName(defaultName, 1)))
	for _, verify := range []bool{false, true} {
		b.Run(map[bool]string{false: "load", true: "verify"}[verify], func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for range b.N {
				r := NewReader(bytes.NewReader(file), int64(len(file)), ReaderOptions{Verify: verify})
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// What the disk can do at best: one write and sync after the other.
func BenchmarkSync(b *testing.B) {
	f, err := disk.OS().Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 300)
	for range b.N {
		f.Write(p)
		if err := f.SyncData(); err != nil {
			b.Fatal(err)
		}
	}
}
