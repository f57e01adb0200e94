package wal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"frankenredis/wal/disk"
)

// Epoch is what the epoch file holds: which start of a server wrote here last. It is replaced at each start, before the
// first byte of the new epoch, so that a position is never used twice (I6).
type Epoch struct {
	Epoch  uint64
	ID     ReplID
	ID2    ReplID // the history before; zero: none
	End2   LSN    // ID2 is valid up to here
	BootID string // of the machine: the same boot means that the page cache is intact
}

const epochHeader = "FR-EPOCH 1"

// EpochName is the file name of the epoch file.
func EpochName(name string) string { return name + ".epoch.fr" }

// WriteEpoch makes e durable.
func WriteEpoch(fs disk.FS, dir, name string, e Epoch) error {
	fields := fmt.Sprintf(" epoch=%d id=%s boot=%s", e.Epoch, e.ID, e.BootID)
	if !e.ID2.IsZero() {
		fields += fmt.Sprintf(" id2=%s end2=%d", e.ID2, e.End2)
	}
	return writeRecord(fs, dir, EpochName(name), appendRecord(nil, epochHeader, fields))
}

// ReadEpoch reads the epoch file: fs.ErrNotExist if there is none, another error if no copy is whole.
func ReadEpoch(fs disk.FS, dir, name string) (Epoch, error) {
	var best Epoch
	err := readRecords(fs, filepath.Join(dir, EpochName(name)), epochHeader, func(fields map[string]string) error {
		var e Epoch
		var err error
		if e.Epoch, err = parseUint(fields["epoch"]); err != nil {
			return err
		}
		if e.ID, err = ParseReplID(fields["id"]); err != nil {
			return err
		}
		if id2, ok := fields["id2"]; ok {
			if e.ID2, err = ParseReplID(id2); err != nil {
				return err
			}
			if e.End2, err = parseLSN(fields["end2"]); err != nil {
				return err
			}
		}
		e.BootID = fields["boot"]
		if e.Epoch >= best.Epoch {
			best = e
		}
		return nil
	})
	return best, err
}

// BootID names the machine's present boot; empty if the system does not say.
func BootID() string {
	p, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}
