package rot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/conformance/rot"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
)

// Verdict is what became of one fault that was dealt with as promised.
type Verdict struct {
	Strict, Hardened string // "refused", "whole", "repaired" or "put there"
	Repaired, Lost   int    // covered files
}

// Judge tries one fault. The error says which promise was broken.
func (w *World) Judge(f *Fault) (Verdict, error) {
	var v Verdict
	disk, err := w.damaged(f)
	if err != nil {
		return v, err
	}
	harms := map[string]harm{}
	for _, name := range f.Files {
		if e, ok := w.entries[name]; ok {
			harms[name] = harmOf(e, w.tree[name], f.text(name))
		}
	}
	if err := w.judgeReports(disk.Clone(), f, harms); err != nil {
		return v, fmt.Errorf("%v: report: %w", f, err)
	}
	if v.Strict, err = w.judgeStart(disk.Clone(), f, harms, false); err != nil {
		return v, fmt.Errorf("%v: strict: %w", f, err)
	}
	if v.Hardened, err = w.judgeStart(disk.Clone(), f, harms, true); err != nil {
		return v, fmt.Errorf("%v: hardened: %w", f, err)
	}
	if v.Repaired, v.Lost, err = w.judgeRepair(disk, f, harms); err != nil {
		return v, fmt.Errorf("%v: repair: %w", f, err)
	}
	return v, nil
}

// text is what a damaged file holds.
func (f *Fault) text(name string) string {
	if p := f.now[name]; p != nil {
		return *p
	}
	return ""
}

// openOrRebuild opens sidecars as a server does.
func openOrRebuild(o heal.Options) (*heal.Store, error) {
	s, err := heal.Open(o, true)
	if errors.Is(err, heal.ErrCatalog) {
		return heal.Rebuild(o)
	}
	return s, err
}

// judgeReports holds what Verify says of each covered file against what was done to it.
func (w *World) judgeReports(disk *crashfs.FS, f *Fault, harms map[string]harm) error {
	s, err := w.open(disk)
	if err != nil {
		return err
	}
	defer s.Close()
	if hit := f.has(func(n string) bool { return strings.HasPrefix(n, "heal/catalog.") }); hit && !f.catalogLost() && s.CatalogDamaged() == 0 {
		return errors.New("a damaged copy of the catalog is not noticed")
	}
	for _, name := range w.covered {
		r, err := s.Verify(name)
		if errors.Is(err, heal.ErrUncovered) && f.catalogLost() && f.sidecarHit(name) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.judgeReport(name, r, f, harms[name]); err != nil {
			return fmt.Errorf("%s is %s: %w", name, r.State, err)
		}
	}
	return nil
}

func (w *World) judgeReport(name string, r heal.Report, f *Fault, h harm) error {
	_, hit := f.now[name]
	was, now := w.tree[name], f.text(name)
	bad, ok := cellsOf(r.Bad, int64(len(was)))
	lost, ok2 := cellsOf(r.Lost, int64(len(was)))
	switch {
	case f.sidecarHit(name):
		// Its budget is not reckoned here; but nothing clean may be called damaged as long as the file proves itself.
		if !hit && !f.catalogLost() && r.State != heal.Sidecar && r.State != heal.Clean {
			return errors.New("only its sidecar is damaged")
		}
		if hit && r.State == heal.Clean && !strings.HasPrefix(now, was) && !f.catalogLost() {
			return errors.New("it is damaged")
		}
		// Of each damaged cell it must be known that it is, or that nothing is known of it.
		told, _ := cellsOf(slices.Concat(r.Bad, r.Unproven, r.Lost), r.Size) // a tail that lost its last cell covers to within one
		for c := range h.bad {
			if known := int64(c)*rot.Cell < r.Size; !told[c] && known && !f.catalogLost() { // how far the cover went the tail knew
				return fmt.Errorf("cell %d is damaged", c)
			}
		}
		return nil
	case !hit:
		if r.State != heal.Clean {
			return errors.New("nothing was done to it")
		}
		return nil
	case !ok || !ok2:
		return fmt.Errorf("ranges that are not whole cells: %v, %v", r.Bad, r.Lost)
	case !maps.Equal(bad, h.bad):
		return fmt.Errorf("damaged cells %v, reported %v", keys(h.bad), keys(bad))
	case !maps.Equal(lost, h.lost):
		return fmt.Errorf("lost cells %v, reported %v", keys(h.lost), keys(lost))
	}
	want := heal.Damaged
	switch {
	case len(h.lost) > 0:
		want = heal.Beyond
	case len(h.bad) == 0 && len(now) >= len(was):
		if want = heal.Extended; w.entries[name].Growing {
			want = heal.Clean // it may grow
		}
	}
	if r.State != want {
		return fmt.Errorf("it should be %s", want)
	}
	return nil
}

func keys(m map[int]bool) []int { return slices.Sorted(maps.Keys(m)) }

// start is one start of a server.
func (w *World) start(disk *crashfs.FS, hardened bool) (data map[string]string, res *recovery.Result, err error) {
	s, err := w.open(disk)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	data = map[string]string{}
	res, err = recovery.Boot(recovery.Options{FS: disk, Dir: root, AOF: w.Log, LoadTruncated: true, Annotate: true, Databases: 16, BootID: boot,
		BootTime: time.Unix(1, 0), Hardened: hardened, Covers: s,
		LoadItems: func(items []snapshot.Item) error {
			for _, it := range items {
				value := string(it.Value)
				if it.IsInt {
					value = strconv.FormatInt(it.Int, 10)
				}
				data[string(it.Key)] = value
			}
			return nil
		},
		Apply: func(batch []recovery.Command) error {
			for i, c := range batch {
				if len(c.Args) != 3 || string(c.Args[0]) != "SET" {
					return &recovery.CommandError{Index: i, Unknown: true}
				}
				data[string(c.Args[1])] = string(c.Args[2])
			}
			return nil
		}})
	if res != nil && res.Lock != nil {
		err = errors.Join(err, res.Lock.(io.Closer).Close())
	}
	return data, res, err
}

// judgeStart starts a server on the damaged directory.
func (w *World) judgeStart(disk *crashfs.FS, f *Fault, harms map[string]harm, hardened bool) (string, error) {
	before := w.read(disk)
	data, res, err := w.start(disk, hardened)
	after := w.read(disk)
	if err != nil {
		var refusal *recovery.Refusal
		if !errors.As(err, &refusal) {
			return "", err
		}
		if !f.catalogLost() && !maps.Equal(before, after) {
			return "", fmt.Errorf("the refusal changed %v", differing(before, after))
		}
		return "refused", w.justified(f, harms, hardened, err)
	}
	var putThere []string
	for _, d := range res.Evidence.Decisions {
		if d.Rule == ledger.FileReplaced || d.Rule == ledger.MissingFile && d.Choice == ledger.Accept {
			putThere = append(putThere, strings.TrimPrefix(d.Artifact, root+"/"))
		}
	}
	if len(putThere) > 0 {
		if err := w.mayBePutThere(putThere, f, data); err != nil {
			return "", fmt.Errorf("%w; %d keys of %d, %s", err, len(data), len(w.data), decisions(res.Evidence))
		}
		return "put there", nil
	}
	if !maps.Equal(data, w.data) {
		return "", fmt.Errorf("it serves other data: %d keys of %d, %s", len(data), len(w.data), decisions(res.Evidence))
	}
	outcome := "whole"
	for name, h := range harms {
		if !w.isData(name) || len(h.bad) == 0 && len(f.text(name)) >= len(w.tree[name]) {
			continue
		}
		if hardened && after[name] != w.tree[name] && !(w.entries[name].Growing || len(f.text(name)) > len(w.tree[name])) {
			return "", fmt.Errorf("%s is not what it was", name)
		}
		if hardened && !strings.HasPrefix(after[name], w.tree[name]) {
			return "", fmt.Errorf("%s does not begin with what it was", name)
		}
		if !hardened && !f.sidecarHit(name) {
			return "", fmt.Errorf("it loads over damage in %s", name)
		}
		if outcome = "repaired"; !hardened {
			outcome = "whole"
		}
	}
	return outcome, nil
}

func decisions(e *recovery.Evidence) string {
	var parts []string
	for _, d := range e.Decisions {
		parts = append(parts, fmt.Sprintf("%s %s %s: %s", d.Rule.Reason, d.Choice, d.Artifact, d.Detail))
	}
	return strings.Join(parts, " | ")
}

func differing(a, b map[string]string) (names []string) {
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, "+"+name)
		}
	}
	return names
}

// justified tells whether there was a reason to refuse.
func (w *World) justified(f *Fault, harms map[string]harm, hardened bool, refusal error) error {
	if f.has(w.isStructure) {
		return nil
	}
	if !f.has(w.isData) {
		return fmt.Errorf("it refuses, and nothing that it reads is damaged: %w", refusal)
	}
	if !hardened {
		return nil
	}
	for name, h := range harms {
		if w.isData(name) && (len(h.lost) > 0 || f.sidecarHit(name) || len(f.text(name)) > len(w.tree[name])) {
			return nil
		}
	}
	return fmt.Errorf("it refuses, and all damage is within the budget: %w", refusal)
}

// mayBePutThere judges that a start took files for ones that a person replaced or took away: a snapshot that proves itself, and no
// snapshot at all.
func (w *World) mayBePutThere(names []string, f *Fault, data map[string]string) error {
	for _, name := range names {
		text, hit := f.now[name]
		switch {
		case !hit:
			return fmt.Errorf("%s was not touched, and is taken for another", name)
		case !w.Log && text == nil && len(data) == 0:
		case !w.Log && text != nil && *text == w.older[name]:
		default:
			return fmt.Errorf("%s is taken for one that somebody put there", name)
		}
	}
	return nil
}

// judgeRepair repairs everything, as frctl repair does when it is told to.
func (w *World) judgeRepair(disk *crashfs.FS, f *Fault, harms map[string]harm) (repaired, lost int, err error) {
	s, err := w.open(disk)
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.MendCatalog(); err != nil {
		return 0, 0, err
	}
	cut := f.Number%2 == 0
	given := map[string]bool{} // up for lost
	for _, name := range s.Names() {
		h, hit := harms[name]
		r, err := s.Repair(name, cut)
		if errors.Is(err, heal.ErrBeyond) {
			if len(h.lost) == 0 && !f.sidecarHit(name) {
				return 0, 0, fmt.Errorf("%s is within the budget: %w", name, err)
			}
			given[name] = true
			lost++
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		if hit && r.Repaired {
			repaired++
		}
	}
	if err := s.Close(); err != nil {
		return 0, 0, err
	}
	after := w.read(disk)
	for _, name := range w.covered {
		want := w.tree[name]
		now, hit := f.now[name]
		switch {
		case given[name]:
			want = f.text(name)
		case hit && now != nil && len(*now) > len(want) && (!cut || w.entries[name].Growing):
			want += (*now)[len(want):]
		}
		if got, there := after[name]; got != want || !there && now != nil {
			if f.catalogLost() && f.sidecarHit(name) && got == f.text(name) {
				continue // nothing is known of it any more
			}
			if hit && w.entries[name].Growing && f.sidecarHit(name) && mixed(got, want, f.text(name)) {
				given[name] = true // cells whose only copies were hit, too
				continue
			}
			return 0, 0, fmt.Errorf("%s has %d bytes and not the %d that it should have", name, len(got), len(want))
		}
	}
	return repaired, lost, w.judgeClean(disk, f, given)
}

// mixed tells whether each cell of a file is as it was or as it was damaged.
func mixed(got, was, damaged string) bool {
	for c := range (len(got) + rot.Cell - 1) / rot.Cell {
		cell := cellOf(got, c)
		if !bytes.Equal(cell, cellOf(was, c)) && !bytes.Equal(cell, cellOf(damaged, c)) {
			return false
		}
	}
	return true
}

// judgeClean looks at a repaired directory once more, and starts on it if all of it was repaired.
func (w *World) judgeClean(disk *crashfs.FS, f *Fault, given map[string]bool) error {
	s, err := heal.Open(heal.Options{FS: disk, Root: root, Key: w.Key}, false)
	if err != nil {
		return err
	}
	for _, name := range s.Names() {
		r, err := s.Verify(name)
		if err != nil {
			return err
		}
		if given[name] || r.State == heal.Clean || r.State == heal.Extended && len(f.text(name)) > len(w.tree[name]) {
			continue
		}
		return fmt.Errorf("afterwards %s is %s", name, r.State)
	}
	if len(given) > 0 || f.catalogLost() || f.has(func(n string) bool { return len(f.text(n)) > len(w.tree[n]) || w.isStructure(n) && w.entries[n].K == 0 }) {
		return nil
	}
	data, _, err := w.start(disk, false)
	if err != nil {
		return fmt.Errorf("a start on what was repaired: %w", err)
	}
	if !maps.Equal(data, w.data) {
		return errors.New("a start on what was repaired serves other data")
	}
	return nil
}
