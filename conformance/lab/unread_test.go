package lab

import (
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
)

// A start meets damage, and the disk does not give a sidecar at one of the times it is asked for: what is cut off or replaced is kept, and
// nothing is cut that a sidecar may cover.
func TestUnreadSidecar(t *testing.T) {
	for i := range protocols {
		p := &protocols[i]
		if p.name != "sidecars: repair" {
			continue
		}
		for _, policy := range []wal.Policy{wal.Always, wal.EverySec} {
			for _, name := range []string{"*.tail", "*.rs"} {
				f := sweepFault{"EIO at " + name, crashfs.Fault{Op: crashfs.Any, Name: name, Err: syscall.EIO}}
				for n := 1; n <= 12; n++ {
					if _, _, v := (&sweeper{every: 1}).fail(p, policy, f, n); v != nil {
						t.Errorf("%s, %v, %s, the %dth time: %v", p.name, policy, f.name, n, v)
					}
				}
			}
		}
	}
}
