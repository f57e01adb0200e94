package heal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// KeepOwner is an Options.Finish for the machine's own disk: it gives a repaired file the owner and mode of the one it replaces.
func KeepOwner(tmp, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && (int(st.Uid) != os.Getuid() || int(st.Gid) != os.Getgid()) {
		if err := os.Chown(tmp, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(tmp, info.Mode().Perm())
}
