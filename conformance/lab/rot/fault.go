package rot

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"frankenredis/conformance/crashfs"
	"frankenredis/conformance/rot"
)

// Fault is damage to some files of a World.
type Fault struct {
	Seed, Number uint64
	Files, Kinds []string
	now          map[string]*string // what the files hold then; nil: gone
}

// String says what is damaged and how to have it again.
func (f *Fault) String() string {
	var parts []string
	for i, name := range f.Files {
		parts = append(parts, name+": "+f.Kinds[i])
	}
	return fmt.Sprintf("FR_SEED=%d FR_FAULT=%d: %s", f.Seed, f.Number, strings.Join(parts, "; "))
}

// NewFault makes fault number n of a campaign: mostly of one file, one in eight of two to four; of all copies of the catalog now and
// then.
func (w *World) NewFault(seed, n uint64) *Fault {
	rng := rand.New(rand.NewPCG(seed, n))
	f := &Fault{Seed: seed, Number: n, now: map[string]*string{}}
	kinds := rot.Kinds()
	var files []string
	switch rng.IntN(64) {
	case 0:
		files = []string{"heal/catalog.0", "heal/catalog.1", "heal/catalog.2"}
	case 1, 2, 3, 4, 5, 6, 7, 8:
		for range 2 + rng.IntN(3) {
			files = append(files, w.pick(rng))
		}
	default:
		files = []string{w.pick(rng)}
	}
	for _, name := range files {
		kind := kinds[rng.IntN(len(kinds))]
		was := w.tree[name]
		if _, twice := f.now[name]; twice || len(was) == 0 {
			continue
		}
		older, ok := w.older[name]
		if !ok {
			older = was[:rng.IntN(len(was))]
		}
		p := kind.Damage(rng, rot.File{Bytes: []byte(was), Other: []byte(w.tree[w.pick(rng)]), Older: []byte(older)})
		switch {
		case p == nil:
			f.now[name] = nil
		case string(p) == was:
			continue
		default:
			text := string(p)
			f.now[name] = &text
		}
		f.Files, f.Kinds = append(f.Files, name), append(f.Kinds, kind.Name)
	}
	return f
}

// pick chooses a file: every other time a covered one.
func (w *World) pick(rng *rand.Rand) string {
	if rng.IntN(2) > 0 {
		return w.covered[rng.IntN(len(w.covered))]
	}
	return w.names[rng.IntN(len(w.names))]
}

// damaged is a disk with the fault.
func (w *World) damaged(f *Fault) (*crashfs.FS, error) {
	disk := w.disk.Clone()
	for name, text := range f.now {
		if text != nil {
			disk.Put(root+"/"+name, *text)
		} else if err := disk.Remove(root + "/" + name); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{root, logDir, root + "/heal", root + "/ledger"} {
		if err := disk.SyncDir(dir); err != nil && w.Log {
			return nil, err
		}
	}
	return disk, nil
}

// has tells whether the fault hits a file of which is is true.
func (f *Fault) has(is func(name string) bool) bool {
	for _, name := range f.Files {
		if is(name) {
			return true
		}
	}
	return false
}

// sidecarHit tells whether the sidecar of a covered file is damaged, or all copies of the catalog.
func (f *Fault) sidecarHit(name string) bool {
	flat := "heal/" + strings.ReplaceAll(strings.ReplaceAll(name, "%", "%25"), "/", "%2F") + "."
	return f.catalogLost() || f.has(func(n string) bool { return strings.HasPrefix(n, flat) })
}

func (f *Fault) catalogLost() bool {
	n := 0
	f.has(func(name string) bool {
		if strings.HasPrefix(name, "heal/catalog.") {
			n++
		}
		return false
	})
	return n == 3
}

func isSidecar(name string) bool { return strings.HasPrefix(name, "heal/") }

// isData tells which files a start of this World loads data from.
func (w *World) isData(name string) bool {
	if !w.Log {
		return name == "dump.rdb"
	}
	return strings.HasPrefix(name, "appendonlydir/") && (strings.HasSuffix(name, ".aof") || strings.HasSuffix(name, ".rdb"))
}

// isStructure tells which other files a start reads.
func (w *World) isStructure(name string) bool {
	return w.Log && strings.HasPrefix(name, "appendonlydir/") && !w.isData(name)
}
