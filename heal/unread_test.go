package heal

import (
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// A file whose sidecar the disk did not give when it was opened was read without being verified: that the sidecar can be read afterwards does
// not prove what was read.
func TestUnreadSidecarProvesNothing(t *testing.T) {
	for _, fault := range []crashfs.Fault{
		{Op: crashfs.Open, Name: "*.tail", Err: syscall.EIO},
		{Op: crashfs.Read, Name: "*.tail", Err: syscall.EIO},
	} {
		w := newGrowing(t, 1)
		w.grow(5000)
		for _, fails := range []bool{true, false} {
			l := w.s.Loading(LoadOptions{Mend: true, Covers: func(string) bool { return true }, Genuine: func(string) bool { return false }})
			if fails {
				w.fsys.Inject(fault)
			}
			f, err := l.Open("/d/f")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			w.fsys.Heal()
			to, err := l.Covered("/d/f")
			if fails && (err == nil || to != 0) || !fails && (err != nil || to != 5000) {
				t.Errorf("%v, failing %t: covered to %d, %v", fault.Op, fails, to, err)
			}
		}
	}
}
