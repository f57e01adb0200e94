package lab

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"frankenredis/conformance/crashfs"
	"frankenredis/snapshot"
	"frankenredis/wal/disk"
)

// life is what happens to one engine on one disk. Its history is the oracle: the fingerprint behind each unit, and where in
// the engine's own positions that unit ends.
type life struct {
	eng   Engine
	disk  *crashfs.FS
	under func(*crashfs.FS) disk.FS // what the engine is given for a disk; nil: the disk itself
	boot  string
	rng   *rand.Rand

	data    *data
	history []uint64       // fingerprint behind so many units; history[0] is the state it began with
	ends    []uint64       // the engine's position behind so many units
	index   map[uint64]int // history, the other way round
	unitNo  int            // makes each unit's state unlike any other

	// ever numbers all states there ever were, also those that a crash has undone since; saved is the number of the newest one
	// that a snapshot holds for certain, -1: none.
	ever  map[uint64]int
	saved atomic.Int64

	// Promises of servers that have ended, in positions of the engine.
	floor Promise
	// dropped says that a failed sync may have taken what was acknowledged out of the page cache, which only the log's memory still
	// has: a kill then loses it, whatever anybody does.
	dropped bool
	crashed bool // a server died here: the next may find what it left behind
	// failed: a call has failed. A sidecar that it kept from being named lies there until a start that finds the file covered anew.
	failed bool
	hurt   []string // files that were damaged while no server ran
	early  uint64   // is added to what was released: a mutant

	mu    sync.Mutex
	live  Engine // promises are read from it; nil between servers
	pick  func(e crashfs.Event) bool
	shots []shot
	keep  []string // must be in some file from here on, whatever happens
	// mended are files that were damaged, and of which a repair has said that they are not any more.
	mended []string
}

// shot is the disk before an operation, with what was promised by then.
type shot struct {
	before  crashfs.Event
	disk    *crashfs.FS
	promise Promise
	boot    string // of the machine
	dropped bool   // life.dropped
	stopped bool   // the server had stopped in order
	saved   int    // life.saved
	keep    []string
	mended  []string
}

func newLife(eng Engine, rng *rand.Rand) *life {
	l := &life{eng: eng, disk: crashfs.New(), boot: "boot-1", rng: rng, ever: map[uint64]int{0: 0}}
	_ = l.disk.MkdirAll(dataDir)
	_ = l.disk.SyncDir("/")
	l.begin(newData(), []uint64{0}, []uint64{0})
	l.saved.Store(-1)
	return l
}

// begin sets the history so far.
func (l *life) begin(d *data, history, ends []uint64) {
	l.data, l.history, l.ends = d, slices.Clip(history), slices.Clip(ends)
	l.index = make(map[uint64]int, len(history))
	for i, sum := range history {
		l.index[sum] = i
	}
}

// photograph has the disk frozen before each changing operation that pick wants.
func (l *life) photograph(pick func(e crashfs.Event) bool) {
	l.pick = pick
	disk := l.disk
	disk.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op.Changes() && pick(e) {
			l.shoot(e, disk, freeze)
		}
	})
}

func (l *life) shoot(e crashfs.Event, disk *crashfs.FS, freeze func() *crashfs.FS) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.disk != disk {
		return // a server that is dead ends on a disk that is no more
	}
	l.shots = append(l.shots, l.shot(e, freeze(), l.promised()))
}

// promised is what the server has promised by now, and those before it. Under mu.
func (l *life) promised() Promise {
	sum := l.floor
	if l.live != nil {
		p := l.live.Promised()
		sum.Released, sum.Durable = max(sum.Released, p.Released+l.early), max(sum.Durable, p.Durable)
	}
	return sum
}

// shot is a disk as it was when no more was promised. Under mu.
func (l *life) shot(e crashfs.Event, frozen *crashfs.FS, p Promise) shot {
	return shot{before: e, disk: frozen, promise: p, boot: l.boot, dropped: l.dropped, saved: int(l.saved.Load()),
		keep: slices.Clone(l.keep), mended: slices.Clone(l.mended)}
}

// shootOnce has the disk frozen before the first operation that pick wants.
func (l *life) shootOnce(pick func(e crashfs.Event) bool) {
	disk, done := l.disk, false // done under the disk's lock
	disk.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if !done && pick(e) {
			done = true
			l.shoot(e, disk, freeze)
		}
	})
}

// now is a shot of the disk as it is. The log may be at work: what it promises behind the first look may not be on the disk of the second.
func (l *life) now() shot {
	l.mu.Lock()
	p := l.promised()
	l.mu.Unlock()
	frozen := l.disk.Clone()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shot(crashfs.Event{N: frozen.Ops() + 1}, frozen, p)
}

// final keeps such a shot.
func (l *life) final() {
	s := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shots = append(l.shots, s)
}

// take returns the shots and forgets them.
func (l *life) take() []shot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.shots
	l.shots = nil
	return s
}

// over is the disk as the engine is given it.
func (l *life) over() disk.FS {
	if l.under != nil {
		return l.under(l.disk)
	}
	return l.disk
}

// start has a server come up, and says what it found, in units; -1: a state that never was.
func (l *life) start() (int, error) {
	d, err := l.eng.Start(l.over(), l.boot)
	if err != nil {
		return -1, err
	}
	n, ok := l.index[d.sum]
	if !ok {
		n = -1
	}
	l.data = d
	if n >= 0 {
		// A snapshot may be newer than the log that a power loss shortened; the next one may then be older.
		l.saved.Store(min(l.saved.Load(), int64(l.ever[d.sum])))
		l.begin(d, l.history[:n+1], l.ends[:n+1])
	}
	l.mu.Lock()
	if l.dropped && n >= 0 {
		// What was only released may be gone; what is there has been found.
		l.floor.Released = min(l.floor.Released, l.ends[n])
		l.floor.Found = min(l.floor.Found, l.ends[n])
	}
	l.dropped = l.dropped && n < 0
	l.live = l.eng
	l.mu.Unlock()
	return n, nil
}

// stop ends the server in order.
func (l *life) stop() error {
	err := l.eng.Stop()
	p := l.eng.Promised()
	l.mu.Lock()
	l.floor.Released, l.floor.Durable = max(l.floor.Released, p.Released), max(l.floor.Durable, p.Durable)
	l.live = nil
	l.mu.Unlock()
	return err
}

// die ends the server's process or its machine, and the life goes on, on what is left of the disk. How it goes on is known
// only after the next start.
func (l *life) die(seed int) {
	l.dieAt(l.now(), seed)
}

// dieAt is die at a moment that has passed: what came behind it never was.
func (l *life) dieAt(s shot, seed int) {
	l.mu.Lock()
	l.live, l.floor, l.crashed = nil, l.outlived(s.promise, seed), true
	l.disk = s.fall(seed)
	if seed >= 0 {
		l.boot += "'"
	}
	l.mu.Unlock()
	_ = l.eng.Stop() // on the disk that is no more
	l.photograph(l.pick)
}

// outlived is what is left of a promise after a death: without always a power loss ends what was only released, or found.
func (l *life) outlived(p Promise, seed int) Promise {
	if seed >= 0 {
		p.Found = 0
		if !l.eng.Always() {
			p.Released = 0
		}
	}
	return p
}

// fall is the disk after a death: killed if seed is negative, else a power loss.
func (s *shot) fall(seed int) *crashfs.FS {
	if seed < 0 {
		return s.disk.Kill()
	}
	return s.disk.Crash(uint64(seed))
}

// unit makes a unit that leads to a state that never was.
func (l *life) unit() unit {
	l.unitNo++
	u := unit{db: 0}
	if l.rng.IntN(6) == 0 {
		u.db = l.rng.IntN(3)
	}
	n := 1
	if l.rng.IntN(4) == 0 {
		n = 2 + l.rng.IntN(4)
	}
	for range n {
		u.cmds = append(u.cmds, l.command())
	}
	return u
}

var keyNames = strings.Fields("a b c d e f g h i j k l")

func (l *life) command() []string {
	key := keyNames[l.rng.IntN(len(keyNames))]
	switch l.rng.IntN(8) {
	case 0:
		return []string{"DEL", key}
	case 1, 2:
		return []string{"APPEND", key, l.value()}
	default:
		return []string{"SET", key, l.value()}
	}
}

// value is text of a length that is mostly small, sometimes larger than a sector, a cell, or a write.
func (l *life) value() string {
	n := l.rng.IntN(1 << (1 + l.rng.IntN(11)))
	if l.rng.IntN(200) == 0 {
		n = 60000 + l.rng.IntN(20000)
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = byte('a' + l.rng.IntN(26))
	}
	return string(p)
}

// commit applies and commits a unit without waiting. One that changes nothing gets a key that does.
func (l *life) commit(u unit) error {
	before := l.data.clone()
	for _, c := range u.cmds {
		if err := l.data.apply(u.db, c...); err != nil {
			return err
		}
	}
	if _, seen := l.ever[l.data.sum]; seen {
		l.data = before
		mark := []string{"SET", "unit", strconv.Itoa(l.unitNo)}
		u = unit{db: u.db, cmds: [][]string{mark}}
		if err := l.data.apply(u.db, mark...); err != nil {
			return err
		}
	}
	l.index[l.data.sum] = len(l.history)
	l.ever[l.data.sum] = len(l.ever)
	l.history = append(l.history, l.data.sum)
	l.eng.Commit(u)
	l.ends = append(l.ends, l.eng.End())
	return nil
}

// write commits some units together and waits for their replies.
func (l *life) write(units int) error {
	for range units {
		if err := l.commit(l.unit()); err != nil {
			return err
		}
	}
	return l.eng.Settle()
}

// save writes a snapshot of the state as it is.
func (l *life) save() error {
	n := l.ever[l.data.sum]
	err := l.eng.Save(l.data)
	if err == nil {
		l.saved.Store(int64(n))
	}
	return err
}

// saveWith is save of our engine's snapshots in another way.
func (l *life) saveWith(change func(o *snapshot.SaveOptions)) error {
	n := l.ever[l.data.sum]
	err := save(l.over(), l.data, l.eng.Settle, change)
	if err == nil {
		l.saved.Store(int64(n))
	}
	return err
}

// units is how many units end at or before a position.
func (l *life) units(at uint64) int {
	n := 0
	for n+1 < len(l.ends) && l.ends[n+1] <= at {
		n++
	}
	return n
}
