package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/recovery"
	"frankenredis/repl"
	"frankenredis/snapshot"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
)

// A replica's data directory while its server takes a full sync: whole servers run on a disk that forgets, and primaries that this test plays
// send them a snapshot.

// syncWorld is one replica and its primary.
type syncWorld struct {
	t       *testing.T
	fs      *crashfs.FS
	dir     string
	aof     bool
	primary net.Listener
	conns   sync.WaitGroup
	s       *server
	ended   chan int // closed by the server's goroutine
	shots   []syncShot
	// asked, if set, is called when the primary is first asked for a sync.
	asked func()
	once  sync.Once
}

// syncShot is the disk as it was right before an operation, without it.
type syncShot struct {
	before crashfs.Event
	disk   *crashfs.FS
}

// datasets are what the replica had and what its primary has.
func oldData() map[string]string { return map[string]string{"a": "old", "b": "old", "gone": "old"} }
func newData() map[string]string { return map[string]string{"a": "new", "c": "new"} }

func snapshotOf(t *testing.T, data map[string]string, functions ...string) string {
	ks := kv.New(kv.Options{Databases: 1})
	for k, v := range data {
		ks.DB(0).SetString([]byte(k), []byte(v), false)
	}
	f := ks.Freeze()
	defer f.Close()
	var m snapshot.Meta
	for _, source := range functions {
		m.Functions = append(m.Functions, []byte(source))
	}
	var b bytes.Buffer
	if _, err := snapshot.Write(&b, f, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func logOf(data map[string]string) string {
	var b strings.Builder
	b.WriteString("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n")
	for _, k := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(&b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(data[k]), data[k])
	}
	return b.String()
}

// newSyncWorld starts a replica over the old data; streamed: the primary sends without a length. functions are what it has beside the new data.
func newSyncWorld(t *testing.T, aof bool, load string, streamed bool, functions ...string) *syncWorld {
	t.Helper()
	w := &syncWorld{t: t, fs: crashfs.New(), dir: t.TempDir(), aof: aof, ended: make(chan int)}
	t.Chdir(w.dir)
	var err error
	if w.primary, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	payload := snapshotOf(t, newData(), functions...)
	w.conns.Go(func() {
		for {
			c, err := w.primary.Accept()
			if err != nil {
				return
			}
			w.conns.Go(func() { w.playPrimary(c, payload, streamed) })
		}
	})
	yes := map[bool]string{true: "yes", false: "no"}
	cfg, err := config.LoadText(fmt.Sprintf("port 0\nunixsocket %s\nlogfile %s\nsave \"\"\nfr-sidecars no\nfr-ledger-limit 0\nappendonly %s\nrepl-diskless-load %s\nreplicaof 127.0.0.1 %d\n",
		filepath.Join(w.dir, "s"), filepath.Join(w.dir, "log"), yes[aof], load, w.primary.Addr().(*net.TCPAddr).Port), config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if w.s, err = newServer(cfg, command.Table(), nil, "no", ""); err != nil {
		t.Fatal(err)
	}
	w.s.fs = w.fs
	if aof {
		w.fs.Put(w.dir+"/appendonlydir/appendonly.aof.1.incr.aof", logOf(oldData()))
		w.fs.Put(w.dir+"/appendonlydir/appendonly.aof.manifest", "file appendonly.aof.1.incr.aof seq 1 type i\n")
	} else {
		w.fs.Put(w.dir+"/dump.rdb", snapshotOf(t, oldData()))
	}
	return w
}

// playPrimary is a primary that gives everyone a full sync.
func (w *syncWorld) playPrimary(c net.Conn, payload string, streamed bool) {
	defer c.Close()
	br := bufio.NewReader(c)
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		if line[0] != '*' {
			continue
		}
		n, args := 0, []string(nil)
		fmt.Sscanf(line, "*%d", &n)
		for range n {
			_, _ = br.ReadString('\n')
			arg, err := br.ReadString('\n')
			if err != nil {
				return
			}
			args = append(args, strings.TrimSpace(arg))
		}
		answer := "+OK\r\n"
		switch {
		case args[0] == "PING":
			answer = "+PONG\r\n"
		case args[0] == "REPLCONF" && args[1] == "ACK":
			continue
		case args[0] == "PSYNC":
			w.once.Do(func() {
				if w.asked != nil {
					w.asked()
				}
			})
			answer = "+FULLRESYNC " + strings.Repeat("ab", 20) + " 1000\r\n"
			if streamed {
				mark := strings.Repeat("m", 40)
				answer += "$EOF:" + mark + "\r\n" + payload + mark
			} else {
				answer += fmt.Sprintf("$%d\r\n%s", len(payload), payload)
			}
		}
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// run lets the replica live until it stands where its primary does, with its log on if it has one.
func (w *syncWorld) run() {
	w.t.Helper()
	w.fs.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() {
			w.shots = append(w.shots, syncShot{e, freeze()})
		}
	})
	go func() {
		defer close(w.ended)
		w.s.run()
	}()
	for began := time.Now(); !w.synced(); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			w.t.Fatal("no sync")
		}
	}
}

func (w *syncWorld) synced() bool {
	there := make(chan bool, 1)
	w.s.eng.Post(func() {
		f := w.s.replica.follower
		there <- f != nil && f.reached == repl.PhaseConnected && (w.s.log != nil) == w.aof && w.s.logHeld == nil && !w.s.busy(0)
	})
	select {
	case ok := <-there:
		return ok
	case <-w.ended:
		w.t.Fatal("the server ended")
	}
	return false
}

func (w *syncWorld) end() {
	w.s.eng.Post(func() {
		w.s.dropPrimary()
		w.s.eng.Stop()
	})
	<-w.ended
	w.primary.Close()
	w.conns.Wait()
	if w.s.log != nil {
		w.s.log.Close(false)
	}
}

// found is the data that a start on a disk finds.
func (w *syncWorld) found(fs *crashfs.FS, boot string) (map[string]string, error) {
	data := map[string]string{}
	var seed dict.Seed
	res, err := recovery.Boot(recovery.Options{FS: fs, Dir: w.dir, AOF: w.aof, LoadTruncated: true, Annotate: true, Databases: 16, BootID: boot,
		BootTime: time.Unix(1, 0), KeepExpired: true, Hash: func(key []byte) uint64 { return dict.Hash(&seed, key) },
		LoadItems: func(items []snapshot.Item) error {
			for _, it := range items {
				data[string(it.Key)] = string(it.Value)
			}
			return nil
		},
		Apply: func(batch []recovery.Command) error {
			for _, c := range batch {
				if strings.EqualFold(string(c.Args[0]), "SET") {
					data[string(c.Args[1])] = string(c.Args[2])
				}
			}
			return nil
		}})
	if err == nil && res.Lock != nil {
		res.Lock.Close()
	}
	return data, err
}

// judge looks at what each death would have left: the old data or the new, whole.
func (w *syncWorld) judge(shots []syncShot, seeds uint64) (sawOld, sawNew bool) {
	w.t.Helper()
	look := func(at string, disk *crashfs.FS, boot string) {
		data, err := w.found(disk, boot)
		switch {
		case err != nil:
			w.t.Errorf("%s: it does not start: %v", at, err)
		case maps.Equal(data, oldData()):
			sawOld = true
		case maps.Equal(data, newData()):
			sawNew = true
		default:
			w.t.Errorf("%s: neither the old data nor the new: %v", at, data)
		}
	}
	for _, shot := range shots {
		look(fmt.Sprintf("killed before %v", shot.before), shot.disk.Kill(), "same")
		for seed := range seeds {
			look(fmt.Sprintf("power loss %d before %v", seed, shot.before), shot.disk.Crash(seed), "next")
		}
	}
	return sawOld, sawNew
}

// syncForms are the ways a full sync goes.
var syncForms = []struct {
	name, load string
	aof        bool
	streamed   bool
	stays      bool // nothing of it reaches the disk
}{
	{"disk", "disabled", false, false, false},
	{"disk, streamed, log", "disabled", true, true, false},
	{"diskless", "swapdb", false, true, true},
	{"diskless, log", "swapdb", true, true, false},
	{"disk, log", "disabled", true, false, false},
}

// A replica dies at any operation of a full sync (I12, I21): a start finds what it had before, or what its primary sent, whole; and when the sync is over
// what the primary sent, unless nothing of it was to reach the disk.
func TestFullSyncCrash(t *testing.T) {
	for _, form := range syncForms {
		t.Run(form.name, func(t *testing.T) {
			w := newSyncWorld(t, form.aof, form.load, form.streamed)
			w.run()
			last := syncShot{crashfs.Event{}, w.fs.Clone()}
			w.end()
			seeds := uint64(8)
			if testing.Short() {
				seeds = 3
			}
			w.judge(w.shots, seeds)
			if sawOld, sawNew := w.judge([]syncShot{last}, seeds); sawOld != form.stays || sawNew == form.stays {
				t.Errorf("behind the sync: old %v, new %v", sawOld, sawNew)
			}
		})
	}
}

// The same with a call that fails, one after another: what it belongs to is tried again, and before and after there is one of the two.
func TestFullSyncFault(t *testing.T) {
	for _, form := range syncForms {
		t.Run(form.name, func(t *testing.T) {
			step := 1
			if form.aof { // some hundred calls
				step = 13
			}
			for n, hit := 1, true; hit; n += step {
				w := newSyncWorld(t, form.aof, form.load, form.streamed)
				errno := []syscall.Errno{syscall.EIO, syscall.ENOSPC}[n%2]
				w.asked = func() { w.fs.Inject(crashfs.Fault{Op: crashfs.Changing, Nth: n, Err: errno}) }
				w.run()
				last := syncShot{crashfs.Event{}, w.fs.Clone()}
				w.end() // until then the log's goroutines take shots
				w.shots = append(w.shots, last)
				hit = false
				for _, e := range w.fs.Trace() {
					if e.Err != nil {
						hit = true
					}
				}
				w.judge(w.shots, 2)
			}
		})
	}
}
