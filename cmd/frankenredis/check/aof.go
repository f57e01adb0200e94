package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"frankenredis/recovery"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// aofCheck is one run of redis-check-aof.
type aofCheck struct {
	*Tool
	fix bool
	// until cuts at the first annotation later than this, Unix seconds; 0: it does not.
	until int64
	line  int64 // lines seen in all files, from 1
	// stale is what C's uninitialised buffer for counts still holds of the count before.
	stale [128]byte
}

// outcome is how the check of one file ended well.
type outcome int

const (
	sound outcome = iota
	empty
	cutByUser // --fix
	cutByTime // --truncate-to-timestamp
)

// AOF is redis-check-aof; argv[0] is the name it was called by. It returns the exit status.
func (t *Tool) AOF(argv []string) int {
	return t.run(func() error {
		a := &aofCheck{Tool: t, line: 1}
		path, check, err := a.arguments(argv)
		if !check {
			return err
		}
		return a.check(path)
	})
}

// arguments reads the command line; without check, all has been said.
func (a *aofCheck) arguments(argv []string) (path string, check bool, err error) {
	args := argv[min(1, len(argv)):]
	switch {
	case len(args) == 1 && (args[0] == "-v" || args[0] == "--version"):
		a.printf("redis-check-aof %s\n", a.Version)
		return "", false, nil
	case len(args) == 1:
		return args[0], true, nil
	case len(args) == 2 && args[0] == "--fix":
		a.fix = true
		return args[1], true, nil
	case len(args) == 3 && args[0] == "--truncate-to-timestamp":
		n, rest, overflow := parseLong([]byte(args[1]))
		if overflow || len(rest) > 0 {
			return "", false, a.fail("Invalid timestamp, aborting...")
		}
		a.until = n
		return args[2], true, nil
	}
	name := "redis-check-aof"
	if len(argv) > 0 {
		name = argv[0]
	}
	return "", false, a.fail("Usage: %s [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>", name)
}

// check finds out what the file is and checks it, and what it names.
func (a *aofCheck) check(path string) error {
	manifest, err := a.isManifest(path)
	if err != nil {
		return err
	}
	if manifest {
		return a.multiPart(path)
	}
	rdb, err := a.isRDB(path)
	if err != nil {
		return err
	}
	a.printf("Start checking Old-Style AOF\n")
	how, err := a.file(path, path, true, rdb)
	if err == nil {
		a.sayOutcome(how, path, "AOF")
	}
	return err
}

// open opens a file to look at its kind.
func (a *aofCheck) open(path string) (disk.File, int64, error) {
	f, err := a.FS.Open(path)
	if err != nil {
		return nil, 0, a.fail("Cannot open file %s: %s", path, reason(err))
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, 0, a.fail("Cannot stat file: %s", path)
	}
	return f, size, nil
}

// kindLine is how many bytes of a line are looked at at once; what is longer counts as several lines.
const kindLine = 1024

// isManifest says whether the first line that is no comment begins as a manifest's do.
func (a *aofCheck) isManifest(path string) (bool, error) {
	f, size, err := a.open(path)
	if err != nil || size == 0 {
		if err == nil {
			f.Close()
		}
		return false, err
	}
	defer f.Close()
	for in := newText(f, 0); ; {
		line := in.gets(kindLine + 1)
		if err := in.failed(); err != nil {
			return false, a.fail("Cannot read file: %s", path)
		}
		if len(line) == 0 || line[0] != '#' {
			return bytes.HasPrefix(line, []byte("file")), nil
		}
	}
}

// isRDB says whether the file begins with an RDB.
func (a *aofCheck) isRDB(path string) (bool, error) {
	const magic = "REDIS"
	f, size, err := a.open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var sig [len(magic)]byte
	if size < 8 {
		return false, nil
	}
	_, err = f.ReadAt(sig[:], 0)
	return err == nil && string(sig[:]) == magic, nil
}

// multiPart checks a manifest and the files it names.
func (a *aofCheck) multiPart(path string) error {
	a.printf("Start checking Multi Part AOF\n")
	m, err := a.manifest(path)
	if err != nil {
		return err
	}
	left := len(m.Incrs)
	dir := filepath.Dir(path) + "/"
	if m.Base != nil {
		rdb, err := a.isRDB(dir + m.Base.Name)
		if err != nil {
			return err
		}
		format := "RESP"
		if rdb {
			format = "RDB"
		}
		a.printf("Start to check BASE AOF (%s format).\n", format)
		how, err := a.file(m.Base.Name, dir+m.Base.Name, left == 0, rdb)
		if err != nil {
			return err
		}
		a.sayOutcome(how, m.Base.Name, "BASE AOF")
	}
	if left > 0 {
		a.printf("Start to check INCR files.\n")
	}
	for _, f := range m.Incrs {
		left--
		how, err := a.file(f.Name, dir+f.Name, left == 0, false)
		if err != nil {
			return err
		}
		a.sayOutcome(how, f.Name, "INCR AOF")
	}
	a.printf("All AOF files and manifest are valid\n")
	return nil
}

// manifest reads a manifest; what is wrong with it is said in the log, as the server's start does.
func (a *aofCheck) manifest(path string) (*wal.Manifest, error) {
	const limit = 64 << 20
	f, size, err := a.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, min(size, limit)))
	if err != nil {
		return nil, a.fail("Cannot read file: %s", path)
	}
	m, err := wal.ParseManifest(raw)
	var bad *wal.ManifestError
	switch {
	case err == nil:
		return m, nil
	case !errors.As(err, &bad):
		return nil, a.fail("%v", err)
	}
	a.log("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
	if bad.Line > 0 && bad.Reason != wal.ManifestLineTooLong {
		a.log(fmt.Sprintf("Reading the manifest file, at line %d\n", bad.Line))
		a.log(fmt.Sprintf(">>> '%s'\n", bad.Text))
	}
	a.log(bad.Reason + "\n")
	return nil, errFailed
}

// file checks one file. name is how most lines call it, path where it is; rdb says that it begins with an RDB.
func (a *aofCheck) file(name, path string, last, rdb bool) (outcome, error) {
	f, err := a.FS.OpenReadWrite(path)
	if err != nil {
		return 0, a.fail("Cannot open file %s: %s, aborting...", path, reason(err))
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, a.fail("Cannot stat file: %s, aborting...", path)
	}
	if size == 0 {
		return empty, nil
	}
	begin := int64(0)
	if rdb {
		if begin, err = a.rdbFile(path, f); err != nil {
			if err != errTerminated {
				a.printf("RDB preamble of AOF file is not sane, aborting.\n")
			}
			return 0, errFailed
		}
		a.printf("RDB preamble is OK, proceeding with AOF tail...\n")
	}
	s := &aofScan{aofCheck: a, in: newText(f, begin), name: name, path: path, last: last}
	upTo, cut, err := s.scan()
	switch {
	case err != nil:
		return 0, err
	case cut:
		if err := a.cut(f, path, upTo, size); err != nil {
			return 0, a.fail("Failed to truncate AOF %s to timestamp %d", name, a.until)
		}
		return cutByTime, nil
	case a.until != 0 && upTo == size:
		a.printf("Truncate nothing in AOF %s to timestamp %d\n", name, a.until)
		return sound, nil
	}
	a.printf("AOF analyzed: filename=%s, size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d\n", name, size, upTo, a.line, size-upTo)
	switch {
	case upTo == size:
		return sound, nil
	case !a.fix:
		return 0, a.fail("AOF %s is not valid. Use the --fix option to try fixing it.", name)
	case !last:
		return 0, a.fail("Failed to truncate AOF %s because it is not the last file", name)
	}
	a.printf("This will shrink the AOF %s from %d bytes, with %d bytes, to %d bytes\nContinue? [y/N]: ", name, size, size-upTo, upTo)
	if !a.confirmed() {
		return 0, a.fail("Aborting...")
	}
	if err := a.cut(f, path, upTo, size); err != nil {
		return 0, a.fail("Failed to truncate AOF %s", name)
	}
	return cutByUser, nil
}

// confirmed reads the answer to a question.
func (a *aofCheck) confirmed() bool {
	a.out.Flush() // an error stays, and is found at the end
	var answer [1]byte
	n, _ := io.ReadFull(a.In, answer[:])
	return n == 1 && (answer[0] == 'y' || answer[0] == 'Y')
}

// cut cuts a file at a position, once what stood behind is durable elsewhere.
func (a *aofCheck) cut(f disk.File, path string, at, size int64) error {
	dir := filepath.Dir(path)
	copied, err := recovery.Quarantine(a.FS, dir, path, at, size)
	if err != nil {
		a.printf("Cannot copy the last %d bytes to %s first: %s\n", size-at, copied, reason(err))
		return err
	}
	a.printf("The last %d bytes are kept in %s\n", size-at, copied)
	if err := f.Truncate(at); err != nil {
		return err
	}
	return f.Sync()
}

// sayOutcome prints the line of a file that is well; kind is what the file is.
func (a *aofCheck) sayOutcome(how outcome, name, kind string) {
	switch how {
	case sound:
		a.printf("%s %s is valid\n", kind, name)
	case empty:
		a.printf("%s %s is empty\n", kind, name)
	case cutByUser:
		a.printf("Successfully truncated AOF %s\n", name)
	case cutByTime:
		a.printf("Successfully truncated AOF %s to timestamp %d\n", name, a.until)
	}
}
