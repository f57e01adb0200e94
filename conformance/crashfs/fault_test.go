package crashfs

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// Each fault hits the operation it names, as often as it says, and no other.
func TestFaults(t *testing.T) {
	life := func(f *FS) (failed string) {
		do := func(name string, err error) {
			if err != nil {
				failed += " " + name + ":" + errors.Unwrap(errors.Unwrap(err)).Error()
			}
		}
		f.Put("/b", "")
		o, err := f.Create("/a.log")
		if do("create", err); err != nil {
			o, _ = f.Create("/a.log")
		}
		for range 3 {
			_, err := o.Write([]byte("abc"))
			do("write", err)
		}
		do("sync", o.Sync())
		_, err = o.ReadAt(make([]byte, 1), 0)
		do("read", err)
		do("rename", f.Rename("/b", "/c"))
		do("syncdir", f.SyncDir("/"))
		return failed
	}
	for _, c := range []struct {
		fault  Fault
		failed string
		left   string
	}{
		{Fault{Op: Create, Err: syscall.EACCES}, " create:permission denied", "abcabcabc"},
		{Fault{Op: Write, Nth: 2, Err: syscall.EIO}, " write:input/output error", "abcabc"},
		{Fault{Op: Write, Nth: 2, Times: -1, Err: syscall.ENOSPC, Short: 1}, " write:no space left on device write:no space left on device", "abcaa"},
		{Fault{Op: Write, Name: "*.aof", Err: syscall.EIO}, "", "abcabcabc"},
		{Fault{Op: Changing, Name: "*.log", Nth: 5, Err: syscall.EROFS}, " sync:read-only file system", "abcabcabc"},
		{Fault{Op: Read, Name: "a.log", Err: syscall.EIO}, " read:input/output error", "abcabcabc"},
		{Fault{Op: Rename, Name: "b", Err: syscall.EROFS}, " rename:read-only file system", "abcabcabc"},
		{Fault{Op: SyncDir, Err: syscall.EIO}, " syncdir:input/output error", "abcabcabc"},
		{Fault{Nth: 3, Times: 2, Err: syscall.EIO}, " write:input/output error write:input/output error", "abc"},
	} {
		f := New()
		f.Inject(c.fault)
		if failed := life(f); failed != c.failed || f.Tree()["/a.log"] != c.left {
			t.Errorf("%+v: failed%s, left %q", c.fault, failed, f.Tree()["/a.log"])
		}
		f.Heal()
		if failed := life(f); failed != "" {
			t.Errorf("%+v healed: failed%s", c.fault, failed)
		}
	}
}

// What a failed sync should have covered is, by the kind of kernel, still to be written, lost in silence, or gone for
// readers too; a later sync succeeds in any case.
func TestFailedSync(t *testing.T) {
	zeros := strings.Repeat("\x00", sectorSize)
	old, lost, next := strings.Repeat("o", sectorSize), strings.Repeat("l", sectorSize), strings.Repeat("n", sectorSize)
	for _, c := range []struct {
		after      AfterSync
		seen, disk string
	}{
		{KeepDirty, old + lost + lost + next, old + lost + lost + next},
		{MarkClean, old + lost + lost + next, old + zeros + zeros + next},
		{Drop, old + zeros + zeros + next, old + zeros + zeros + next},
		{Partial, old + lost + lost + next, ""},
	} {
		f := New()
		f.Put("/a", old)
		o, err := f.OpenAppend("/a")
		must(t, err)
		f.Inject(Fault{Op: SyncData, Err: syscall.EIO, After: c.after})
		_, err = o.Write([]byte(lost + lost))
		must(t, err)
		if err := o.SyncData(); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		_, err = o.Write([]byte(next))
		must(t, err, o.SyncData())
		disk := f.Crash(0).Tree()["/a"]
		if c.after == Partial {
			c.disk = disk
			for s := range 4 {
				if part := disk[s*sectorSize:][:sectorSize]; part != c.seen[s*sectorSize:][:sectorSize] && (part != zeros || s == 0 || s == 3) {
					t.Errorf("partial: sector %d is %.10q", s, part)
				}
			}
		}
		if f.Tree()["/a"] != c.seen || disk != c.disk {
			t.Errorf("%d: seen %q, on the disk %q", c.after, f.Tree()["/a"], disk)
		}
		// A sector that is written again is written whole.
		_, err = o.WriteAt([]byte("new"), sectorSize+5)
		must(t, err, o.SyncData())
		if got := f.Crash(0).Tree()["/a"][sectorSize:][:sectorSize]; c.after != Drop && got != lost[:5]+"new"+lost[8:] {
			t.Errorf("%d: written again it is %q", c.after, got)
		}
	}
}

// A full disk takes what fits; removing and truncating make room.
func TestSpace(t *testing.T) {
	f := New()
	f.SetSpace(100)
	o := makeFile(t, f, "/a", strings.Repeat("x", 60))
	b, err := f.Create("/b")
	must(t, err)
	if n, err := b.Write(make([]byte, 50)); n != 40 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if trace := f.Trace(); trace[len(trace)-1].Err == nil {
		t.Errorf("%v", trace)
	}
	must(t, o.Truncate(10))
	if free, err := f.Free("/"); free != 50 || err != nil {
		t.Errorf("%d free, %v", free, err)
	}
	if err := b.Preallocate(0, 91); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("preallocated: %v", err)
	}
	must(t, b.Preallocate(0, 90))
	if n, err := o.Write([]byte("y")); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if _, err := b.WriteAt(make([]byte, 30), 60); err != nil {
		t.Errorf("within what was reserved: %v", err)
	}
	must(t, f.Remove("/b"))
	if free, _ := f.Free("/"); free != 90 || f.Crash(0).used != 0 || f.Kill().used != 10 {
		t.Errorf("%d free; %d and %d used", free, f.Crash(0).used, f.Kill().used)
	}
}
