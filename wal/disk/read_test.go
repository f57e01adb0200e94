package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := ReadFile(OS(), path, 4); err != nil || string(p) != "four" {
		t.Errorf("%q, %v", p, err)
	}
	if p, err := ReadFile(OS(), path, 3); err == nil {
		t.Errorf("a file that is too long: %q", p)
	}
	if _, err := ReadFile(OS(), path+"x", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
