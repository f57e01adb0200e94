package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// named are mutants made by hand.
func named() []mutant {
	isManifest := func(name string) bool { return strings.HasSuffix(name, ".manifest") }
	return []mutant{
		{name: "increments are not synced for replies", m: skipNamed("SyncData", "*.aof")},
		{name: "increments are not synced when sealed", m: skipNamed("Sync", "*.incr.aof")},
		{name: "spares are not synced", m: skipNamed("", "temp-*.spare")},
		{name: "bases are not synced", m: skipNamed("", "temp-*rewrite*")},
		{name: "snapshots are not synced", m: skipNamed("", "temp-*.rdb")},
		{name: "companions are not synced", m: skipNamed("", "temp-*.manifest.*.fr")},
		{name: "manifests are not synced", m: skipNamed("", "temp-*.manifest")},
		{name: "the epoch is not synced", m: skipNamed("", "temp-*.epoch.fr")},
		{name: "the log's folder is not synced", m: skipNamed("SyncDir", "appendonlydir")},
		{name: "the data folder is not synced", m: skipNamed("SyncDir", "data")},
		{name: "no folder is synced", m: skipNamed("SyncDir", "*")},
		{name: "nothing is synced", m: skipNamed("", "*")},
		{name: "files are not cut", m: skipNamed("Truncate", "*")},
		{name: "files are cut one byte early", m: &mutation{truncate: func(f disk.File, n int64) error { return f.Truncate(max(n-1, 0)) }}},
		{name: "files are cut one byte late", m: &mutation{truncate: func(f disk.File, n int64) error {
			if size, err := f.Size(); err != nil || n == size {
				return err
			}
			return f.Truncate(n + 1)
		}}},
		{name: "a failed sync counts as done", m: &mutation{sync: func(_ disk.File, call func() error) error { _ = call(); return nil }}},
		{name: "a failed sync is tried again", m: &mutation{sync: func(_ disk.File, call func() error) error {
			if call() == nil {
				return nil
			}
			return call()
		}}},
		{name: "a failed sync of a folder counts as done", m: &mutation{syncDir: func(fs disk.FS, dir string) error { _ = fs.SyncDir(dir); return nil }}},
		{name: "a short write counts as whole", m: &mutation{write: func(f disk.File, p []byte, off int64) (int, error) {
			if off >= 0 {
				_, _ = f.WriteAt(p, off)
			} else {
				_, _ = f.Write(p)
			}
			return len(p), nil
		}}},
		{name: "a file is renamed before it is synced", m: &mutation{
			skip:   func(op, name string) bool { return op == "Sync" && strings.Contains(name, "temp-") && isManifest(name) },
			rename: renameThenSync,
		}},
		{name: "files take their names by being copied", m: &mutation{rename: copyInPlace}},
		{name: "the old base goes when the new one has its name", m: &mutation{rename: func(fs disk.FS, from, to string) error {
			if err := fs.Rename(from, to); err != nil || !strings.HasSuffix(to, ".base.rdb") {
				return err
			}
			return unlinkOthers(fs, to, ".base.rdb")
		}}},
		{name: "old increments go before the manifest is durable", m: &mutation{rename: func(fs disk.FS, from, to string) error {
			if err := fs.Rename(from, to); err != nil || !isManifest(to) {
				return err
			}
			return unlinkUnnamed(fs, to)
		}}},
		{name: "replies leave 30 bytes early", early: 30},
		{name: "the page cache counts after a power loss", boot: true},
		{name: "the last bytes of a write are lost", m: &mutation{write: func(f disk.File, p []byte, off int64) (int, error) {
			q := bytes.Clone(p)
			if n := len(q); n > 40 && bytes.HasSuffix(q, []byte("\r\n")) {
				q[n-1], q[n-2] = 0, 0
			}
			if off >= 0 {
				return f.WriteAt(q, off)
			}
			return f.Write(q)
		}}},
		{name: "what is held is written with other bytes", m: &mutation{write: func(f disk.File, p []byte, off int64) (int, error) {
			if strings.HasSuffix(f.Name(), ".held") && len(p) > 60 {
				p = bytes.Clone(p)
				p[len(p)/2]++
			}
			if off >= 0 {
				return f.WriteAt(p, off)
			}
			return f.Write(p)
		}}},
	}
}

type mutant struct {
	name  string
	site  site // the call that is left out, if it is one
	m     *mutation
	early uint64
	boot  bool
}

func renameThenSync(fs disk.FS, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return err
	}
	f, err := fs.OpenReadWrite(to)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// copyInPlace is a rename that can be seen halfway.
func copyInPlace(fs disk.FS, from, to string) error {
	p, err := disk.ReadFile(fs, from, 1<<30)
	if err != nil {
		return err
	}
	f, err := fs.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(p); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return fs.Remove(from)
}

func unlinkOthers(fs disk.FS, keep, suffix string) error {
	names, err := fs.List(filepath.Dir(keep))
	for _, name := range names {
		if strings.HasSuffix(name, suffix) && name != filepath.Base(keep) && !strings.HasPrefix(name, "temp-") {
			err = fs.Remove(filepath.Join(filepath.Dir(keep), name))
		}
	}
	return err
}

// unlinkUnnamed removes what a manifest does not name, or calls history.
func unlinkUnnamed(fs disk.FS, manifest string) error {
	p, err := disk.ReadFile(fs, manifest, 1<<20)
	if err != nil {
		return err
	}
	dir := filepath.Dir(manifest)
	names, err := fs.List(dir)
	for _, name := range names {
		live := false
		for line := range strings.Lines(string(p)) {
			live = live || strings.HasPrefix(line, "file "+name+" ") && !strings.Contains(line, " type h")
		}
		if strings.HasSuffix(name, ".incr.aof") && !live {
			err = fs.Remove(filepath.Join(dir, name))
		}
	}
	return err
}

// passages say which protocols come by each call of the source, by "file:line Op": run to their ends, and in trouble: of which one call
// fails, or a start follows a death.
type passages struct {
	InOrder, InTrouble map[string][]int
}

// passed finds out, or reads what another run over the same source found out in the file at LAB_PASSAGES.
var passed = sync.OnceValues(func() (*passages, error) {
	file := os.Getenv("LAB_PASSAGES")
	var p passages
	if text, err := os.ReadFile(file); err == nil {
		return &p, json.Unmarshal(text, &p)
	}
	p.InOrder = passBy(func(w *sweeper, of *protocol) {
		_, _, _ = w.fail(of, wal.Always, sweepFaults[0], math.MaxInt)
	})
	p.InTrouble = passBy(func(w *sweeper, of *protocol) {
		failing := sweepFault{"EIO", crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO}}
		for n, hit := 1, true; hit; n++ {
			hit, _, _ = w.fail(of, wal.Always, failing, n)
		}
		w.blind = false // the starts after a stop come by more
		for n, hit := 5, true; hit; n *= 3 {
			hit, _, _ = w.fail(of, wal.Always, sweepFaults[0], n)
		}
	})
	text, err := json.Marshal(p)
	if err == nil && file != "" {
		err = os.WriteFile(file, text, 0o644)
	}
	return &p, err
})

// passBy runs each protocol in some way and notes the calls.
func passBy(run func(w *sweeper, p *protocol)) map[string][]int {
	in := map[string][]int{}
	for i := range protocols {
		var mu sync.Mutex
		m := &mutation{skip: func(op, _ string) bool {
			file, line := caller()
			key := fmt.Sprintf("%s:%d %s", file, line, op)
			mu.Lock()
			defer mu.Unlock()
			if seen := in[key]; len(seen) == 0 || seen[len(seen)-1] != i {
				in[key] = append(seen, i)
			}
			return false
		}}
		run(&sweeper{under: m.under, blind: true}, &protocols[i])
	}
	return in
}

// exempt are calls that no promise depends on here, with what they are for.
var exempt = map[string]string{
	"wal/ring_file.go createRing Sync":           "it spares the first commit the writing of the whole ring; one that is cut short holds no commit, and is made anew",
	"wal/watermark.go write SyncData":            "for a device that spoils the sector it writes when the power goes: on the disk in memory a sector is old or new",
	"wal/watermark.go write SyncData (2)":        "one copy is durable by then; the others are there in case it is damaged, and all three lie within one block of the damage campaign",
	"heal/protect.go unlinkSidecar SyncDir":      "no catalog names what a crash brings back; only behind it the room of a large file is given back in pieces",
	"heal/rebuild.go rebuild SyncDir":            "a sidecar is durable before it has its name; this is for those that somebody has copied there",
	"heal/rebuild.go entryOf Sync":               "as in rebuild",
	"recovery/mend.go cutOff Sync":               "wal.Open syncs what was cut before the log goes on; this is for a start that comes no further, whose evidence says that it was",
	"heal/grow.go seal SyncData":                 "a stripe has 16 MiB, more than lives write; heal's TestGrowCrash goes through the seal of one",
	"heal/resume.go settle SyncData":             "what it makes durable was durable, unless a sync had failed: a stripe has 16 MiB, more than lives write",
	"heal/resume.go copyTailFile Remove":         "what is left goes with the next start; heal's TestResumeOnFullDisk sees to the room that it takes until then",
	"heal/resume.go settle SyncDir":              "the names were durable before the catalog had the entry; this is for folders that somebody has copied there",
	"recovery/mend.go migrate SyncDir":           "on the disk in memory a rename between folders is one change; others need each of them synced",
	"wal/reserve.go drop SyncDir":                "some file systems give blocks back only with their next commit; the disk in memory gives them back at once",
	"recovery/ring.go ringAside SyncDir":         "in the log's own folder the epoch's sync follows; it matters for a ring in another one",
	"recovery/orphan.go setUnnamedAside SyncDir": "the epoch's sync follows; a start that ends here leaves nothing pending",
	"wal/install.go placeBase SyncDir":           "a cover is told of the name then, which TestCoverIsTold tries; the folder is synced again before a manifest has it",
	"wal/create.go Begin SyncDir":                "as in placeBase",
	"wal/held.go spill SyncData":                 "it paces the device; the sync at the end is what counts",
	"wal/held.go spill Sync":                     "Open syncs the file again before a manifest has it; this asks the descriptor that wrote it, which is sure to be told of an error",
	"snapshot/save.go Write SyncData":            "it paces the device; the sync at the end is what counts",
}

// try looks where MUTANTS.md says that the mutant was found out before, and then goes through protocols and campaigns until something finds it
// out. Most are found where nothing fails, so each call is stopped at before each is failed. What most protocols come by is looked for in some
// lives in between: they mix everything. A file that is not removed is looked for where it would lie.
func (x mutant) try(lives int) (found *Violation, states int, reached bool, err error) {
	found, states = x.again()
	if found == nil && x.site.File != "" && !x.ofLedger() {
		in, err := x.passed()
		if err != nil {
			return nil, 0, false, err
		}
		passes := []sweeper{{stops: true, more: 4}, {more: 4}}
		if x.site.Op == "Remove" {
			passes = append([]sweeper{{blind: true}}, passes...)
		}
		for _, w := range passes {
			w.every, w.under, w.one = 1, x.m.under, true
			for i := 0; i < len(in) && found == nil; i++ {
				r := w.sweep(in[i])
				if states += r.States; len(r.Violations) > 0 {
					found = r.Violations[0]
				}
			}
			if found == nil && w.stops && len(in) > len(protocols)/2 {
				var more int
				found, more = x.campaigns(1, 2)
				states += more
			}
		}
	}
	if found == nil {
		var more int
		found, more = x.campaigns(1, lives)
		states += more
	}
	return found, states, x.m == nil || x.m.hits.Load() > 0, nil
}

// ofLedger says that it is in the ledger of evidence, which has lives of its own.
func (x mutant) ofLedger() bool { return strings.HasPrefix(x.name, "recovery/ledger/") }

var (
	rowOf  = regexp.MustCompile(`(?m)^\| ([^|]*) \| \w+ \| \d+ \| (.*) \|$`)
	callOf = regexp.MustCompile(`^(.*), (always|everysec), (.*) at call (\d+): `)
	lifeOf = regexp.MustCompile(`^life (\d+): `)
)

// foundAt says where each mutant was found out, as MUTANTS.md has it.
var foundAt = sync.OnceValues(func() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join("..", "MUTANTS.md"))
	at := map[string]string{}
	for _, row := range rowOf.FindAllStringSubmatch(string(text), -1) {
		at[row[1]] = row[2]
	}
	return at, err
})

// again looks where the mutant was found out before, and at the calls around that one: goroutines may come in another order.
func (x mutant) again() (found *Violation, states int) {
	at, err := foundAt()
	if err != nil {
		return nil, 0
	}
	if life := lifeOf.FindStringSubmatch(at[x.name]); life != nil {
		seed, _ := strconv.ParseUint(life[1], 10, 64)
		return x.campaigns(seed, 1)
	}
	m := callOf.FindStringSubmatch(at[x.name])
	p := slices.IndexFunc(protocols, func(p protocol) bool { return m != nil && p.name == m[1] })
	f := slices.IndexFunc(sweepFaults, func(f sweepFault) bool { return m != nil && f.name == m[3] })
	if p < 0 || f < 0 || x.m == nil {
		return nil, 0
	}
	policy := wal.Always
	if m[2] != policy.String() {
		policy = wal.EverySec
	}
	n, _ := strconv.Atoi(m[4])
	w := sweeper{every: 1, under: x.m.under, one: true, more: 4}
	for i := range 17 {
		call := n + (i+1)/2
		if i%2 == 0 {
			call = n - i/2
		}
		if call < 1 {
			continue
		}
		_, more, v := w.fail(&protocols[p], policy, sweepFaults[f], call)
		if states += more; v != nil {
			v.Detail = callAt{m[1], m[2], m[3], call}.String() + ": " + v.Detail
			return v, states
		}
	}
	return nil, states
}

// passed are the protocols that come by the call that is left out.
func (x mutant) passed() ([]int, error) {
	p, err := passed()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s:%d %s", x.site.File, x.site.Line, x.site.Op)
	in := slices.Clone(p.InOrder[key])
	for _, i := range p.InTrouble[key] {
		if !slices.Contains(in, i) {
			in = append(in, i)
		}
	}
	return in, nil
}

// campaigns live so many lives from a seed on, and twice as many in which calls fail.
func (x mutant) campaigns(seed uint64, lives int) (found *Violation, states int) {
	for _, o := range []Options{{Lives: lives}, {Lives: 2 * lives, Faults: true}} {
		o.Seed, o.Most, o.Early, o.Patience, o.Covers = seed, 1, x.early, 2*time.Second, strings.HasPrefix(x.name, "heal/")
		if x.m != nil {
			o.Under = x.m.under
		}
		if x.boot {
			o.Engine = func(c Config) Engine { return sameBoot{NewReal(c)} }
		}
		run := Run
		if x.ofLedger() {
			run, o.Lives = runLedgers, max(o.Lives/8, 2)
		}
		r := run(o)
		states += r.States
		if len(r.Violations) > 0 {
			v := r.Violations[0]
			_, _ = fmt.Sscanf(v.Replay, "LAB_SEED=%d ", &seed)
			v.Detail = fmt.Sprintf("life %d: %s", seed, v.Detail)
			return v, states
		}
	}
	return nil, states
}

// sameBoot is an engine that believes the machine never went down.
type sameBoot struct{ Engine }

func (s sameBoot) Start(fs disk.FS, _ string) (*data, error) { return s.Engine.Start(fs, "boot") }

// Each mutant breaks a promise, and the laboratory says which. With LAB_MUTANTS=FILE all of them are tried, or those that
// -run chooses, and the list is appended there; else a few that are found out soon.
func TestMutants(t *testing.T) {
	all, err := sites(filepath.Join("..", ".."), "wal", "recovery", "recovery/ledger", "snapshot", "heal")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Fatalf("only %d calls found in the source", len(all))
	}
	for name := range exempt {
		if !slices.ContainsFunc(all, func(s site) bool { return s.String() == name }) {
			t.Errorf("%s is exempt, and is not there", name)
		}
	}
	list := os.Getenv("LAB_MUTANTS")
	mutants := named()
	if list == "" {
		mutants = mutants[:7]
	} else {
		for _, s := range all {
			mutants = append(mutants, mutant{name: s.String(), site: s, m: skipSite(s)})
		}
	}
	var table strings.Builder
	for _, x := range mutants {
		t.Run(x.name, func(t *testing.T) {
			if why := exempt[x.name]; why != "" {
				fmt.Fprintf(&table, "| %s | - | not tried: %s |\n", x.name, why)
				return
			}
			v, states, reached, err := x.try(count("LAB_LIVES", 25))
			if err != nil {
				t.Fatal(err)
			}
			row := fmt.Sprintf("| %s | - | survives %d states |", x.name, states)
			switch {
			case v != nil:
				row = fmt.Sprintf("| %s | %s | %d | %.180s |", x.name, v.Promise, states, strings.NewReplacer("|", "/", "\n", " ").Replace(v.Detail))
			case !reached:
				t.Error("never reached")
				row = fmt.Sprintf("| %s | - | never reached in %d states |", x.name, states)
			default:
				t.Errorf("survives %d states", states)
			}
			t.Log(row)
			fmt.Fprintln(&table, row)
		})
	}
	if list == "" {
		return
	}
	f, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteString(table.String()); errors.Join(err, f.Close()) != nil {
		t.Fatal(err)
	}
}
