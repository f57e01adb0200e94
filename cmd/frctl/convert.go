package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"frankenredis/snapshot"
	"frankenredis/wal/disk"
)

// convertOptions are the flags of frctl convert.
type convertOptions struct {
	to          int
	lossy, json bool
}

func newConvert() *cobra.Command {
	o := &convertOptions{}
	cmd := &cobra.Command{
		Use:   "convert --to 9|10|11 IN OUT",
		Short: "Write an RDB file in another version, for older or newer servers",
		Long: `convert reads an RDB file of any version from 1 to 12 and writes what it holds as version 9 (which Redis 5.0 to 6.2
load), 10 (7.0) or 11 (7.2). It goes key by key: however large the file, memory is needed for one value.

Encodings that a version lacks are replaced by older ones, and nothing is lost by that. But an older version has no
place for function libraries (9), for how many entries a stream ever had, which of them was deleted last and how many a
group has read (9), and for when a consumer was last active (9 and 10); what modules
keep, as values or beside the keys, is never written. All of it that IN has is listed, with its key, and OUT is not written, unless --lossy says that it may be left
out. Bytes behind the end of IN, such as commands behind an RDB preamble, count as lost, too.

OUT appears whole and durable, or not at all: it is written under another name, synced and renamed, and a file of its name
is replaced only then. OUT may be IN. Keys that have expired stay, and so do access times and frequencies.

With --json the output is one JSON object a line; its "kind" says what it is: "loss" or "converted".

Exit status: 0 OUT was written; 2 something would be lost, OUT was not written; 3 IN is corrupt, or has values that cannot
be loaded here; 4 wrong command line, or a file could not be read or written.`,
		Example: `  # for a server of Redis 7.0
  frctl convert --to 10 dump.rdb dump-7.0.rdb

  # for Redis 6.2, without what it has no place for; what that is goes into a file
  frctl convert --to 9 --lossy --json dump.rdb old.rdb > losses.json

  # bring an old file up to date
  frctl convert --to 11 dump-2.4.rdb dump.rdb`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.to < snapshot.MinWritten || o.to > snapshot.Version {
				return fmt.Errorf("--to %d: versions %d to %d can be written", o.to, snapshot.MinWritten, snapshot.Version)
			}
			return convert(cmd, args[0], args[1], o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.to, "to", 0, "RDB version of OUT")
	f.BoolVar(&o.lossy, "lossy", false, "write OUT even if something is lost")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err)
	}
	return cmd
}

// errLoses ends a conversion that must not lose anything.
var errLoses = errors.New("something would be lost")

func convert(cmd *cobra.Command, in, out string, o *convertOptions) error {
	fs := disk.OS()
	file, err := fs.Open(in)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	p := newPrinter(cmd.OutOrStdout(), o.json)
	bar := newProgress(cmd.ErrOrStderr(), size)
	ev := &convertedEvent{Kind: "converted", In: in, Out: out, To: o.to, State: "written"}
	// The input is read to where it ends now; behind its end nothing may be left.
	rest := func(end int64) {
		if end < size {
			ev.Losses++
			p.event(&lossEvent{Kind: "loss", What: fmt.Sprintf("%s behind the snapshot's end at %d", count(size-end, "byte"), end)})
		}
	}
	end := int64(0)
	done, err := snapshot.ConvertFile(snapshot.SaveOptions{
		FS: fs, Dir: filepath.Dir(out), Name: filepath.Base(out), Temp: fmt.Sprintf("temp-%s.%d", filepath.Base(out), time.Now().UnixNano()),
		SyncEvery: 4 << 20,
		Publish: func() error {
			rest(end)
			if ev.Losses > 0 && !o.lossy {
				return errLoses
			}
			return nil
		},
	}, io.NewSectionReader(file, 0, size), snapshot.ConvertOptions{
		Version: o.to,
		Lost: func(l snapshot.Loss) {
			ev.Losses++
			p.event(newLossEvent(l))
		},
		Progress: func(pos, keys int64) {
			end = pos
			bar.show(pos, keys)
		},
	})
	bar.clear()
	ev.From, ev.Keys, ev.Empty, ev.Read, ev.Bytes = done.From, done.Keys, done.Empty, done.Read, done.Written
	status := exitClean
	var bad *snapshot.Error
	switch {
	case err == nil:
	case errors.Is(err, errLoses):
		ev.State, ev.Error, status = "refused", "something would be lost, and --lossy was not given", exitDamaged
	case errors.As(err, &bad) && isFormat(bad):
		ev.State, ev.Error, status = "failed", bad.Error(), exitCorrupt
	default:
		return errors.Join(err, p.flush())
	}
	p.event(ev)
	if err := p.flush(); err != nil {
		return err
	}
	if status != exitClean {
		return statusError(status)
	}
	return nil
}

// isFormat tells what is wrong with a snapshot from what went wrong in reading it.
func isFormat(e *snapshot.Error) bool {
	for _, kind := range []error{snapshot.ErrCorrupt, snapshot.ErrTruncated, snapshot.ErrChecksum, snapshot.ErrSignature, snapshot.ErrVersion,
		snapshot.ErrDatabase, snapshot.ErrUnsupported} {
		if errors.Is(e, kind) {
			return true
		}
	}
	return false
}

// lossEvent is one thing that OUT does not hold.
type lossEvent struct {
	Kind string  `json:"kind"`
	DB   *int    `json:"db,omitempty"`
	Key  *string `json:"key,omitempty"`
	What string  `json:"what"`
	raw  []byte  // the key
}

func newLossEvent(l snapshot.Loss) *lossEvent {
	e := &lossEvent{Kind: "loss", What: l.What}
	if l.Key != nil {
		key := plain(l.Key, 0)
		e.DB, e.Key, e.raw = &l.DB, &key, l.Key
	}
	return e
}

func (e *lossEvent) text() string {
	if e.Key == nil {
		return label(e.Kind) + e.What
	}
	return label(e.Kind) + fmt.Sprintf(`db %d key "%s": %s`, *e.DB, escape(e.raw, 0), e.What)
}

// convertedEvent is what became of it.
type convertedEvent struct {
	Kind   string `json:"kind"`
	State  string `json:"state"` // written, refused or failed
	In     string `json:"in"`
	Out    string `json:"out"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Keys   int64  `json:"keys"`
	Empty  int64  `json:"empty"` // keys without elements, left out as servers do
	Losses int64  `json:"losses"`
	Read   int64  `json:"read"`
	Bytes  int64  `json:"bytes"`
	Error  string `json:"error,omitempty"`
}

func (e *convertedEvent) text() string {
	empty, losses := "", ""
	if e.Empty > 0 {
		empty = count(e.Empty, "empty key") + " left out"
	}
	if e.Losses > 0 {
		losses = fmt.Sprintf("%d lost", e.Losses)
	}
	s := label(e.Kind) + words(fmt.Sprintf("%s, RDB version %d, %d bytes, to %s, version %d", e.In, e.From, e.Read, e.Out, e.To),
		fmt.Sprintf("%d bytes", e.Bytes), count(e.Keys, "key"), empty, losses)
	if e.Error != "" {
		return s + "\n" + label("") + "NOT WRITTEN: " + e.Error
	}
	return s
}
