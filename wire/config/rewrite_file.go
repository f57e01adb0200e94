package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"frankenredis/wal/disk"
)

// WriteBack is CONFIG REWRITE: it rewrites the configuration file and the file of ours, which goes first. Each is replaced
// whole: a crash leaves the old or the new contents, and after a nil error the new ones are durable. The error is a
// *SetError with the reply. It waits for the disk; the executor calls it all the same, as Redis does.
func (s *Store) WriteBack(fsys disk.FS, o RewriteOptions) error {
	if s.file == "" {
		return &SetError{Text: "ERR The server is running without a config file"}
	}
	if err := s.writeBack(fsys, o); err != nil {
		return &SetError{Text: fmt.Sprintf("ERR Rewriting config file: %s", ErrnoText(err))}
	}
	return nil
}

func (s *Store) writeBack(fsys disk.FS, o RewriteOptions) error {
	ownFile := OwnFile(s.file)
	old, err := readOptional(fsys, s.file)
	if err != nil {
		return err
	}
	oldOwn, err := readOptional(fsys, ownFile)
	if err != nil {
		return err
	}
	conf, own := s.Rewrite(old, oldOwn, o)
	if own != oldOwn {
		if err := ReplaceText(fsys, ownFile, own); err != nil {
			return err
		}
	}
	return ReplaceText(fsys, s.file, conf)
}

// readOptional reads a file; one that is missing is empty.
func readOptional(fsys disk.FS, name string) (string, error) {
	text, err := ReadText(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return text, err
}

// ReadText reads a file, refusing what no configuration is as large as.
func ReadText(fsys disk.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	size, err := f.Size()
	if err == nil && size > maxFileBytes {
		err = syscall.EFBIG
	}
	var text string
	if err == nil {
		p := make([]byte, size)
		var n int
		n, err = f.ReadAt(p, 0)
		if errors.Is(err, io.EOF) && n == len(p) {
			err = nil
		}
		text = string(p)
	}
	return text, errors.Join(err, f.Close())
}

// ReplaceText writes a temporary file beside name, syncs it, renames it and syncs the directory.
func ReplaceText(fsys disk.FS, name, text string) error {
	temp := fmt.Sprintf("%s.%d.tmp", name, os.Getpid())
	if err := fill(fsys, temp, name, text); err != nil {
		_ = fsys.Remove(temp) // the first error is the one to tell
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func fill(fsys disk.FS, temp, model, text string) error {
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	// Access rights are no part of disk.FS.
	if fsys == disk.OS() {
		err = copyAccess(temp, model)
	}
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// copyAccess gives the still empty temp the mode and owner of model, so that a password in it stays as private as it was.
// Redis makes the file readable for all that the umask allows.
func copyAccess(temp, model string) error {
	info, err := os.Stat(model)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && st.Uid != 0 {
		// Only root may give files away; for others the new file is theirs, as with any rewrite by rename. They do not even ask:
		// under the filter of Debian's unit file that would end the process.
		_ = os.Chown(temp, int(st.Uid), int(st.Gid))
	}
	return os.Chmod(temp, info.Mode().Perm())
}
