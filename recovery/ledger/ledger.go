package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"frankenredis/wal/disk"
)

// Options say where a ledger is and how large it may become.
type Options struct {
	FS   disk.FS // nil: the system's
	Dir  string
	Mode string // strict or hardened: what records say
	// LimitBytes bounds all segments together; 0: 16 MiB, less than 1 MiB: 1 MiB.
	LimitBytes int64
	// Queue is how many entries may wait; 0: 4096.
	Queue int
	// Remember is how many of the newest records Newest can return; 0: 1024.
	Remember int
	// Retry is the pause after a failed write; 0: a second.
	Retry time.Duration
	Now   func() time.Time // nil: time.Now
	// Failed is called by the writer when records cannot be written, once, and with nil when they can again. May be nil.
	Failed func(error)
}

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = disk.OS()
	}
	if o.LimitBytes == 0 {
		o.LimitBytes = 16 << 20
	}
	o.LimitBytes = max(o.LimitBytes, 1<<20)
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.Remember <= 0 {
		o.Remember = 1024
	}
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
}

// segmentBytes is the size at which a segment is sealed. Eight fit below the limit: seven are kept, and one may be rewritten.
func (o *Options) segmentBytes() int64 { return o.LimitBytes / (keepSegments + 1) }

const keepSegments = 7

// Stats are what INFO shows of a ledger.
type Stats struct {
	Records uint64 // in the chain, dropped segments included: the seq of the last one
	Dropped uint64 // entries that found the queue full
	Waiting int    // entries not yet written
	Bytes   int64  // of the open segment
	Segment uint64 // number of the open segment
	Last    time.Time
	Hash    string // of the last record
	Err     error  // why nothing can be written at present
}

// Ledger is the writer of a ledger. Its methods may be called from any goroutine and wait for no disk, Close excepted.
type Ledger struct {
	o       Options
	queue   chan *item // from Record to run; never closed
	quit    chan struct{}
	done    chan struct{} // closed by run
	closing sync.Once
	closed  atomic.Bool
	dropped atomic.Uint64
	waiting atomic.Int64 // entries taken and not yet written

	mu     sync.Mutex // held for moments only; protects what follows
	stats  Stats
	newest []Record // a ring once it is full
	next   int      // where the next one goes

	w writer // run's own
}

type item struct {
	at time.Time
	Entry
}

// Start begins to write the ledger in o.Dir, which is made if it is not there. What fails is told to o.Failed and tried again.
func Start(o Options) *Ledger {
	o.setDefaults()
	l := &Ledger{o: o, queue: make(chan *item, o.Queue), quit: make(chan struct{}), done: make(chan struct{})}
	l.w = writer{o: &l.o}
	go l.run()
	return l
}

// Record has an entry written soon. If too many wait it is dropped, and counted. A nil ledger takes none.
func (l *Ledger) Record(e Entry) {
	if l == nil {
		return
	}
	if l.closed.Load() {
		l.dropped.Add(1)
		return
	}
	l.waiting.Add(1)
	select {
	case l.queue <- &item{l.o.Now(), e}: // pointers: a queue of thousands of entries is nearly always empty
	default:
		l.waiting.Add(-1)
		l.dropped.Add(1)
	}
}

// Stats describes the ledger as it is now.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Dropped, s.Waiting = l.dropped.Load(), int(l.waiting.Load())
	return s
}

// Newest returns up to n of the newest records that are durable and not older than since, oldest first. The ledger remembers
// Options.Remember of them; the others are on disk.
func (l *Ledger) Newest(n int, since time.Time) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Record
	for i := range l.newest {
		if r := &l.newest[(l.next+i)%len(l.newest)]; !r.Time.Before(since) {
			out = append(out, *r)
		}
	}
	return out[max(0, len(out)-n):]
}

// Close writes what waits, as far as that can be done now, and ends the writer. It returns why not everything could be written.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	l.closing.Do(func() {
		l.closed.Store(true)
		close(l.quit)
	})
	<-l.done
	return l.Stats().Err
}

// run owns the files. It takes no entry while the ones it has cannot be written, so that memory stays bounded.
func (l *Ledger) run() {
	defer close(l.done)
	defer func() { l.w.release() }()
	var batch []Record
	told := uint64(0) // dropped entries that a record tells of
	l.write(nil)
	for {
		var queue chan *item
		var retry <-chan time.Time
		if l.w.err == nil {
			queue = l.queue
		} else {
			retry = time.After(l.o.Retry)
		}
		quitting := false
		select {
		case it := <-queue:
			batch = l.add(batch, *it)
		case <-retry:
		case <-l.quit:
			quitting = true
		}
		for more := true; more && (len(batch) < batchRecords || quitting); {
			select {
			case it := <-l.queue:
				batch = l.add(batch, *it)
			default:
				more = false
			}
		}
		if n := l.dropped.Load(); n > told {
			batch = l.add(batch, item{l.o.Now(), Entry{Rule: Dropped, Decision: Bound, Bytes: int64(n - told), Detail: fmt.Sprintf("%d entries found the queue full", n-told)}})
			told = n
		}
		batch = l.write(batch)
		if quitting {
			return
		}
	}
}

// batchRecords is how many records are written under one sync.
const batchRecords = 256

func (l *Ledger) add(batch []Record, it item) []Record {
	r := Record{Time: it.at, Mode: l.o.Mode}
	it.fill(&r)
	return append(batch, r)
}

// write writes records and returns those that are left to write.
func (l *Ledger) write(batch []Record) []Record {
	failing := l.w.err != nil
	wrote, left := l.w.write(batch)
	l.mu.Lock()
	for _, r := range wrote {
		if len(l.newest) < l.o.Remember {
			l.newest = append(l.newest, r)
			continue
		}
		l.newest[l.next] = r
		l.next = (l.next + 1) % len(l.newest)
	}
	l.stats = Stats{Records: l.w.durable, Bytes: l.w.size, Segment: l.w.num, Last: l.stats.Last, Hash: l.stats.Hash, Err: l.w.err}
	if len(wrote) > 0 {
		l.stats.Last, l.stats.Hash = wrote[len(wrote)-1].Time, wrote[len(wrote)-1].Hash
	}
	l.mu.Unlock()
	for i := range batch[:len(batch)-len(left)] {
		if batch[i].Rule != Dropped.Number { // those are ours, nobody waits for them
			l.waiting.Add(-1)
		}
	}
	if now := l.w.err != nil; now != failing {
		l.o.Failed(l.w.err)
	}
	return left
}
