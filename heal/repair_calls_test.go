package heal

import (
	"bytes"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// I17: whichever call of a repair fails, and wherever the machine dies in it, each sector of the file holds what was found there or what was
// recorded, and nothing else; a repair that says it is done has brought every byte back, and one that comes after it does.
func TestI17RepairAtEachCall(t *testing.T) {
	want := randomBytes(9, 90_000)
	holes := bytes.Clone(want)
	clear(holes[10_000:20_000])
	copy(holes[60_000:], "other bytes")
	for name, found := range map[string][]byte{"in place": holes, "replaced": want[:80_000]} {
		t.Run(name, func(t *testing.T) {
			base, _ := covered(t, want, "")
			base.Put("/d/f", string(found))
			for n, failed := 1, true; failed; n++ {
				fsys := base.Clone()
				s := open(t, fsys, "")
				fsys.Inject(crashfs.Fault{Nth: n, Err: []error{syscall.EIO, syscall.ENOSPC}[n%2], Short: 700})
				r, err := s.Repair("f", false)
				failed = err != nil
				fsys.Heal()
				s.Close()
				disks := []*crashfs.FS{fsys}
				for seed := range uint64(6) {
					disks = append(disks, fsys.Crash(seed))
				}
				for i, disk := range disks {
					got := content(t, disk, "/d/f")
					if !failed && r.Repaired && !bytes.Equal(got, want) {
						t.Fatalf("call %d, disk %d: repaired, and it is not what was recorded", n, i)
					}
					if at := strange(got, found, want); at >= 0 {
						t.Fatalf("call %d, disk %d: at %d stands neither what was found nor what was recorded", n, i, at)
					}
					again := open(t, disk, "")
					if _, err := again.Repair("f", false); err != nil || !bytes.Equal(content(t, disk, "/d/f"), want) {
						t.Fatalf("call %d, disk %d: repaired again: %v", n, i, err)
					}
					again.Close()
				}
			}
		})
	}
}

// strange is where got holds a sector that is neither found's nor want's; -1: nowhere. Of a file that is as long as found all must be, and one
// that is longer must be want.
func strange(got, found, want []byte) int {
	const sector = 512
	if len(got) != len(found) {
		if bytes.Equal(got, want) {
			return -1
		}
		return len(got)
	}
	for at := 0; at < len(got); at += sector {
		end := min(at+sector, len(got))
		if !bytes.Equal(got[at:end], found[at:end]) && !bytes.Equal(got[at:end], want[at:end]) {
			return at
		}
	}
	return -1
}
