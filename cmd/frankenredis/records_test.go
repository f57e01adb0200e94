package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery/ledger"
)

// A stop in order leaves the ledger covered up to its last record, which says that the server was stopped. Cut short at any call, by a crash, it
// leaves a ledger whose chain is whole and a sidecar that describes what is there (I14).
func TestCloseRecords(t *testing.T) {
	const dir = "/d"
	fsys := crashfs.New()
	fsys.Put(dir+"/dump.rdb", "a snapshot")
	s := &server{fs: fsys, dir: dir, logger: hclog.NewNullLogger()}
	s.evidence.dir = dir + "/" + ledgerDir
	s.evidence.book = ledger.Start(ledger.Options{FS: fsys, Dir: s.evidence.dir})
	o := heal.Options{FS: fsys, Root: dir}
	store, err := heal.Open(o, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Protect("dump.rdb"); err != nil {
		t.Fatal(err)
	}
	s.covers = &covers{s: s}
	s.covers.names.c = s.covers
	s.covers.keeper = heal.StartKeeper(heal.KeeperOptions{Store: o, Opened: store, Told: s.covers.told, Genuine: func(*heal.Store, string) bool { return false },
		Every: func() time.Duration { return 0 }, Rate: func() int64 { return 0 },
		Go: func(work func()) <-chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				work()
			}()
			return done
		}})
	s.covers.keeps.Store(s.covers.keeper)
	var frozen []*crashfs.FS
	var closed bool // under the disk's lock
	fsys.At(0, func(_ crashfs.Event, freeze func() *crashfs.FS) {
		if !closed {
			frozen = append(frozen, freeze())
		}
	})
	s.closeRecords(&ledger.Entry{Rule: ledger.Stopped, Decision: ledger.Note})
	fsys.At(fsys.Ops()+1, func(crashfs.Event, func() *crashfs.FS) { closed = true })

	const segment = ledgerDir + "/ledger.00000001.jsonl"
	look := func(disk *crashfs.FS, what string) (covered, found int64) {
		if rep, err := ledger.Walk(disk, dir+"/"+ledgerDir, func(*ledger.Record) error { return nil }); err == nil && len(rep.Damages) > 0 && !rep.Damages[0].Torn {
			t.Errorf("%s: the ledger: %v", what, rep.Damages[0])
		}
		store, err := heal.Open(heal.Options{FS: disk, Root: dir}, false)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, ok := store.Entry(segment); !ok {
			return 0, 0
		}
		r, err := store.Verify(segment)
		if err != nil || r.State != heal.Clean && r.State != heal.Sidecar {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		return r.Size, r.Found
	}
	if covered, found := look(fsys, "stopped in order"); covered == 0 || covered != found {
		t.Errorf("%d of %d bytes of the ledger are covered", covered, found)
	}
	if len(frozen) < 20 {
		t.Fatalf("only %d calls", len(frozen))
	}
	for i, disk := range frozen {
		for seed := range uint64(4) {
			look(disk.Crash(seed), fmt.Sprintf("call %d, power loss %d", i, seed))
		}
	}
}
