package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// inspectOptions are the flags of frctl inspect.
type inspectOptions struct {
	commands bool
	limit    int64
	from, to uint64
	json     bool
	width    int
	name     string
	// prefixSep and top ask for a census of keys by prefix (census.go).
	prefixSep string
	top       int
	// What other subcommands ask for: records of an RDB too, from and to being positions in the file (dump.go); elements that occur
	// twice (check.go).
	records bool
	strict  bool
}

func newInspect() *cobra.Command {
	o := &inspectOptions{}
	cmd := &cobra.Command{
		Use:   "inspect DIR|MANIFEST|FILE",
		Short: "Show what an append-only folder, one of its files, or an RDB file holds",
		Long: `inspect reads an append-only folder (or a data directory that has one), a manifest, a single append-only file, or an
RDB file, checks every checksum on the way, and prints what it finds: the manifest and its companion, epoch and
watermark, the base, each increment with the stream positions (LSN) it covers and how far its own lines prove it.

With --commands it also prints the commands and the # lines of the increments, each with its position in the file and in
the stream. Bytes that are not printable are shown as \xHH.

With --prefix-sep it counts keys by the part before the separator, with types, sizes and expiries, and commands by name.

With --json the output is one JSON object a line; its "kind" says what it is. Arguments are shown whole there unless
--width says otherwise, and as they are if they are text, else with \xHH.

Exit status: 0 clean; 2 torn or damaged, but all a server needs can be read; 3 corrupt or missing: a server would refuse
to load it; 4 wrong command line, or a file could not be read.`,
		Example: `  # what is there, and is it whole?
  frctl inspect /var/lib/redis/appendonlydir

  # the last things that happened before position 120000
  frctl inspect --commands --from 119000 --to 120000 /var/lib/redis

  # every SET in one increment, as JSON
  frctl inspect --commands --json appendonly.aof.3.incr.aof | jq -c 'select(.kind=="command" and .args[0]=="SET")'

  # what takes the room?
  frctl inspect --prefix-sep : --top 5 dump.rdb

  # an RDB file
  frctl inspect dump.rdb`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.to < o.from {
				return fmt.Errorf("--to %d lies before --from %d", o.to, o.from)
			}
			if o.json && !cmd.Flags().Changed("width") {
				o.width = 0
			}
			return inspect(cmd, args[0], o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.commands, "commands", false, "print commands and # lines too")
	f.Int64Var(&o.limit, "limit", 0, "print at most so many of them (0: all)")
	f.Uint64Var(&o.from, "from", 0, "print those from this stream position (LSN) on")
	f.Uint64Var(&o.to, "to", ^uint64(0), "print those before this stream position (LSN)")
	f.IntVar(&o.width, "width", 64, "show at most so many bytes of an argument (0: all)")
	f.StringVar(&o.name, "name", "", "appendfilename, when a folder holds several logs")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
	f.StringVar(&o.prefixSep, "prefix-sep", "", "count keys, types, sizes and commands by the part of the key before this (such as :)")
	f.IntVar(&o.top, "top", 10, "show so many prefixes and commands, largest first (with --prefix-sep)")
	return cmd
}

// inspection is one run of frctl inspect.
type inspection struct {
	o       *inspectOptions
	fs      disk.FS
	p       *printer
	worst   int // exit status so far
	printed int64
	census  *census   // nil: not wanted
	errOut  io.Writer // for progress
	epoch   uint64    // of the last line seen
}

// found takes note of a finding of the given severity.
func (in *inspection) found(status int) {
	if in.o.strict {
		status = exitDamaged
	}
	in.worst = max(in.worst, status)
}

func inspect(cmd *cobra.Command, path string, o *inspectOptions) error {
	in := &inspection{o: o, fs: disk.OS(), p: newPrinter(cmd.OutOrStdout(), o.json), errOut: cmd.ErrOrStderr()}
	if o.prefixSep != "" {
		in.census = newCensus(o.prefixSep)
	}
	err := in.path(path)
	if err == nil {
		if in.census != nil {
			in.census.tell(in.p, o.top, in.show)
		}
		in.p.event(&summaryEvent{Kind: "summary", State: stateName(in.worst), Exit: in.worst})
	}
	if ferr := in.p.flush(); err == nil {
		err = ferr
	}
	if err == nil && in.worst != exitClean {
		return statusError(in.worst)
	}
	return err
}

// path finds out what it was given.
func (in *inspection) path(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		dir, name, err := in.findLog(path)
		if err != nil {
			return err
		}
		return in.directory(dir, name)
	case strings.HasSuffix(path, ".manifest"):
		return in.directory(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".manifest"))
	}
	return in.single(path)
}

// findLog finds the log in a folder, or in the appendonlydir below it.
func (in *inspection) findLog(dir string) (where, name string, err error) {
	if in.o.name != "" {
		return dir, in.o.name, nil
	}
	var names []string
	for _, where = range []string{dir, filepath.Join(dir, "appendonlydir")} {
		files, err := in.fs.List(where)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		for _, f := range files {
			if name, ok := strings.CutSuffix(f, ".manifest"); ok && !strings.HasPrefix(f, "temp") {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	switch len(names) {
	case 0:
		if _, err := in.fs.Stat(dir); err != nil {
			return "", "", err
		}
		if old := oldLogs(in.fs, dir); len(old) > 0 {
			return "", "", fmt.Errorf("%s: no manifest of an append-only file there, but %s, as Redis had it before 7: frctl check reads it, and a start with appendonly yes "+
				"takes it into a folder", dir, filepath.Join(dir, old[0]))
		}
		return "", "", fmt.Errorf("%s: no manifest of an append-only file there", dir)
	case 1:
		return where, names[0], nil
	}
	return "", "", fmt.Errorf("%s: several logs there (%s): choose one with --name", where, strings.Join(names, ", "))
}

// oldLogs are the names of the append-only files in a data directory that are one file each, with or without an RDB preamble, as Redis
// wrote them before 7. Without a manifest beside it nothing else is called so.
func oldLogs(fsys disk.FS, dir string) (names []string) {
	files, err := fsys.List(dir)
	if err != nil {
		return nil // whoever needs the folder says so
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".manifest") {
			return nil
		}
		if strings.HasSuffix(f, ".aof") && !strings.HasPrefix(f, "temp-") {
			names = append(names, f)
		}
	}
	return names
}

// directory shows a whole log.
func (in *inspection) directory(dir, name string) error {
	in.p.event(&directoryEvent{Kind: "directory", Path: dir, Log: name})
	manifest := filepath.Join(dir, wal.ManifestName(name))
	d, err := wal.ReadDirectory(in.fs, dir, name)
	var bad *wal.ManifestError
	if errors.As(err, &bad) {
		in.found(exitCorrupt)
		in.p.event(&manifestEvent{Kind: "manifest", File: manifest, Error: bad.Error(), Line: bad.Text})
		return nil
	}
	if err != nil {
		return err
	}
	if d.Manifest == nil {
		return fmt.Errorf("%s: no such manifest", manifest)
	}
	if d.Mending {
		in.found(exitDamaged)
	}
	in.p.event(newManifestEvent(manifest, d))
	in.companions(d)
	in.helpers(dir, name)
	end, err := in.dataFiles(dir, d)
	if err == nil && d.Facts != nil {
		err = in.ring(dir, name, d.Facts.UUID, end)
	}
	return err
}

// ring shows the commit ring beside the increments, which end at end.
func (in *inspection) ring(dir, name string, log wal.UUID, end wal.LSN) error {
	r, err := wal.ReadRings(in.fs, []string{dir}, name, log)
	if err != nil || r.Frames == 0 {
		return err
	}
	e, err := wal.ReadEpoch(in.fs, dir, name)
	ev := &ringEvent{Kind: "ring", File: filepath.Join(dir, wal.RingName(name)), Frames: r.Frames, Epoch: r.Epoch, End: uint64(r.End()), Filed: uint64(r.Filed)}
	if current := err != nil || r.Epoch >= e.Epoch; current {
		ev.Ahead = int64(max(r.Reach(end), end) - end)
	}
	if r.Broken != nil {
		ev.Error = r.Broken.Error()
		in.found(exitDamaged)
	}
	in.p.event(ev)
	return nil
}

// companions shows the manifest's companion and those that cannot be read.
func (in *inspection) companions(d *wal.Directory) {
	switch {
	case d.Facts != nil:
		f := d.Facts
		in.p.event(&companionEvent{Kind: "companion", InForce: true, Generation: f.Generation, UUID: f.UUID.String(),
			ID: f.Position.ID.String(), Epoch: f.Position.Epoch, LSN: uint64(f.Position.LSN), Cut: f.Cut})
	case d.Generation > 0:
		in.p.event(&companionEvent{Kind: "companion", Generation: d.Generation, Error: "none describes this manifest: another server wrote it, or it changed"})
		in.found(exitDamaged)
	}
	for file, err := range d.Broken {
		in.p.event(&companionEvent{Kind: "companion", File: file, Error: err.Error()})
		in.found(exitDamaged)
	}
}

// helpers shows the epoch and the watermark.
func (in *inspection) helpers(dir, name string) {
	e, err := wal.ReadEpoch(in.fs, dir, name)
	if !errors.Is(err, os.ErrNotExist) {
		ev := &epochEvent{Kind: "epoch", Epoch: e.Epoch, ID: e.ID.String(), ID2: e.ID2.String(), End2: uint64(e.End2), Boot: e.BootID}
		if err != nil {
			ev.Error = err.Error()
			in.found(exitDamaged)
		}
		in.p.event(ev)
	}
	w, err := wal.ReadWatermark(in.fs, dir, name)
	if !errors.Is(err, os.ErrNotExist) {
		ev := &watermarkEvent{Kind: "watermark", LSN: uint64(w.LSN), ID: w.ID.String(), Epoch: w.Epoch, Seq: w.Seq, Pos: w.Pos, Time: timeText(w.Millis), Clean: w.Clean}
		if err != nil {
			ev.Error = err.Error()
			in.found(exitDamaged)
		}
		in.p.event(ev)
	}
}

// dataFiles shows the base and the increments, in loading order, and says where they end.
func (in *inspection) dataFiles(dir string, d *wal.Directory) (end wal.LSN, err error) {
	if b := d.Manifest.Base; b != nil {
		f := in.file(dir, *b, d)
		f.last = len(d.Manifest.Incrs) == 0
		if err := in.data(f, &end); err != nil {
			return end, err
		}
	}
	for i, ref := range d.Manifest.Incrs {
		f := in.file(dir, ref, d)
		if f.facts != nil && (i > 0 || d.Manifest.Base != nil) && f.facts.Start != end && !d.Mending {
			in.found(exitCorrupt)
			in.p.event(&gapEvent{Kind: "gap", File: ref.Name, Start: uint64(f.facts.Start), End: uint64(end)})
		}
		f.last = i == len(d.Manifest.Incrs)-1
		if err := in.data(f, &end); err != nil {
			return end, err
		}
	}
	return end, nil
}

func (in *inspection) file(dir string, ref wal.FileRef, d *wal.Directory) *dataFile {
	f := &dataFile{path: filepath.Join(dir, ref.Name), kind: "increment", seq: ref.Seq, alone: false}
	if ref.Type == wal.BaseFile {
		f.kind = "base"
	}
	if d.Facts != nil {
		if facts, ok := d.Facts.Files[ref.Name]; ok {
			f.facts = &facts
		}
	}
	return f
}

// single shows one file without its log.
func (in *inspection) single(path string) error {
	end := wal.LSN(0)
	return in.data(&dataFile{path: path, kind: "file", last: true, alone: true}, &end)
}

func stateName(status int) string {
	switch status {
	case exitClean:
		return "clean"
	case exitDamaged:
		return "damaged"
	}
	return "corrupt"
}
