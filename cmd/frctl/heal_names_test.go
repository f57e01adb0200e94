package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

// verify says what stands in damaged bytes: of what can be brought back exactly, of what is beyond repair as far as it can be read, and with
// the exit status of each. So does repair.
func TestHealNamesWhatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	for i := range 300 {
		ks.DB(0).SetString(fmt.Appendf(nil, "key:%03d", i), fmt.Appendf(nil, "value of %03d", i), false)
	}
	var snap bytes.Buffer
	view := ks.Freeze()
	_, err := snapshot.Write(&snap, view, snapshot.Meta{})
	view.Close()
	if err != nil {
		t.Fatal(err)
	}
	rdb := filepath.Join(dir, "dump.rdb")
	name := "appendonly.aof"
	log := filepath.Join(dir, "appendonlydir")
	incr := filepath.Join(log, name+".1.incr.aof")
	put := func(path string, p []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(rdb, snap.Bytes())
	// A log that begins at LSN 1000: ten transactions to a cell.
	var p []byte
	for i := range 100 {
		p = fmt.Appendf(p, "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$5\r\na:%03d\r\n$100\r\n%s\r\n*5\r\n$4\r\nMSET\r\n$5\r\nb:%03d\r\n$1\r\n1\r\n$5\r\nc:%03d\r\n$100\r\n%s\r\n*1\r\n$4\r\nEXEC\r\n",
			i, strings.Repeat("v", 100), i, i, strings.Repeat("w", 100))
	}
	unit := len(p) / 100
	put(incr, p)
	m := &wal.Manifest{Incrs: []wal.FileRef{{Name: filepath.Base(incr), Seq: 1, Type: wal.IncrFile}}, IncrSeq: 1}
	text := m.AppendTo(nil)
	put(filepath.Join(log, wal.ManifestName(name)), text)
	facts := &wal.Facts{Generation: 1, UUID: wal.NewUUID(), Manifest: wal.SumOf(text), Files: map[string]wal.FileFacts{
		filepath.Base(incr): {UUID: wal.NewUUID(), Start: 1000, Sealed: true, End: 1000 + wal.LSN(len(p)), Size: int64(len(p)), Sum: wal.SumOf(p), HasSum: true}}}
	put(filepath.Join(log, wal.FactsName(name, 1)), facts.AppendTo(nil, m))

	step := func(status int, args []string, says ...string) string {
		t.Helper()
		out, got := frctl(args...)
		if got != status {
			t.Fatalf("%v: status %d, want %d\n%s", args, got, status, out)
		}
		for _, s := range says {
			if !strings.Contains(out, s) {
				t.Fatalf("%v: no %q in\n%s", args, s, out)
			}
		}
		return out
	}
	step(0, []string{"protect", dir})

	// Within the budget: the cell from 4096 to 8192 of each.
	first, last := 4096/unit, 8191/unit
	positions := fmt.Sprintf("LSN %d to %d", 1000+first*unit, 1000+(last+1)*unit)
	for _, path := range []string{rdb, incr} {
		edit(t, path, func(p []byte) []byte { p[5000] ^= 1; return p })
	}
	step(2, []string{"verify", incr}, "stream   "+positions+"\n", fmt.Sprintf(`keys     db0 "a:%03d", db0 "b:%03d", db0 "c:%03d", `, first, first, first))
	out := step(2, []string{"verify", "--json", incr})
	var said struct {
		Exit     int
		Concerns struct {
			Kind string
			LSN  struct{ From, To int }
			Keys []struct {
				DB       int
				Key      string
				Doubtful bool
			}
			Unread []any
		}
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatal(err)
	}
	c := said.Concerns
	if said.Exit != 2 || c.Kind != "increment" || c.LSN.From != 1000+first*unit || c.LSN.To != 1000+(last+1)*unit || len(c.Keys) != 3*(last-first+1) ||
		c.Keys[0].Key != fmt.Sprintf("a:%03d", first) || c.Keys[0].Doubtful || c.Unread != nil {
		t.Errorf("%+v", said)
	}
	out = step(2, []string{"verify", rdb}, `keys     db0 "key:`)
	if strings.Contains(out, `"?`) {
		t.Errorf("doubtful, though it can be brought back:\n%s", out)
	}
	step(1, []string{"repair", incr}, "repaired", "stream   "+positions+"\n")
	step(1, []string{"repair", rdb}, "repaired", `keys     db0 "key:`)

	// Beyond it: the same byte, and each copy of its cell in the sidecar.
	for _, path := range []string{rdb, incr} {
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edit(t, path, func(p []byte) []byte { p[5000] ^= 1; return p })
		side, err := filepath.Glob(filepath.Join(dir, "heal", "*"+filepath.Base(path)+".*.rs"))
		if err != nil || len(side) != 1 {
			t.Fatal(side, err)
		}
		edit(t, side[0], func(p []byte) []byte {
			n := 0
			for at := 0; ; {
				i := bytes.Index(p[at:], was[4960:5040])
				if i < 0 {
					break
				}
				at += i + 40
				p[at] ^= 1
				n++
			}
			if n != 3 {
				t.Fatalf("%d copies", n)
			}
			return p
		})
	}
	step(3, []string{"verify", incr}, "LOST     bytes 4096 to 8192", "stream   "+positions+"\n", fmt.Sprintf(`db0 "a:%03d"`, first), `"?`)
	step(3, []string{"verify", rdb}, "LOST     bytes 4096 to", `keys     db0 "key:`, `"?`)
	step(3, []string{"repair", incr}, "beyond repair", positions)
}
