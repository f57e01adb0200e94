package recovery

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/heal"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Options say what to recover, how, and who receives it.
type Options struct {
	FS  disk.FS // default: disk.OS()
	Dir string  // the data directory, absolute
	// AppendDir is appenddirname (default "appendonlydir"), AppendName appendfilename (default "appendonly.aof"), DBFile
	// dbfilename (default "dump.rdb"): plain names in Dir, the second in AppendDir.
	AppendDir, AppendName, DBFile string

	RingDir       string // fr-wal-dir: where a second commit ring may lie; "": nowhere
	AOF           bool   // appendonly yes
	LoadTruncated bool   // aof-load-truncated yes
	Annotate      bool   // the log will carry our lines (wal.Options.Annotate): after a stock server a new increment is begun
	Databases     int    // how many there are; 0 means any number
	MaxString     int64  // longest string taken from an RDB file; 0: the default of package snapshot
	SkipChecksum  bool   // rdbchecksum no
	Hardened      bool   // fr-mode hardened: what proves nothing is refused where Redis would load it
	// Salvage loads the longest prefix of a damaged log that can be proven, where Boot would refuse, and changes nothing on the disk, not even
	// a torn end. Result.Salvaged says what it is; there must be no log afterwards.
	Salvage bool
	// KeepExpired loads keys of a plain RDB file that have expired meanwhile (a replica: its primary will delete them).
	// From an append-only file they are always loaded: expiry is an event in the stream (I20).
	KeepExpired bool

	// LoadItems inserts keys of a snapshot, up to some hundred thousand at a time, Apply runs commands of a log; both return when it is done. They are called one at
	// a time, from the goroutine that called Boot, while the next batch is being decoded. What they are given is valid
	// until they return. An error ends the recovery; an unknown command is reported as *CommandError.
	LoadItems func(items []snapshot.Item) error
	Apply     func(batch []Command) error
	// LoadFunctions is given the function libraries of a snapshot, behind its keys. May be nil. An error ends the recovery.
	LoadFunctions func(codes [][]byte) error
	// Hash, if set, is the hash by which the keyspace's tables are ordered. The keys of a large snapshot then come in its order,
	// many at a time, which fills the tables with far fewer cache misses, and each item has it in Item.Hash.
	Hash func(key []byte) uint64
	// DropExpired is told of keys of a plain RDB file that are not loaded because they have expired. May be nil.
	DropExpired func(items []snapshot.Item) error
	// Progress is called after each batch, from the same goroutine. May be nil.
	Progress func(Progress)

	// Covers, if not nil, are the sidecars of the files in Dir: data is verified cell by cell while it is loaded, and in hardened mode
	// damage within the budget is repaired. Nobody else may use it until Boot has returned.
	Covers *heal.Store
	// Keys returns which arguments of a command are keys (damage.Options), to name what damage concerns. May be nil.
	Keys func(argv [][]byte) (at []int, known bool)

	Logger hclog.Logger     // default: none. Info prints as '*', Warn as '#', Trace as '.'
	Now    func() time.Time // default: time.Now
	// BootID names the machine's present boot, BootTime says when it began; defaults: what Linux says.
	BootID   string
	BootTime time.Time
}

// Command is one command of the log.
type Command struct {
	DB   int // the database selected when it was logged
	Args [][]byte
	Pos  int64 // where it stands in its file
	// Hash is Options.Hash of the first argument, which mostly is a key; 0 without it.
	Hash uint64
}

// ErrStopped is what LoadItems and Apply return when the server is being stopped: Boot gives up without a word in the log.
var ErrStopped = errors.New("recovery was stopped")

// CommandError is what Apply returns for a command it cannot run.
type CommandError struct {
	Index   int  // in the batch
	Unknown bool // there is no such command
	Err     error
}

// Error describes the failure.
func (e *CommandError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "unknown command"
}

// Unwrap gives the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// Progress says how far loading is.
type Progress struct {
	File          string // name of the file being read
	Loaded, Total int64  // bytes, over all files
	Keys          int64  // of snapshots
	Commands      int64  // of logs
}

// Source is where the data set came from.
type Source uint8

// The sources.
const (
	Nothing  Source = iota // there was nothing: the data set is empty
	Snapshot               // an RDB file
	AOF                    // an append-only file
)

// String names the source.
func (s Source) String() string { return [...]string{"nothing", "snapshot", "aof"}[s] }

// Result is a data set brought back.
type Result struct {
	Source Source
	// Log is where the log goes on (append-only file on). Its Manifest is nil when there is no log yet: wal.Create then
	// makes one from Log.Position; OpenLog does either.
	Log wal.Start
	// Lock keeps other servers out of the append-only folder until it is closed or the process ends. Nil with AOF off.
	Lock io.Closer
	// Position is where the stream stands: id, epoch and LSN. With AOF off the epoch is 0 and the LSN is the replication
	// offset the RDB file carried.
	Position wal.Position
	// DB is the stream's database at Position: where a replica's primary goes on.
	DB int
	// ID2 is the second replication id, valid up to End2; zero if there is none.
	ID2  wal.ReplID
	End2 wal.LSN
	// Aside, if not "", is a name in Dir: an RDB file that was not loaded stands under dbfilename, and the first save must
	// give it that name instead of replacing it (snapshot.SaveOptions.Aside).
	Aside string
	// Functions are the function libraries found, as source texts.
	Functions [][]byte

	// Salvaged is not nil after Options.Salvage.
	Salvaged *Salvage

	Keys     int64 // loaded from snapshots
	Expired  int64 // of a plain RDB file, not loaded
	Commands int64 // run from logs
	Bytes    int64 // of the files read
	Duration time.Duration
	// BaseRead and LogRead are how fast snapshots and commands came in: what the next start will need follows from them.
	BaseRead, LogRead Read
	Evidence          *Evidence
}

// Read is how much was read, and how long it took until all of it was in the data set.
type Read struct {
	Bytes int64
	Took  time.Duration
}

func (r *Read) add(bytes int64, since time.Time) {
	r.Bytes += bytes
	r.Took += time.Since(since)
}

// Seconds predicts how long so many bytes will take at this pace; ok is false when too little was read to say.
func (r Read) Seconds(bytes int64) (seconds float64, ok bool) {
	const least = 1 << 20
	if r.Bytes < least || r.Took <= 0 {
		return 0, false
	}
	return r.Took.Seconds() / float64(r.Bytes) * float64(bytes), true
}

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = disk.OS()
	}
	if o.AppendDir == "" {
		o.AppendDir = "appendonlydir"
	}
	if o.AppendName == "" {
		o.AppendName = "appendonly.aof"
	}
	if o.DBFile == "" {
		o.DBFile = "dump.rdb"
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BootID == "" {
		o.BootID = wal.BootID()
	}
	if o.BootTime.IsZero() {
		o.BootTime = bootTime()
	}
}

// bootTime is when the machine started; the zero time if the system does not say.
func bootTime() time.Time {
	p, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(p)) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			if sec, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
				return time.Unix(sec, 0)
			}
		}
	}
	return time.Time{}
}
