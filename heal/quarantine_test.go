package heal

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// I8, I18: when the sync of the quarantine fails, the repair ends and the file stays as it was. A later one takes nothing that it reads there for
// durable, whatever the kernel did with the pages: after a power cut the bytes that were replaced are kept.
func TestQuarantineSyncFails(t *testing.T) {
	want := randomBytes(3, 150_000)
	bad := bytes.Clone(want)
	copy(bad[5000:], randomBytes(4, 4000))
	for after, name := range map[crashfs.AfterSync]string{
		crashfs.MarkClean: "marked clean", crashfs.KeepDirty: "kept dirty", crashfs.Drop: "dropped", crashfs.Partial: "partial",
	} {
		t.Run(name, func(t *testing.T) {
			fsys := crashfs.New()
			fsys.Put("/d/f", string(want))
			s := open(t, fsys, "")
			if _, err := s.Protect("f"); err != nil {
				t.Fatal(err)
			}
			fsys.Put("/d/f", string(bad))
			fsys.Inject(crashfs.Fault{Op: crashfs.Sync, Name: "f.1.*", Err: syscall.EIO, After: after})
			if r, err := s.Repair("f", false); !errors.Is(err, syscall.EIO) || r.Repaired {
				t.Fatalf("%+v, %v", r, err)
			}
			if got := content(t, fsys, "/d/f"); !bytes.Equal(got, bad) {
				t.Fatal("the file has changed")
			}
			if r, err := s.Repair("f", false); err != nil || !r.Repaired {
				t.Fatalf("%+v, %v", r, err)
			}
			s.Close()
			for seed := range uint64(20) {
				lookHalf(t, fsys.Crash(seed), bad, want, "after a power cut")
			}
		})
	}
}
