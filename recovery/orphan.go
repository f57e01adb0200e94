package recovery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"frankenredis/snapshot"
	"frankenredis/wal"
)

// refuseOrphans refuses when files of this log lie in the folder although no manifest names them, and they hold anything.
// A crash while a log is first made leaves at most a base without keys and an increment without bytes.
func (b *boot) refuseOrphans() error {
	names, err := b.o.FS.List(b.dir())
	if err != nil {
		return b.refuse(err, msgDirFailed, b.o.AppendDir, reason(err))
	}
	for _, name := range names {
		if !isLogFile(b.o.AppendName, name) {
			continue
		}
		path := filepath.Join(b.dir(), name)
		holds, err := b.holdsData(path)
		a := Artifact{Path: path, Kind: "orphan", Class: Unloaded}
		if err != nil {
			a.Detail = err.Error()
		}
		b.ev.saw(a)
		if !holds && err == nil {
			continue
		}
		b.ev.decided("no manifest", "refuse", path, 0, "the file holds data and no manifest says how to load it")
		return b.refuse(err, "The AOF manifest file %s doesn't exist, but %s holds data: refusing to start empty over it. "+
			"Bring the manifest back, or move the files of the log away.", wal.ManifestName(b.o.AppendName), path)
	}
	return nil
}

// isLogFile says whether a file is named as a base or an increment of the log called name.
func isLogFile(name, file string) bool {
	rest, ok := strings.CutPrefix(file, name+".")
	if !ok {
		return false
	}
	seq, kind, ok := strings.Cut(rest, ".")
	if _, err := strconv.ParseUint(seq, 10, 63); !ok || err != nil {
		return false
	}
	return kind == "base.rdb" || kind == "base.aof" || kind == "incr.aof"
}

// holdsData says whether a file has commands, or keys. An RDB file that cannot be read does, as far as anybody knows.
func (b *boot) holdsData(path string) (bool, error) {
	info, err := b.o.FS.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if !strings.HasSuffix(path, ".rdb") {
		return true, nil
	}
	f, err := b.o.FS.Open(path)
	if err != nil {
		return true, err
	}
	defer f.Close()
	rd := snapshot.NewReader(io.NewSectionReader(f, 0, info.Size()), snapshot.Options{MaxString: b.o.MaxString})
	defer rd.Close()
	var batch snapshot.Batch
	err = rd.Next(&batch)
	if err == io.EOF {
		return len(rd.Info().Functions) > 0, nil
	}
	if err != nil {
		return true, fmt.Errorf("%s: %w", path, err)
	}
	return true, nil
}
