//go:build linux && !race

package resp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// mapBlock returns a block of n bytes that takes memory only as it is written to, and gives it back as soon as it is freed;
// nil if the system refuses. A Reader that is forgotten without Reset gives it back with the next collection.
func mapBlock(n int) *block {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	b := &block{mem: mem}
	forgotten := runtime.AddCleanup(b, func(mem []byte) { _ = unix.Munmap(mem) }, mem)
	b.unmap = func() {
		forgotten.Stop()
		_ = unix.Munmap(mem) // it is what Mmap returned: it cannot fail
	}
	return b
}
