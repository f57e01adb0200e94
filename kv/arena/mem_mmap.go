//go:build linux && !race

package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	canProtect = true
	spanPages  = 16 << 20 / PageSize // pages mapped at a time; memory is taken only as they are touched
)

// spanMemory is a mapping.
type spanMemory struct{ p unsafe.Pointer }

func newSpan() *span {
	p, err := unix.MmapPtr(-1, 0, nil, spanPages*PageSize,
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		panic("arena: the system refuses memory: " + err.Error())
	}
	return &span{base: uintptr(p), mem: spanMemory{p}}
}

func (s *span) unmap() { _ = unix.MunmapPtr(s.mem.p, spanPages*PageSize) }

// release gives the pages [start, end) back to the system; their addresses stay ours.
func (s *span) release(start, end int) {
	if start < end {
		_ = unix.Madvise(s.bytes(start, end), unix.MADV_DONTNEED) // advice: if refused, the pages merely stay resident
	}
}

func protect(b []byte, readOnly bool) error {
	prot := unix.PROT_READ
	if !readOnly {
		prot |= unix.PROT_WRITE
	}
	return unix.Mprotect(b, prot)
}
