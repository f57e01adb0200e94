package recovery

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/recovery/ledger"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// Gone are files of the log that its manifest does not name, and segments that the ledger has trimmed; nothing else, and nothing
// where that cannot be known.
func TestGone(t *testing.T) {
	const manifest = "file a.aof.2.base.rdb seq 2 type b\nfile a.aof.1.incr.aof seq 1 type h\nfile a.aof.2.incr.aof seq 2 type i\n"
	m, err := wal.ParseManifest([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	fsys := crashfs.New()
	fsys.Put("/d/log/a.aof.manifest", manifest)
	facts := &wal.Facts{Generation: 5, UUID: wal.NewUUID(), Manifest: wal.SumOf([]byte(manifest))}
	fsys.Put("/d/log/a.aof.manifest.5.fr", string(facts.AppendTo(nil, m)))
	for n := uint64(3); n <= 9; n++ {
		fsys.Put("/d/ledger/"+ledger.SegmentName(n), "")
	}
	look := func(when string, want map[string]bool) {
		t.Helper()
		for path, gone := range want {
			if got := Gone(fsys, "/d/log", "a.aof", "/d/ledger", path); got != gone {
				t.Errorf("%s: %s: %v, want %v", when, path, got, gone)
			}
		}
	}
	look("all is there", map[string]bool{
		"/d/log/a.aof.1.base.rdb": true, "/d/log/a.aof.1.base.aof": true, "/d/log/a.aof.3.incr.aof": true, "/d/log/a.aof.manifest.4.fr": true,
		"/d/log/a.aof.2.base.rdb": false, "/d/log/a.aof.1.incr.aof": false, "/d/log/a.aof.2.incr.aof": false,
		"/d/log/a.aof.manifest": false, "/d/log/a.aof.manifest.5.fr": false, "/d/log/b.aof.1.incr.aof": false, "/d/log/a.aof.01.incr.aof": false,
		"/d/log/notes": false, "/d/a.aof.1.base.rdb": false, "/d/dump.rdb": false,
		"/d/ledger/" + ledger.SegmentName(2): true, "/d/ledger/" + ledger.SegmentName(10): false, "/d/ledger/notes": false,
	})
	fsys.Put("/d/log/a.aof.manifest", strings.Replace(manifest, "2.incr", "3.incr", 1))
	look("the manifest was changed", map[string]bool{"/d/log/a.aof.2.incr.aof": false, "/d/log/a.aof.1.base.rdb": false, "/d/log/a.aof.manifest.4.fr": false})
	fsys.Put("/d/log/a.aof.manifest", manifest)
	for _, name := range []string{"/d/log/a.aof.manifest.5.fr", "/d/ledger/" + ledger.SegmentName(6)} {
		if err := fsys.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	look("some are lost", map[string]bool{
		"/d/log/a.aof.manifest.5.fr": false, "/d/log/a.aof.manifest.4.fr": false, "/d/log/a.aof.3.incr.aof": true,
		"/d/ledger/" + ledger.SegmentName(2): false, "/d/ledger/" + ledger.SegmentName(6): false,
	})
	for _, path := range []string{"/d/log/a.aof.manifest", "/d/ledger"} {
		if Gone(refusing{fsys, path}, "/d/log", "a.aof", "/d/ledger", "/d/log/a.aof.3.incr.aof") != (path == "/d/ledger") ||
			Gone(refusing{fsys, path}, "/d/log", "a.aof", "/d/ledger", "/d/ledger/"+ledger.SegmentName(2)) {
			t.Errorf("%s cannot be read, and what it says is taken for gone", path)
		}
	}
	for i, text := range []string{"", "nonsense\n"} {
		fsys.Put("/d/log/a.aof.manifest", text)
		if i == 0 {
			if err := fsys.Remove("/d/log/a.aof.manifest"); err != nil {
				t.Fatal(err)
			}
		}
		look(fmt.Sprintf("manifest %q", text), map[string]bool{"/d/log/a.aof.3.incr.aof": false, "/d/log/a.aof.manifest.4.fr": false})
	}
}

// refusing is a disk that does not give one path.
type refusing struct {
	disk.FS
	path string
}

func (r refusing) Open(name string) (disk.File, error) {
	if name == r.path {
		return nil, syscall.EIO
	}
	return r.FS.Open(name)
}

func (r refusing) List(dir string) ([]string, error) {
	if dir == r.path {
		return nil, syscall.EIO
	}
	return r.FS.List(dir)
}
