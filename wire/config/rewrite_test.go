package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/wal/disk"
)

// A rewrite moves our parameters out of redis.conf, so that it still starts a redis-server.
func TestRewriteMovesOwn(t *testing.T) {
	conf := "# head\nfr-mode hardened\ntimeout 5\nFR-LOG-ANNOTATIONS yes\nsave ''\ndir /\n"
	s, err := LoadText(conf, inert)
	if err != nil {
		t.Fatal(err)
	}
	if got := set(s, Access{}, "fr-log-pending-limit", "1gb"); got != "OK" {
		t.Fatal(got)
	}
	got, own := s.Rewrite(conf, "", RewriteOptions{})
	if want := "# head\n\ntimeout 5\n\nsave \"\"\ndir \"/\"\n\n" + signature + "\nlatency-tracking-info-percentiles 50 99 99.9\n"; got != want {
		t.Errorf("redis.conf: %q, want %q", got, want)
	}
	if want := "\n" + ownSignature + "\nfr-mode hardened\nfr-log-pending-limit 1gb\n"; strings.TrimPrefix(own, "\n") != strings.TrimPrefix(want, "\n") {
		t.Errorf("own: %q, want %q", own, want)
	}
	// In the file of ours, too, comments stay and lines are changed where they stand.
	if got := set(s, Access{}, "fr-log-pending-limit", "256mb"); got != "OK" {
		t.Fatal(got)
	}
	_, own = s.Rewrite(got, "# mine\nfr-log-pending-limit 1gb # no comment\n\n# end\n", RewriteOptions{})
	if want := "# mine\nfr-log-pending-limit 256mb\n\n# end\n\n" + ownSignature + "\nfr-mode hardened\n"; own != want {
		t.Errorf("own: %q, want %q", own, want)
	}
	if _, own := Defaults().Rewrite("", "", RewriteOptions{}); own != "" {
		t.Errorf("with none of ours set: %q", own)
	}
}

func TestWriteBack(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	write(t, conf, "timeout 5\nfr-log-pending-limit 2mb\n")
	if err := os.Chmod(conf, 0o600); err != nil {
		t.Fatal(err)
	}
	s := load(t, dir, "redis.conf")
	if got := set(s, Access{}, "timeout", "9"); got != "OK" {
		t.Fatal(got)
	}
	if err := s.WriteBack(disk.OS(), RewriteOptions{Users: []string{"default on nopass"}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(conf)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again := load(t, dir, "redis.conf")
	if again.Int("timeout") != 9 || again.Bytes("fr-log-pending-limit") != 2<<20 || len(again.Users()) != 1 {
		t.Errorf("came back as %v", again.Get([]string{"timeout", "fr-*"}))
	}
	names, err := disk.OS().List(dir)
	if err != nil || strings.Join(names, " ") != "redis.conf redis.conf.fr" {
		t.Errorf("left behind: %q, %v", names, err)
	}

	if err := Defaults().WriteBack(disk.OS(), RewriteOptions{}); err == nil || err.Error() != "ERR The server is running without a config file" {
		t.Errorf("without a file: %v", err)
	}
}

// failingFS fails the nth operation that changes the disk.
type failingFS struct {
	disk.FS
	left  int
	trace []string
}

var errDisk = errors.New("disk on strike")

func (f *failingFS) step(what string) error {
	f.trace = append(f.trace, what)
	f.left--
	if f.left == 0 {
		return errDisk
	}
	return nil
}

func (f *failingFS) Create(name string) (disk.File, error) {
	if err := f.step("create " + filepath.Ext(strings.TrimSuffix(name, filepath.Ext(name)))); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	return failingFile{file, f}, err
}

func (f *failingFS) Rename(a, b string) error {
	if err := f.step("rename " + filepath.Base(b)); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f *failingFS) SyncDir(dir string) error {
	if err := f.step("sync dir"); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

type failingFile struct {
	disk.File
	fs *failingFS
}

func (f failingFile) Write(p []byte) (int, error) {
	if err := f.fs.step("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f failingFile) Sync() error {
	if err := f.fs.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// Whatever step fails, each file has its old or its new contents, whole; CONFIG REWRITE says that it failed.
func TestWriteBackOnFailingDisk(t *testing.T) {
	const oldConf, oldOwn = "timeout 5\n", "fr-log-pending-limit 2mb\n"
	for fail := 1; ; fail++ {
		dir := t.TempDir()
		conf := filepath.Join(dir, "redis.conf")
		write(t, conf, oldConf)
		write(t, OwnFile(conf), oldOwn)
		s := load(t, dir, "redis.conf")
		if got := set(s, Access{}, "timeout", "9", "fr-log-pending-limit", "4mb"); got != "OK" {
			t.Fatal(got)
		}
		newConf, newOwn := s.Rewrite(oldConf, oldOwn, RewriteOptions{})
		fsys := &failingFS{FS: disk.OS(), left: fail}
		err := s.WriteBack(fsys, RewriteOptions{})
		if fsys.left > 0 { // no step left to fail
			if err != nil {
				t.Fatal(err)
			}
			if steps := strings.Count(strings.Join(fsys.trace, ","), "sync dir"); steps != 2 || len(fsys.trace) != 10 {
				t.Errorf("steps: %q", fsys.trace)
			}
			return
		}
		if err == nil || !strings.HasPrefix(err.Error(), "ERR Rewriting config file: ") {
			t.Errorf("step %d (%s): %v", fail, fsys.trace[fail-1], err)
		}
		for name, texts := range map[string][2]string{conf: {oldConf, newConf}, OwnFile(conf): {oldOwn, newOwn}} {
			got, err := os.ReadFile(name)
			if err != nil || string(got) != texts[0] && string(got) != texts[1] {
				t.Errorf("step %d (%s): %s holds %q, %v", fail, fsys.trace[fail-1], name, got, err)
			}
		}
		names, err := disk.OS().List(dir)
		if err != nil || len(names) != 2 {
			t.Errorf("step %d: left behind %q, %v", fail, names, err)
		}
	}
}
