package recovery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// I1, I11: a damaged manifest is read as its companion says it was, also when a file of the companion is damaged as well: in hardened mode it is made
// anew and what stood there is kept; in strict mode the start refuses, changes nothing, and names the command that brings it back.
func TestDamagedManifest(t *testing.T) {
	dir := t.TempDir()
	_, data := coveredLog(t, dir)
	log := filepath.Join(dir, "appendonlydir")
	manifest := filepath.Join(log, "appendonly.aof.manifest")
	was, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for kind, damage := range map[string]func(p []byte) []byte{
		"bit":     func(p []byte) []byte { p[rng.IntN(len(p)-1)] ^= 1; return p },
		"zero":    func(p []byte) []byte { clear(p[rng.IntN(len(p)):]); return p },
		"cut":     func(p []byte) []byte { return p[:rng.IntN(len(p))] },
		"shorter": func(p []byte) []byte { return p[:bytes.LastIndexByte(p[:len(p)-1], '\n')+1] }, // it reads well, and lacks the last increment
	} {
		overwrite(t, manifest, damage(bytes.Clone(was)))
		before := tree(t, dir)
		o := bootCovered(t, dir, nil)
		if o.err == nil || !strings.Contains(o.logs.text()+o.err.Error(), "frctl repair "+manifest) {
			t.Errorf("%s: strict: %v\n%s", kind, o.err, o.logs.text())
		}
		for name, text := range tree(t, dir) {
			if before[name] != text {
				t.Errorf("%s: the refusal changed %s", kind, name)
			}
		}
		o = bootCovered(t, dir, func(o *Options) { o.Hardened = true })
		if o.err != nil || o.store.String() != data {
			t.Errorf("%s: hardened: %v\n%s", kind, o.err, o.logs.text())
		}
		if now, _ := os.ReadFile(manifest); !bytes.Equal(now, was) {
			t.Errorf("%s: the manifest is now %q", kind, now)
			overwrite(t, manifest, was)
		}
		if kept, _ := filepath.Glob(filepath.Join(log, "quarantine", "appendonly.aof.manifest.*")); len(kept) == 0 {
			t.Errorf("%s: what stood there is not kept", kind)
		}
	}
}

// A manifest with a wrong byte is compared with the newest companion that is whole, also when one made ready for a switch that never came lies
// two generations above it: a change of the manifest that failed leaves out a number.
func TestDamagedManifestBelowUnfilledCompanion(t *testing.T) {
	dir := t.TempDir()
	coveredLog(t, dir)
	log := filepath.Join(dir, "appendonlydir")
	d, err := wal.ReadDirectory(disk.OS(), log, "appendonly.aof")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range wal.FactsNames("appendonly.aof", d.Facts.Generation+2) {
		overwrite(t, filepath.Join(log, name), nil)
	}
	damaged := bytes.Clone(d.ManifestBytes)
	damaged[0] ^= 1
	overwrite(t, filepath.Join(log, "appendonly.aof.manifest"), damaged)
	o := bootCovered(t, dir, nil)
	want := fmt.Sprintf("byte 0 is %q where generation %d had %q", damaged[:1], d.Facts.Generation, d.ManifestBytes[:1])
	if text := o.logs.text() + fmt.Sprint(o.err); o.err == nil || !strings.Contains(text, want) {
		t.Errorf("the refusal lacks %s:\n%s", want, text)
	}
}

// I4: a manifest that reads well and lacks its base, one of another server's that our companion names only, is refused and not served without it.
// The newest companion was never filled.
func TestLostBaseBelowUnfilledCompanion(t *testing.T) {
	dir := t.TempDir()
	coveredLog(t, dir)
	log := filepath.Join(dir, "appendonlydir")
	d, err := wal.ReadDirectory(disk.OS(), log, "appendonly.aof")
	if err != nil || d.Manifest.Base == nil {
		t.Fatal("no base", err)
	}
	for _, name := range wal.FactsNames("appendonly.aof", d.Facts.Generation+2) {
		overwrite(t, filepath.Join(log, name), nil)
	}
	short := *d.Manifest
	short.Base = nil
	overwrite(t, filepath.Join(log, "appendonly.aof.manifest"), short.AppendTo(nil))
	o := bootCovered(t, dir, nil)
	if text := o.logs.text(); o.err == nil || !strings.Contains(text, "does not name "+d.Manifest.Base.Name) {
		t.Errorf("%v\n%s", o.err, text)
	}
}
