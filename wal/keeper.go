package wal

import (
	"path/filepath"
	"sync"
	"time"

	"frankenredis/wal/disk"
)

// keeper does what may take its time: the watermark file, a spare increment, what a switch needs, deleting what a rewrite replaced.
type keeper struct {
	l     *Log
	work  chan struct{} // sent by nudge; never closed
	asked chan struct{} // sent by ask; never closed
	quit  chan struct{} // closed by stop
	clean bool          // set before quit is closed

	wm      *watermarkFile // keeper goroutine only, once it runs
	written Watermark

	mu     sync.Mutex
	spare  disk.File // empty and durable, waiting for a name; nil: none
	askers []func()  // who wants a switch made ready
}

// watermarkEvery is how often the watermark is written at most.
const watermarkEvery = time.Second

// open makes the watermark file. It tells what the log found and synced: there is a watermark before there is a write.
func (k *keeper) open(l *Log) error {
	k.l = l
	k.work, k.asked, k.quit = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	if !l.o.Annotate {
		return nil
	}
	k.written = k.watermark()
	var err error
	k.wm, err = createWatermark(l.o.FS, l.o.Dir, l.o.Name, k.written)
	return err
}

// watermark is the log's present one.
func (k *keeper) watermark() Watermark {
	l := k.l
	l.mu.Lock()
	defer l.mu.Unlock()
	w := Watermark{Position: l.at, Millis: l.o.Now().UnixMilli(), BootID: l.o.BootID}
	w.LSN = l.Filed()
	if w.LSN == l.synced.lsn {
		w.Seq, w.Pos = l.cur.ref.Seq, l.synced.pos
	}
	return w
}

// nudge tells the keeper that something may be to do. Any goroutine.
func (k *keeper) nudge() {
	select {
	case k.work <- struct{}{}:
	default:
	}
}

// ask has a switch made ready; done is told when that is over. Any goroutine.
func (k *keeper) ask(done func()) {
	k.mu.Lock()
	k.askers = append(k.askers, done)
	k.mu.Unlock()
	select {
	case k.asked <- struct{}{}:
	default:
	}
}

// makeReady makes a switch ready, as far as that can be done, and then has the log synced.
func (k *keeper) makeReady() {
	l := k.l
	k.mu.Lock()
	askers := k.askers
	k.askers = nil
	k.mu.Unlock()
	l.man.mu.Lock()
	if l.man.ready == nil {
		r, err := l.makeReady()
		if err != nil { // the switch will say what is wrong
			l.o.Logger.Debug("Can't make a switch of the AOF ready", "path", l.o.Dir, "error", err)
		}
		l.man.ready = r
	}
	l.man.mu.Unlock()
	l.syncAhead(askers)
}

// stop ends the keeper; clean says that everything is durable and nothing will be written any more.
func (k *keeper) stop(clean bool) {
	k.clean = clean
	close(k.quit)
}

func (k *keeper) run() {
	defer k.l.wg.Done()
	k.l.dropHistory()
	k.makeSpare()
	pause := time.NewTimer(0)
	defer pause.Stop()
	paused := false // nothing but a switch is attended to
	for {
		work := k.work
		if paused {
			work = nil
		}
		select {
		case <-k.quit:
			k.finish()
			return
		case <-k.asked:
			k.makeReady()
		case <-pause.C:
			paused = false
		case <-work:
			k.l.dropHistory()
			k.makeSpare()
			k.writeWatermark(k.watermark())
			pause.Reset(k.l.o.watermarkEvery)
			paused = true
		}
	}
}

// writeWatermark replaces the watermark if there is something to tell. Only the keeper writes it, so it never falls.
func (k *keeper) writeWatermark(w Watermark) {
	if k.wm == nil || w.LSN == k.written.LSN && w.Seq == k.written.Seq && w.Clean == k.written.Clean {
		return
	}
	if err := k.wm.write(w); err != nil {
		// An older watermark is less, not wrong: more of a damaged end may be taken for torn.
		k.l.o.Logger.Warn("Can't write the watermark", "path", k.wm.f.Name(), "error", err)
		return
	}
	k.written = w
}

// makeSpare creates the file that will be the next increment, so that a switch needs to give it its name only.
func (k *keeper) makeSpare() {
	k.mu.Lock()
	have := k.spare != nil
	k.mu.Unlock()
	if have {
		return
	}
	f, err := createEmpty(k.l.o.FS, k.sparePath())
	if err != nil {
		return // the switch makes its own, or finds out why not
	}
	k.mu.Lock()
	k.spare = f
	k.mu.Unlock()
}

func (k *keeper) sparePath() string {
	return filepath.Join(k.l.o.Dir, tempPrefix+k.l.o.Name+".spare")
}

// takeSpare hands the spare out; nil if there is none. Any goroutine.
func (k *keeper) takeSpare() disk.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.spare
	k.spare = nil
	return f
}

func (k *keeper) finish() {
	k.mu.Lock()
	askers := k.askers
	k.askers = nil
	k.mu.Unlock()
	k.l.syncAhead(askers) // the log is closing: they are told
	k.l.man.mu.Lock()
	k.l.man.dropReady()
	k.l.man.mu.Unlock()
	w := k.watermark()
	w.Clean = k.clean
	k.writeWatermark(w)
	k.close()
}

// close lets go of the keeper's files.
func (k *keeper) close() {
	if k.wm != nil {
		_ = k.wm.f.Close()
	}
	if f := k.takeSpare(); f != nil {
		_ = f.Close()
		_ = k.l.o.FS.Remove(k.sparePath())
	}
}
