package engine

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The pages of the program's file go, and the program goes on.
func TestReleaseCode(t *testing.T) {
	pagemap := ownFile(t, "pagemap")
	mem := ownFile(t, "mem")
	ranges := programRanges()
	if len(ranges) == 0 {
		t.Fatal("the program's file is not mapped")
	}
	for _, r := range ranges { // reading it so has all of it mapped
		if _, err := io.Copy(io.Discard, io.NewSectionReader(mem, int64(r.start), int64(r.end-r.start))); err != nil {
			t.Fatal(err)
		}
	}
	before := mappedPages(t, pagemap, ranges)
	releaseCode()
	if after := mappedPages(t, pagemap, ranges); before == 0 || after > before/2 {
		t.Errorf("%d pages are mapped, %d before", after, before)
	}
}

// ownFile opens a file that the system has of this process. Every Linux has these; one that hides them keeps its pages mapped (releaseCode).
func ownFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open("/proc/self/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mappedPages(t *testing.T, pagemap *os.File, ranges []pageRange) (n int) {
	pageSize := uintptr(os.Getpagesize())
	for _, r := range ranges {
		entries := make([]byte, 8*((r.end-r.start)/pageSize))
		if _, err := pagemap.ReadAt(entries, int64(8*(r.start/pageSize))); err != nil {
			t.Fatal(err)
		}
		for ; len(entries) > 0; entries = entries[8:] {
			n += int(binary.NativeEndian.Uint64(entries) >> 63)
		}
	}
	return n
}

// A private mapping that was only read may go; one that was written holds what the file does not, also when it can no longer be written.
func TestWrittenPagesAreSeen(t *testing.T) {
	pagemap := ownFile(t, "pagemap")
	f, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := 4 * os.Getpagesize()
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	start := uintptr(unsafe.Pointer(&b[0]))
	r := pageRange{start, start + uintptr(size)}
	sum := byte(0)
	for _, c := range b {
		sum += c
	}
	if sum != 0 || !r.unwritten(pagemap) {
		t.Error("pages that were only read count as written")
	}
	b[size/2] = 1
	if err := unix.Mprotect(b, unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	if r.unwritten(pagemap) {
		t.Error("a page that was written is not seen")
	}
}
