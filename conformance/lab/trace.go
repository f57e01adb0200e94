package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"frankenredis/conformance/crashfs"
	"frankenredis/conformance/lab/model"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// tracer writes down what our engine does, as steps of the order model: commits and replies as they pass the engine's border, writes,
// syncs, renames and removals as they reach the disk. A write is noted before it is made, a sync when it has ended, so that what is
// noted as durable is. What a start does is not traced but for what it found.
//
// Positions are the engine's while the run goes on; events makes units of them.
type tracer struct {
	mu       sync.Mutex
	seen     []step
	live     Engine // replies are read from it; nil: booting, or dead
	gen      int    // of the disk that counts
	released uint64 // noted
	commits  int    // in force: units of the stream
	freezeAt int    // units a rewrite stands for, while one is under way; else -1
	err      error

	lsn              uint64        // stream bytes written to increments
	floor            uint64        // durable when the server had started
	incrs            []*tracedNode // written to since, in order
	ringWrote, filed uint64
	frames           []tracedFrame
	nodes            map[string]*tracedNode // by path
	base             string                 // file of the base that the manifest names
}

// step is an event with a position of the engine, or with a number of units.
type step struct {
	name  string
	lsn   uint64
	units int // -1: lsn says it
}

// tracedFrame is where a commit lies in the ring.
type tracedFrame struct {
	off, size int64
	end       uint64
}

// tracedNode is what is known of a file, whatever its name.
type tracedNode struct {
	clean   bool   // synced since it was last written
	content []byte // of a manifest
	rest    []byte // of an increment: bytes of a frame that is not whole yet
	last    uint64 // of an increment: the stream's end in it
	synced  uint64 // and as far as it is durable
}

func newTracer() *tracer {
	return &tracer{freezeAt: -1, nodes: map[string]*tracedNode{}}
}

// note adds an event, and before it the replies that have left. Under mu.
func (t *tracer) note(s step) {
	t.sample()
	if t.live != nil {
		t.seen = append(t.seen, s)
	}
}

func (t *tracer) sample() {
	if t.live == nil {
		return
	}
	if r := t.live.Promised().Released; r > t.released {
		t.released = r
		t.seen = append(t.seen, step{"reply", r, -1})
	}
}

// started says that a server has found so many units.
func (t *tracer) started(eng Engine, found int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gen > 1 {
		t.seen = append(t.seen, step{"crash", 0, found})
	}
	end := eng.End()
	t.live, t.released, t.commits = eng, end, found
	t.lsn, t.floor, t.ringWrote, t.filed = end, end, 0, end
	t.incrs, t.frames = nil, nil
	for _, n := range t.nodes {
		n.rest, n.last, n.synced = nil, end, end
	}
}

// cut ends the tracing of a server, and returns the disk as it was then.
func (t *tracer) cut(fs *crashfs.FS) *crashfs.FS {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sample()
	t.live, t.freezeAt = nil, -1
	t.gen++ // what the dead server still does is not seen
	return fs.Clone()
}

// events are the model's, up to the number of units that it can count.
func (t *tracer) events(most int) ([]model.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ends []uint64
	var all []model.Event
	for _, s := range t.seen {
		n := s.units
		switch {
		case s.name == "commit":
			ends = append(ends, s.lsn)
			n = len(ends)
		case s.name == "crash":
			ends = ends[:n]
		case n < 0:
			for n = 0; n < len(ends) && ends[n] <= s.lsn; {
				n++
			}
		}
		if n > most {
			break
		}
		all = append(all, model.Event{Name: s.name, To: uint8(n)})
	}
	return all, t.err
}

// wrote takes bytes of an increment. Under mu.
func (t *tracer) wrote(n *tracedNode, p []byte) {
	if t.live == nil {
		return
	}
	n.rest = append(n.rest, p...)
	before := t.lsn
	for len(n.rest) > 0 {
		size, counts, err := frameSize(n.rest)
		if err != nil {
			t.err = err
		}
		if size == 0 {
			break
		}
		n.rest = n.rest[size:]
		t.lsn += uint64(counts)
	}
	if t.lsn == before {
		return
	}
	n.last = t.lsn
	if len(t.incrs) == 0 || t.incrs[len(t.incrs)-1] != n {
		t.incrs = append(t.incrs, n)
	}
	t.note(step{"write increment", t.lsn, -1})
}

// frameSize is the size of the frame or line that p begins with, and how many stream bytes it stands for: a line none, or
// less than none if it says that the command before was a prologue. 0: it is not whole.
func frameSize(p []byte) (size, counts int, err error) {
	line := bytes.Index(p, []byte("\r\n"))
	if line < 0 {
		return 0, 0, nil
	}
	switch p[0] {
	case '#':
		if _, after, ok := strings.Cut(string(p[:line]), " prologue="); ok {
			prologue, err := strconv.Atoi(strings.Fields(after)[0])
			return line + 2, -prologue, err
		}
		return line + 2, 0, nil
	case '*':
	default:
		return 0, 0, fmt.Errorf("lab: an increment gets %.40q", p)
	}
	args, err := strconv.Atoi(string(p[1:line]))
	at := line + 2
	for ; args > 0 && err == nil; args-- {
		line = bytes.Index(p[at:], []byte("\r\n"))
		if line < 0 {
			return 0, 0, nil
		}
		var n int
		n, err = strconv.Atoi(string(p[at+1 : at+line]))
		at += line + 2 + n + 2
		if at > len(p) {
			return 0, 0, nil
		}
	}
	return at, at, err
}

// syncedIncr is told of a sync that covered n up to last. The stream is durable as far as all increments before are. Under mu.
func (t *tracer) syncedIncr(n *tracedNode, last uint64) {
	n.synced = max(n.synced, last)
	durable := t.floor
	for _, incr := range t.incrs {
		durable = max(durable, incr.synced)
		if incr.synced != incr.last {
			break
		}
	}
	if durable > t.filed {
		t.filed = durable
		t.note(step{"sync increment", durable, -1})
	}
}

// wroteRing takes frames at a place of the ring's first half. Under mu.
func (t *tracer) wroteRing(p []byte, off int64) {
	if off >= ringSize/2 {
		return // the second copy
	}
	for at := 0; at+192 <= len(p) && t.live != nil; {
		if string(p[at+16:at+24]) != "FR-RING1" {
			return // a ring being made
		}
		start, end := binary.LittleEndian.Uint64(p[at+80:]), binary.LittleEndian.Uint64(p[at+88:])
		size := int64(4096)
		if skip := p[at+24] == 1; !skip {
			size = int64(192+end-start+4095) / 4096 * 4096
		}
		f := tracedFrame{off + int64(at), size, end}
		kept, reused := t.frames[:0], uint64(0)
		for _, old := range t.frames {
			if old.off < f.off+f.size && f.off < old.off+old.size {
				reused = max(reused, old.end)
			} else {
				kept = append(kept, old)
			}
		}
		t.frames = append(kept, f)
		if reused > 0 {
			t.note(step{"reuse ring", reused, -1})
		}
		t.ringWrote = max(t.ringWrote, end)
		t.note(step{"write ring", t.ringWrote, -1})
		at += int(size)
	}
}

// named is told of a file that takes its final name. Under mu.
func (t *tracer) named(n *tracedNode, to string) {
	one := func(name string) { t.note(step{name: name}) }
	switch base := filepath.Base(to); {
	case isBase(base) && t.freezeAt >= 0:
		if one("write base"); n.clean {
			one("sync base")
		}
		one("name base")
	case base == wal.ManifestName(logName):
		was := t.base
		for line := range strings.Lines(string(n.content)) {
			if words := strings.Fields(line); len(words) >= 6 && words[5] == "b" {
				t.base = words[1]
			}
		}
		if t.base != was && t.freezeAt >= 0 {
			if n.clean {
				one("ready manifest")
			}
			one("name manifest")
		}
	}
}

func isBase(name string) bool {
	return strings.HasPrefix(name, logName+".") && strings.Contains(name, ".base.")
}
func isIncr(name string) bool {
	return strings.HasSuffix(name, ".incr.aof") || strings.HasSuffix(name, ".spare")
}

// tracedEngine is an engine whose commits and replies are traced.
type tracedEngine struct {
	Engine
	t *tracer
}

func (e *tracedEngine) Commit(u unit) {
	e.t.mu.Lock()
	e.t.commits++
	e.t.note(step{name: "commit"})
	at := len(e.t.seen) - 1
	e.t.mu.Unlock()
	e.Engine.Commit(u)
	e.t.mu.Lock()
	e.t.seen[at].lsn = e.End()
	e.t.mu.Unlock()
}

func (e *tracedEngine) Settle() error {
	err := e.Engine.Settle()
	e.t.mu.Lock()
	e.t.sample()
	e.t.mu.Unlock()
	return err
}

func (e *tracedEngine) Rewrite(d *data) error {
	e.t.mu.Lock()
	e.t.freezeAt = e.t.commits
	e.t.mu.Unlock()
	err := e.Engine.Rewrite(d)
	e.t.mu.Lock()
	e.t.freezeAt = -1
	e.t.mu.Unlock()
	return err
}

// watch is a disk whose changes are traced.
func (t *tracer) watch(fs disk.FS) disk.FS {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gen++
	return &tracedFS{fs, t, t.gen}
}
