package recovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"frankenredis/wal"
)

// I12, I21: a log that begins anew over one that ended (appendonly no, and later yes) leaves the old state in charge until the new one is, and
// then what is acknowledged is kept (I4). Before every operation the process or the machine may die.
func TestI21Begin(t *testing.T) {
	for _, earlier := range []bool{true, false} {
		t.Run(fmt.Sprintf("earlier log %v", earlier), func(t *testing.T) {
			l := newLife(wal.Always)
			old := ""
			at := wal.Position{ID: wal.NewReplID(), Epoch: 1}
			if earlier {
				for _, step := range l.steps()[:4] { // a start and three writes
					if err := step(); err != nil {
						t.Fatal(err)
					}
				}
				old = l.store.String()
				at.LSN, at.Epoch = l.log.End(), l.epoch.Load()+1
				if err := l.stop(); err != nil {
					t.Fatal(err)
				}
			} else if err := errors.Join(l.fs.MkdirAll(crashLogs), l.fs.SyncDir(crashDir)); err != nil {
				t.Fatal(err)
			}
			fresh := newStore()
			if err := fresh.apply([]Command{{Args: [][]byte{[]byte("SET"), []byte("new"), []byte("state")}}}); err != nil {
				t.Fatal(err)
			}
			base := fresh.String()

			l.shots = nil
			l.photograph()
			text := []byte(rdb("new", "state"))
			f, err := l.fs.Create(crashLogs + "/" + wal.TempName(logName, "rewrite"))
			if err == nil {
				_, err = f.Write(text)
			}
			if err == nil {
				err = errors.Join(f.Sync(), f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			log, err := wal.Begin(wal.Options{FS: l.fs, Dir: crashLogs, Name: logName, Policy: wal.Always, Annotate: true, BootID: l.bootID}, at, 0,
				wal.NewBase{Path: f.Name(), At: at.LSN, Size: int64(len(text)), Sum: wal.SumOf(text), HasSum: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			begun := l.taken() // from here on the new state is in charge
			l.log, l.store, l.first = log, fresh, true
			l.live.Store(log)
			if err := l.write([]string{"SET", "more", "x"}); err != nil {
				t.Fatal(err)
			}
			written := l.taken()
			last := l.store.String()
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
			for i, s := range l.shots {
				for seed := -1; seed < 6; seed++ {
					d := l.die(s, seed)
					var refusal *Refusal
					if !earlier && i < begun && errors.As(d.err, &refusal) && strings.Contains(refusal.Reason, "holds data") {
						continue // the base lies there and no manifest yet: a start does not go on empty beside it, and says so
					}
					if d.err != nil {
						t.Fatalf("%v: %v\n%v", d, d.err, d.logs.text())
					}
					switch got := d.store.String(); {
					case got == last, got == base && i < written, got == old && i < begun:
					default:
						t.Fatalf("%v (%d of %d): %q", d, i, len(l.shots), got)
					}
				}
			}
			t.Logf("%d operations", len(l.shots))
		})
	}
}
