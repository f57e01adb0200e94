package wal

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wal/disk"
)

// Options say where and how a Log writes.
type Options struct {
	FS   disk.FS // default: disk.OS()
	Dir  string  // folder of the log, absolute: dir/appenddirname
	Name string  // appendfilename; default "appendonly.aof"

	Policy Policy // default: EverySec

	// Commit says where commits under Always become durable; default CommitDirect. A ring needs Annotate.
	Commit CommitMode
	// RingSize is how large a commit ring is, bytes for both halves; default 32 MiB. It bounds what may wait for the increments to be
	// synced. The parameter allows no less than 4 MiB, so that no burst of up to 2 MiB takes both copies of a frame.
	RingSize int64
	// RingDir is a folder for a second ring, best on another device: it takes over when the first fails or stands still. Default: none.
	RingDir string

	// Annotate writes our `#` lines, the manifest's companion, the watermark and the epoch file. Off: exactly what a stock
	// server writes.
	Annotate bool
	// Timestamps writes a "#TS:" line of Redis's own when the second changes: aof-timestamp-enabled.
	Timestamps bool
	// Hardened keeps the server up, refusing writes, where `always` would otherwise end it: Err is never fatal.
	Hardened bool
	// KeepHistory leaves the files that a rewrite replaced where they are: aof-disable-auto-gc.
	KeepHistory bool
	// KeepGenerations is how many of the newest replaced generations, each a base and the increments behind it, stay; the manifest
	// calls them history. Default 0.
	KeepGenerations int
	// PendingLimit bounds the bytes held in memory because they are not yet as durable as the policy wants; at the bound
	// Full says so. Default 256 MiB, at least 1 MiB.
	PendingLimit int64

	// Thread is called by each of the log's goroutines that write or sync, when it begins, on an operating system thread that is its
	// own and ends with it. May be nil.
	Thread func()

	Logger hclog.Logger     // default: none
	Now    func() time.Time // wall clock for lines and the watermark; default time.Now
	// Wake is called from the log's goroutines when Released, Full or Err may have changed. It must be cheap and not call
	// back into the Log. May be nil.
	Wake func()
	// Record is told of events, from the log's goroutines and under its locks: it must be cheap and not call back. May be nil.
	Record func(Event)
	// Took is told how long a step took, by the goroutine that took it and maybe under the log's locks: it must be cheap and not
	// call back. May be nil.
	Took func(step Step, took time.Duration)
	// Cover follows what becomes durable in the log's files. Nil: nothing covers them, and being durable is enough.
	Cover Cover
	// BootID names the machine's present boot; default: what Linux says. Only for the epoch file and the watermark.
	BootID string

	// Tests go faster than the constants of these names; zero: those.
	syncDelay, watermarkEvery time.Duration
	coverSoon                 int64
}

// liveOptions are those that may change while the log is open; the executor changes them, any of its goroutines reads them.
type liveOptions struct {
	timestamps      atomic.Bool
	keepHistory     atomic.Bool
	keepGenerations atomic.Int64
	pendingLimit    atomic.Int64
	at              atomic.Pointer[Position] // Log.at, for lines
}

func (live *liveOptions) set(o *Options) {
	live.timestamps.Store(o.Timestamps)
	live.keepHistory.Store(o.KeepHistory)
	live.keepGenerations.Store(int64(o.KeepGenerations))
	live.pendingLimit.Store(o.PendingLimit)
}

const (
	defaultName         = "appendonly.aof"
	defaultPendingLimit = 256 << 20
	leastPendingLimit   = 1 << 20
	defaultRingSize     = 32 << 20
)

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = disk.OS()
	}
	if o.Name == "" {
		o.Name = defaultName
	}
	if o.PendingLimit == 0 {
		o.PendingLimit = defaultPendingLimit
	}
	o.PendingLimit = max(o.PendingLimit, leastPendingLimit)
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Record == nil {
		o.Record = func(Event) {}
	}
	if o.Took == nil {
		o.Took = func(Step, time.Duration) {}
	}
	if o.Cover == nil {
		o.Cover = noCover{}
	}
	if o.BootID == "" {
		o.BootID = BootID()
	}
	if o.RingSize == 0 {
		o.RingSize = defaultRingSize
	}
	if o.syncDelay == 0 {
		o.syncDelay = syncDelay
	}
	if o.coverSoon == 0 {
		o.coverSoon = coverSoon
	}
	if o.watermarkEvery == 0 {
		o.watermarkEvery = watermarkEvery
	}
}

// Start is what recovery found, and where a Log goes on.
type Start struct {
	Manifest *Manifest
	Facts    *Facts // of the files the manifest names; nil: none count
	// Position is where the stream goes on: the id and the new epoch of this start, and the LSN behind the last byte of
	// the last increment (or of the base, if there is no increment).
	Position Position
	// ID2 is the history before, valid up to End2: kept in the epoch file. Zero: none.
	ID2  ReplID
	End2 LSN
	// Tail is how reading the last increment ended; what was torn behind it has been cut off. Without one the log can only
	// begin a new increment.
	Tail *Tail
	// Fresh opens a new increment instead of going on in the last one: after damage, after an I/O error, after a stock
	// server wrote here.
	Fresh bool
	// DB is the stream's database at Position, for an increment that begins there or that has no bytes yet: the stream goes on without a
	// SELECT (a replica's does). Zero: with one, or in database 0.
	DB int
	// synced says that this process wrote the last increment and synced all of it.
	synced bool
}

// Base describes the state that a fresh log, or a rewritten one, begins with.
type Base struct {
	// Write writes the state at Position, a whole RDB file. Nil: no base file.
	Write func(io.Writer) error
	// AOF says that Write makes commands instead of an RDB (aof-use-rdb-preamble no): the file is named .aof.
	AOF bool
}
