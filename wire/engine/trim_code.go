package engine

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Of the program's file the system maps 16 pages around each that is touched, and leaves them mapped. Most of what the start touches is
// not used again, and counts as the process's memory all the same: half of what an empty server takes.

// releaseCode gives up the mapped pages of the program's own file, code and constants. They stay in the page cache: what is used again
// is mapped again where it is touched, in about a microsecond. For use at rest; any goroutine may call it. What cannot be found out
// stays as it is.
func releaseCode() {
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return
	}
	defer pagemap.Close()
	for _, r := range programRanges() {
		if r.unwritten(pagemap) {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.start, r.end-r.start, unix.MADV_DONTNEED) // advice
		}
	}
}

// mappedFiles is how much of files and shared memory is mapped and present, in bytes; 0 where the system does not say.
func mappedFiles() int64 {
	statm, err := os.ReadFile("/proc/self/statm") // proc_pid_statm(5): size resident shared ...
	if err != nil {
		return 0
	}
	f := bytes.Fields(statm)
	if len(f) < 3 {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[2]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// pageRange is a range of addresses, whole pages.
type pageRange struct{ start, end uintptr }

// programRanges are the mappings of the program's file that cannot be written.
func programRanges() (out []pageRange) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(maps) { // start-end rwxp offset device inode path
		f := bytes.Fields(line)
		if len(f) != 6 || string(f[5]) != path || f[1][0] != 'r' || f[1][1] == 'w' {
			continue
		}
		from, to, _ := bytes.Cut(f[0], []byte("-"))
		start, err1 := strconv.ParseUint(string(from), 16, 64)
		end, err2 := strconv.ParseUint(string(to), 16, 64)
		if err1 == nil && err2 == nil {
			out = append(out, pageRange{uintptr(start), uintptr(end)})
		}
	}
	return out
}

// unwritten says that no page of a mapped file has become the process's own. One that was written when it could be, as a linker
// does before it protects what it relocated, or a debugger, would be lost.
func (r pageRange) unwritten(pagemap *os.File) bool {
	const present, swapped, file = 1 << 63, 1 << 62, 1 << 61 // proc_pid_pagemap(5)
	pageSize := uintptr(os.Getpagesize())
	entries := make([]byte, 8*((r.end-r.start)/pageSize))
	if _, err := pagemap.ReadAt(entries, int64(8*(r.start/pageSize))); err != nil {
		return false
	}
	for ; len(entries) > 0; entries = entries[8:] {
		e := binary.NativeEndian.Uint64(entries)
		if e&swapped != 0 || e&present != 0 && e&file == 0 {
			return false
		}
	}
	return true
}
