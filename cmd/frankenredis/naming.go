package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"frankenredis/heal"
	"frankenredis/recovery/damage"
	"frankenredis/recovery/ledger"
	"frankenredis/wire/engine"
)

// naming finds out what damaged bytes hold, behind the worker that found them: that may mean to read a whole file, and growing files are
// not to wait for it. It reads the files through a store of its own. Its methods may be called from any goroutine.
type naming struct {
	c *covers

	mu      sync.Mutex
	waiting []heal.Report             // Name is the path
	extents map[string]*damage.Extent // of damaged files, by path
	done    <-chan struct{}           // closed when the worker has ended; nil: it never ran
	working bool
	closing bool
}

// errClosing ends naming with the server.
var errClosing = errors.New("the server ends")

// maxNaming bounds the files that wait; of what does not fit, the report of bytes is all there is.
const maxNaming = 1000

// name has a damaged file looked at.
func (n *naming) name(path string, r heal.Report) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing || len(n.waiting) == maxNaming {
		return
	}
	r.Name = path
	delete(n.extents, path) // that may have been of other damage
	n.waiting = append(n.waiting, r)
	if !n.working {
		n.working = true
		n.done = engine.Background(n.work)
	}
}

// forget drops what was named of a file that is not damaged any more.
func (n *naming) forget(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.extents, path)
}

// of is what the damaged bytes of the file at path hold; nil: it is not known (yet).
func (n *naming) of(path string) *damage.Extent {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.extents[path]
}

// left is how many files wait to be looked at.
func (n *naming) left() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.waiting)
}

// work is the worker.
func (n *naming) work() {
	for {
		n.mu.Lock()
		if len(n.waiting) == 0 || n.closing {
			n.working = false
			n.mu.Unlock()
			return
		}
		r := n.waiting[0]
		n.mu.Unlock()
		e, err := n.look(r)
		n.mu.Lock()
		n.waiting = n.waiting[1:]
		if n.extents == nil {
			n.extents = map[string]*damage.Extent{}
		}
		if e != nil {
			n.extents[r.Name] = e
		}
		n.mu.Unlock()
		n.tell(r.Name, e, err)
	}
}

// look reads the file.
func (n *naming) look(r heal.Report) (*damage.Extent, error) {
	o := n.c.options(n.c.folder())
	store, err := heal.Open(o, false)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r.Name = store.NameOf(filepath.Clean(r.Name))
	return damage.Of(store, o.FS, o.Root, r, damage.Options{Keys: n.c.s.eng.Commands().KeyPositions, Stop: func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.closing {
			return errClosing
		}
		return nil
	}})
}

// tell writes down what was found.
func (n *naming) tell(path string, e *damage.Extent, err error) {
	x := ledger.Entry{Rule: ledger.Concerned, Decision: ledger.Note, Artifact: path, Kind: "cover", Replay: "frctl verify " + path}
	switch {
	case errors.Is(err, errClosing) || err == nil && e == nil:
		return
	case err != nil:
		x.Detail = "what the damaged bytes hold cannot be told: " + err.Error()
	default:
		x.Detail = fmt.Sprintf("the %s's damaged bytes concern %s", e.Kind, e)
		if e.LSN != nil {
			x.From, x.To = uint64(e.LSN.From), uint64(e.LSN.To)
		}
	}
	n.c.s.logger.Warn(path + ": " + x.Detail)
	n.c.s.record(x)
}

// close ends the worker. It waits for a file's end at most as long as Stop is not asked.
func (n *naming) close() {
	n.mu.Lock()
	n.closing = true
	done := n.done
	n.mu.Unlock()
	if done != nil {
		<-done
	}
}

// writeExtent adds to a map of FR.SCRUB STATUS what damaged bytes hold; e is not nil.
func writeExtent(c *engine.Call, e *damage.Extent) {
	numbers := []scrubNumber{{"from-lsn", -1}, {"to-lsn", -1}, {"more-keys", e.MoreKeys}, {"unnamed-keys", e.UnnamedKeys}}
	positions := "none"
	if e.LSN != nil {
		numbers[0].value, numbers[1].value = int64(e.LSN.From), int64(e.LSN.To)
		if positions = "exact"; e.LSN.AtMost {
			positions = "at most"
		} else if e.LSN.State {
			positions = "state"
		}
	}
	for _, t := range []struct{ name, value string }{{"kind", string(e.Kind)}, {"positions", positions}} {
		c.W.BulkString(t.name)
		c.W.BulkString(t.value)
	}
	writeNumbers(c, numbers)
	c.W.BulkString("keys")
	c.W.Array(len(e.Keys))
	for _, k := range e.Keys {
		c.W.Map(4)
		c.W.BulkString("db")
		c.W.Int(int64(k.DB))
		c.W.BulkString("key")
		c.W.Bulk(k.Name)
		c.W.BulkString("doubtful")
		c.W.Int(int64(bit(k.Doubtful)))
		c.W.BulkString("doubtful-db")
		c.W.Int(int64(bit(k.DoubtfulDB)))
	}
	c.W.BulkString("unread")
	c.W.Array(len(e.Unread))
	for _, g := range e.Unread {
		c.W.Map(2)
		c.W.BulkString("pos")
		c.W.Int(g.Pos)
		c.W.BulkString("bytes")
		c.W.Int(g.Bytes)
	}
	c.W.BulkString("other")
	c.W.Array(len(e.Other))
	for _, s := range e.Other {
		c.W.BulkString(s)
	}
}

// extentFields is how many fields writeExtent adds.
const extentFields = 9
