//go:build race || !linux

package arena

import "unsafe"

const (
	canProtect = false
	spanPages  = 1 << 20 / PageSize
)

// spanMemory keeps the Go memory of a span alive: page tables hold its addresses as numbers.
type spanMemory []byte

func newSpan() *span {
	b := make([]byte, spanPages*PageSize)
	return &span{base: uintptr(unsafe.Pointer(unsafe.SliceData(b))), mem: b}
}

func (s *span) unmap() { s.mem = nil }

func (s *span) release(start, end int) {}

func protect(b []byte, readOnly bool) error { return nil }
