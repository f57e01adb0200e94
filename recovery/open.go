package recovery

import (
	"fmt"
	"io"
	"time"

	"frankenredis/snapshot"
	"frankenredis/wal"
)

// OpenLog opens the log where a recovery with the append-only file on found its end, or makes a new one, and logs which,
// as Redis does. preamble says that the base of a new log is an RDB file (aof-use-rdb-preamble); usedMemory is what it
// says of the server's memory, in bytes.
func (r *Result) OpenLog(o wal.Options, preamble bool, usedMemory int64) (*wal.Log, error) {
	if r.Log.Manifest != nil {
		last := r.Log.Manifest.Last()
		l, err := wal.Open(o, r.Log)
		if err != nil {
			return nil, err
		}
		if last == nil || r.Log.Fresh {
			tell(o, "Creating AOF incr file %s on server start", wal.IncrName(o.Name, r.Log.Manifest.IncrSeq+1))
		} else {
			tell(o, "Opening AOF incr file %s on server start", last.Name)
		}
		return l, nil
	}
	base := wal.Base{AOF: !preamble, Write: func(w io.Writer) error {
		if !preamble {
			return nil // no commands: nothing is there
		}
		// Version 10: nothing in an empty base needs 11, and a server of Redis 7.0 can then load the folder too.
		_, err := snapshot.Write(w, nil, snapshot.Meta{Version: 10, AOFBase: true, Created: time.Now(), UsedMemory: usedMemory})
		return err
	}}
	l, err := wal.Create(o, r.Position, base)
	if err != nil {
		return nil, err
	}
	tell(o, "Creating AOF base file %s on server start", wal.BaseName(o.Name, 1, !preamble))
	tell(o, "Creating AOF incr file %s on server start", wal.IncrName(o.Name, 1))
	return l, nil
}

func tell(o wal.Options, format string, args ...any) {
	if o.Logger != nil {
		o.Logger.Info(fmt.Sprintf(format, args...))
	}
}
