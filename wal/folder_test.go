package wal

import (
	"io/fs"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

// A folder that makeFolder has made survives a power loss with all that are above it, also if it was begun before and came to no end.
func TestMakeFolder(t *testing.T) {
	const dir = "/second/ring/deep"
	for _, how := range []string{"at once", "killed", "no sync"} {
		for n := 1; n <= 4; n++ {
			d := crashfs.New()
			switch how {
			case "killed":
				op := 0
				var killed *crashfs.FS
				d.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
					if e.Op.Changes() {
						if op++; op == n {
							killed = freeze().Kill()
						}
					}
				})
				if err := makeFolder(d, dir); err != nil {
					t.Fatal(err)
				}
				if killed == nil {
					t.Fatalf("there is no operation %d", n)
				}
				d = killed
			case "no sync":
				d.Inject(crashfs.Fault{Op: crashfs.SyncDir, Nth: n, Err: syscall.EIO})
				if err := makeFolder(d, dir); (err != nil) != (n <= 3) {
					t.Fatalf("sync %d fails: %v", n, err)
				}
				d.Heal()
			}
			if err := makeFolder(d, dir); err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(8) {
				if _, err := d.Crash(seed).Stat(dir); err != nil {
					t.Errorf("%s, %d, power loss %d: %v", how, n, seed, err)
				}
			}
		}
	}
	d := crashfs.New()
	if err := makeFolder(d, dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also where an attempt before has made it
		d.Inject(crashfs.Fault{Op: crashfs.SyncDir, Name: "second", Err: fs.ErrPermission})
		if err := makeFolder(d, "/second/new"); err == nil {
			t.Error("a folder is used that cannot be made durable")
		}
	}
}

// A ring that is found and used has a durable name, also if whoever made it died before it had.
func TestRingNameDurable(t *testing.T) {
	d := crashfs.New()
	if err := makeFolder(d, "/ring"); err != nil {
		t.Fatal(err)
	}
	var killed *crashfs.FS
	d.At(0, func(e crashfs.Event, freeze func() *crashfs.FS) {
		if e.Op == crashfs.SyncDir && killed == nil {
			killed = freeze().Kill()
		}
	})
	made, err := createRing(d, "/ring", "log", 16*ringBlock)
	if err != nil {
		t.Fatal(err)
	}
	made.close()
	found, err := openRing(killed, "/ring", "log", 16*ringBlock)
	if err != nil {
		t.Fatal(err)
	}
	defer found.close()
	for seed := range uint64(8) {
		if _, err := killed.Crash(seed).Stat("/ring/" + RingName("log")); err != nil {
			t.Errorf("power loss %d: %v", seed, err)
		}
	}
	killed.Inject(crashfs.Fault{Op: crashfs.SyncDir, Err: syscall.EIO})
	if _, err := openRing(killed, "/ring", "log", 16*ringBlock); err == nil {
		t.Error("a ring is used whose name cannot be made durable")
	}
}
