package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"frankenredis/wal/disk"
)

// A record is one line of text in three copies: header, " name=value" for each field, a checksum, a newline, and zeros up
// to the end of the cell. Cells are 4 KiB, the unit in which disks lose things, and a record is shorter than a sector.
const (
	cellSize    = 4096
	cellCopies  = 3
	maxRecord   = 512
	errNoRecord = "none of the three copies is whole"
)

// appendRecord makes the line. fields is " name=value name=value".
func appendRecord(dst []byte, header, fields string) []byte {
	start := len(dst)
	dst = append(dst, header...)
	dst = append(dst, fields...)
	dst = append(dst, ' ')
	dst = append(appendChecksum(dst, dst[start:]), '\n')
	if len(dst)-start > maxRecord {
		panic("wal: record too long: " + string(dst[start:]))
	}
	return dst
}

// fillCell puts a record into a cell.
func fillCell(cell *[cellSize]byte, record []byte) {
	clear(cell[copy(cell[:], record):])
}

// writeRecord replaces a record's file. After it returns nil, the record is durable under its name; before, the old one is
// still there whole (I12): temp, fsync, rename, fsync of the folder.
func writeRecord(fs disk.FS, dir, file string, record []byte) error {
	var cell [cellSize]byte
	fillCell(&cell, record)
	return writeFile(fs, dir, file, func(w io.Writer) error {
		for range cellCopies {
			if _, err := w.Write(cell[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// readRecords gives visit the fields of each whole copy.
func readRecords(fs disk.FS, path, header string, visit func(fields map[string]string) error) error {
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	found := false
	cause := errors.New(errNoRecord)
	var cell [cellSize]byte
	for i := range cellCopies {
		n, err := f.ReadAt(cell[:], int64(i)*cellSize)
		if err != nil && err != io.EOF {
			cause = err // an unreadable cell is a lost copy, no more
			continue
		}
		fields, err := parseRecord(cell[:n], header)
		if err == nil {
			err = visit(fields)
		}
		if err != nil {
			cause = err
			continue
		}
		found = true
	}
	if !found {
		return fmt.Errorf("%s: %w", path, cause)
	}
	return nil
}

// parseRecord reads one copy.
func parseRecord(p []byte, header string) (map[string]string, error) {
	end := bytes.IndexByte(p, '\n')
	const csLen = len("cs=") + 16
	if end < len(header)+csLen || end >= maxRecord {
		return nil, errors.New(errNoRecord)
	}
	text, cs := p[:end-csLen], p[end-csLen:end]
	var want [csLen]byte
	if !bytes.Equal(appendChecksum(want[:0], text), cs) {
		return nil, errors.New("wrong checksum")
	}
	rest, ok := strings.CutPrefix(string(text), header+" ")
	if !ok {
		return nil, fmt.Errorf("unknown header %q", clip(string(text)))
	}
	fields := make(map[string]string)
	for _, pair := range strings.Fields(rest) {
		name, value := cutByte(pair, '=')
		fields[name] = value
	}
	return fields, nil
}
