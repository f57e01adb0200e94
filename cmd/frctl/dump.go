package main

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"frankenredis/snapshot"
	"frankenredis/wal/disk"
)

func newDump() *cobra.Command {
	o := &inspectOptions{records: true, commands: true}
	cmd := &cobra.Command{
		Use:   "dump DIR|MANIFEST|FILE",
		Short: "Print the records of the files one by one: position, bytes, meaning",
		Long: `dump prints each record of an append-only file (command, # line) and of an RDB (header, fields, keys): where it stands in its
file, how long it is, its first bytes, and what it means; then the summary that inspect prints. --from and --to are positions in
each file.

Exit status: as of inspect.`,
		Example: `  # what stands around byte 120000?
  frctl dump --from 119000 --to 121000 appendonly.aof.3.incr.aof

  # the first keys of an RDB
  frctl dump --limit 20 dump.rdb`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.to < o.from {
				return fmt.Errorf("--to %d lies before --from %d", o.to, o.from)
			}
			return inspect(cmd, args[0], o)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.limit, "limit", 0, "print at most so many records (0: all)")
	f.Uint64Var(&o.from, "from", 0, "print records that end behind this position in the file")
	f.Uint64Var(&o.to, "to", ^uint64(0), "print records that begin before this position in the file")
	f.IntVar(&o.width, "width", 64, "show at most so many bytes of a key or argument (0: all)")
	f.StringVar(&o.name, "name", "", "appendfilename, when a folder holds several logs")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
	return cmd
}

// wanted says whether a record from begin to end is to be printed.
func (in *inspection) wanted(begin, end int64) bool {
	return (in.o.limit == 0 || in.printed < in.o.limit) && uint64(begin) < in.o.to && uint64(end) > in.o.from
}

// shownBytes are the first bytes of a record in hexadecimal, filled up so that columns stand below each other.
func shownBytes(p []byte) string {
	const most = 12
	return fmt.Sprintf("%-*s", 2*most, hex.EncodeToString(p[:min(len(p), most)]))
}

// recorder makes records of what a snapshot reader comes to.
type recorder struct {
	in   *inspection
	file disk.File
	name string

	begin   int64 // of the record being read
	doing   snapshot.Doing
	started bool // the record's first byte is known
	meaning string
	db      int64
}

// step follows the reader. A record begins where the byte is read that says what it is.
func (r *recorder) step(s snapshot.Step) {
	switch s.Doing {
	case snapshot.ReadingType:
		if r.started = !r.started; r.started {
			r.record(s.Pos)
			r.begin, r.doing, r.meaning = s.Pos, s.Doing, ""
		} else {
			r.meaning = "access time"
		}
		return
	case snapshot.ReadingExpiry:
		r.meaning = "expiry of the next key"
	case snapshot.ReadingLength:
		r.meaning = "sizes of the database"
	case snapshot.ReadingFunction:
		r.meaning = "function library"
	case snapshot.HaveModule:
		r.meaning = "data of module " + string(s.Name)
	case snapshot.HaveAux:
		r.meaning = fmt.Sprintf("aux %s = %s", r.in.show(s.Name), r.in.show(s.Value))
	case snapshot.SelectedDB:
		r.db = s.Number
		r.meaning = fmt.Sprintf("database %d", s.Number)
	case snapshot.ReadingValue:
		r.meaning = fmt.Sprintf("db %d %s %s", r.db, snapshot.TypeName(s.Type), r.in.show(s.Name))
	case snapshot.ReadingChecksum:
		r.meaning = "end and checksum"
	}
	r.doing = s.Doing
}

// finish prints the last record, which ends at pos.
func (r *recorder) finish(pos int64) { r.record(pos) }

func (r *recorder) record(end int64) {
	if end == r.begin || !r.in.wanted(r.begin, end) {
		return
	}
	if r.begin == 0 {
		r.meaning = "header"
	}
	var first [12]byte
	n, err := r.file.ReadAt(first[:min(int64(len(first)), end-r.begin)], r.begin)
	if err != nil && err != io.EOF {
		r.meaning += " (" + err.Error() + ")"
	}
	r.in.printed++
	r.in.p.event(&recordEvent{Kind: "record", File: r.name, Pos: r.begin, Size: end - r.begin, Bytes: shownBytes(first[:n]), Meaning: r.meaning})
}

// recordEvent is one record of an RDB.
type recordEvent struct {
	Kind    string `json:"kind"`
	File    string `json:"file"`
	Pos     int64  `json:"pos"`
	Size    int64  `json:"size"`
	Bytes   string `json:"bytes"`
	Meaning string `json:"meaning"`
}

func (e *recordEvent) text() string {
	return fmt.Sprintf("  byte %-10d size %-8d %s  %s", e.Pos, e.Size, e.Bytes, e.Meaning)
}
