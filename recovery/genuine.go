package recovery

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"frankenredis/heal"
	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Genuine tells whether the file at path, which differs from its cover, proves itself: then somebody put it there. appendDir is the
// append-only folder, absolute. It only reads.
func Genuine(fsys disk.FS, appendDir, appendName, path string) bool {
	base := filepath.Base(path)
	inLog := filepath.Dir(path) == appendDir
	data := strings.HasSuffix(base, ".aof") || strings.HasSuffix(base, ".rdb")
	switch {
	case strings.HasSuffix(base, ".jsonl"):
		return false // a chain: nobody edits it
	case !inLog:
		return soundRDB(fsys, path)
	case !data && !strings.HasSuffix(base, ".fr"):
		return true // the manifest, which people edit
	}
	d, err := wal.ReadDirectory(fsys, appendDir, appendName)
	if err != nil || d.Facts == nil {
		return false
	}
	if strings.HasSuffix(base, ".fr") {
		return slices.Contains(wal.FactsNames(appendName, d.Facts.Generation), base)
	}
	facts, ok := d.Facts.Files[base]
	if !ok || !facts.HasSum {
		return ok && facts.Sealed && soundRDB(fsys, path)
	}
	f, err := fsys.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	sum, err := wal.SumFile(f)
	return err == nil && sum == facts.Sum
}

// Gone tells whether the file at path, which is not there, is one that the log in appendDir or the ledger in ledgerDir made once and does
// not name any more: no sidecar needs to bring it back. Where the manifest cannot be read nothing is.
func Gone(fsys disk.FS, appendDir, appendName, ledgerDir, path string) bool {
	switch filepath.Dir(path) {
	case appendDir:
		d, err := wal.ReadDirectory(fsys, appendDir, appendName)
		return err == nil && d.Abandoned(appendName, filepath.Base(path))
	case ledgerDir:
		return ledger.Trimmed(fsys, ledgerDir, filepath.Base(path))
	}
	return false
}

func soundRDB(fsys disk.FS, path string) bool {
	f, err := fsys.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Size()
	return err == nil && snapshot.Sound(f, size)
}

// SealedProof proves a sealed file of the log by the digest in its facts, if there is one, when a sidecar is made of it.
func SealedProof(path string, f wal.FileFacts) heal.Proof {
	if !f.HasSum {
		return heal.Proof{}
	}
	d := new(wal.Digest)
	return heal.Proof{Digest: d, Proven: func() error {
		if d.Sum() != f.Sum {
			return fmt.Errorf("%s: its digest is %s, it was sealed with %s", path, d.Sum(), f.Sum)
		}
		return nil
	}}
}
