package recovery

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"frankenredis/heal"
	"frankenredis/recovery/damage"
	"frankenredis/recovery/ledger"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// shield has covered files verified while they are loaded. In hardened mode what is damaged within the budget is mended in memory on
// the way, and on the disk when everything was read and judged; in strict mode nothing is loaded over damage.
func (b *boot) shield() {
	if b.o.Covers == nil {
		return
	}
	b.loading = b.o.Covers.Loading(heal.LoadOptions{Mend: b.o.Hardened, Covers: b.shielded, Genuine: b.genuine})
	b.disk, b.o.FS = b.o.FS, b.loading
}

// raw is the disk as it is, without what covers would make of it.
func (b *boot) raw() disk.FS {
	if b.disk != nil {
		return b.disk
	}
	return b.o.FS
}

// shielded says which files are verified: those whose bytes are data. Text files people edit, and the rest proves itself.
func (b *boot) shielded(name string) bool {
	if !b.o.AOF {
		return name == b.o.DBFile
	}
	rest, ok := strings.CutPrefix(name, b.o.AppendDir+"/")
	return ok && (strings.HasSuffix(rest, ".aof") || strings.HasSuffix(rest, ".rdb"))
}

// genuine says whether a file that differs from its cover proves itself: then somebody put it there.
func (b *boot) genuine(name string) bool {
	f, err := b.disk.Open(filepath.Join(b.o.Dir, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return false
	}
	if !b.o.AOF {
		return snapshot.Sound(f, size)
	}
	if b.log == nil || b.log.dir.Manifest == nil {
		return false
	}
	if b.log.foreign {
		return b.genuineForeign(f, name, size)
	}
	file := filepath.Base(name)
	facts := b.log.dir.Facts.Files[file]
	switch {
	case facts.Sealed && facts.HasSum:
		sum, err := wal.SumFile(f)
		return err == nil && sum == facts.Sum
	case strings.HasSuffix(file, ".rdb"):
		return snapshot.Sound(f, size)
	}
	// Each of its bytes must be proven by a line. So is what is left of a log that lost its end: it is one that somebody put there if
	// that was all of it.
	if seq, _, _ := logFileSeq(b.o.AppendName, file); b.log.mark != nil && b.log.mark.Seq == seq {
		if size < b.log.mark.Pos {
			return false
		}
	} else if covered, err := b.loading.Covered(f.Name()); err != nil || size < covered {
		return false
	}
	r := wal.NewReader(f, size, wal.ReaderOptions{Path: f.Name(), Start: facts.Start, Prologue: facts.DB > 0, Verify: true})
	for {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	tail := r.Tail()
	return err == io.EOF && tail.Lines > 0 && tail.LastPos == size
}

// genuineForeign is genuine where the manifest is not known to be ours: another server may have begun a log of its own under the same
// names. In ours it never changes what we wrote, it only goes on behind it. So an increment is damaged, whatever became of manifest and
// companion, if it has lines of ours, is the beginning of what is covered, or stands beside a base that is as covered.
func (b *boot) genuineForeign(f disk.File, name string, size int64) bool {
	if strings.HasSuffix(name, ".rdb") {
		return snapshot.Sound(f, size)
	}
	found, err := wal.HasLines(f, size)
	if found || err != nil || size > 0 && b.o.Covers.LostItsEnd(name) {
		return false
	}
	if base := b.log.dir.Manifest.Base; base != nil {
		r, err := b.o.Covers.Verify(b.o.AppendDir + "/" + base.Name)
		return err != nil || r.State != heal.Clean && r.State != heal.Sidecar
	}
	return true
}

// covered is up to where a file is covered, and so durable, in bytes; 0 if it is not. Where the disk does not give the sidecar it is not known,
// and nothing may be cut off (judgeCut).
func (b *boot) covered(f *logFile) int64 {
	if b.loading == nil {
		return 0
	}
	covered, err := b.loading.Covered(f.path)
	if err != nil {
		f.uncovered = err
	}
	return covered
}

// verified is up to where the bytes of a file that were read are known to be as covered, or were read as they had been.
func (b *boot) verified(f *logFile) int64 {
	to := b.covered(f)
	if to == 0 {
		return 0
	}
	for _, r := range b.loading.Damaged() {
		if filepath.Join(b.o.Dir, filepath.FromSlash(r.Name)) != f.path {
			continue
		}
		wrong := r.Lost
		if !b.o.Hardened {
			wrong = append(wrong, r.Bad...)
		}
		for _, g := range wrong {
			to = min(to, g.Pos)
		}
	}
	return to
}

// judgeDamage decides about what loading met that is not as covered, before anything is changed on disk.
func (b *boot) judgeDamage() error {
	if b.loading == nil || b.judged {
		return nil
	}
	b.judged = true
	for _, name := range b.loading.Replaced() {
		path := filepath.Join(b.o.Dir, filepath.FromSlash(name))
		b.ev.decided(ledger.FileReplaced, ledger.Accept, path, 0, "it is not what its sidecar describes, and proves itself: somebody put it there")
		b.info("%s is not the file that its sidecar describes, and proves itself: it is loaded as it is", path)
	}
	return b.refuseDamaged(b.loading.Damaged())
}

// refuseDamaged refuses over damage, unless all of it is to be mended.
func (b *boot) refuseDamaged(damaged []heal.Report) error {
	var last error
	for _, r := range damaged {
		path := filepath.Join(b.o.Dir, filepath.FromSlash(r.Name))
		class, choice, within := Damaged, ledger.Refuse, len(r.Lost) == 0
		if !within {
			class = Corrupt
		} else if b.o.Hardened {
			choice = ledger.Change
		}
		concerns, extent := b.concerns(&r)
		text := DescribeDamage(&r) + concerns
		b.ev.saw(Artifact{Path: path, Kind: "cover", Class: class, Size: r.Found, Detail: DescribeDamage(&r)})
		b.ev.decided(ledger.CoverDamage, choice, path, firstBad(&r), "%s", text)
		if extent != nil && extent.LSN != nil {
			d := &b.ev.Decisions[len(b.ev.Decisions)-1]
			d.From, d.To = extent.LSN.From, extent.LSN.To
		}
		switch {
		case !within:
			last = b.refuse(heal.ErrBeyond, "%s is damaged beyond what its sidecar can repair: %s. Nothing was changed; "+
				"'frctl verify %s' tells more.", path, text, path)
		case b.o.Hardened:
			b.warn("%s is damaged: %s. It is read as its sidecar says it was.", path, text)
		default:
			last = b.refuse(nil, "%s is damaged: %s. Nothing was changed. To bring it back: frctl repair %s", path, text, path)
		}
	}
	return last
}

// concerns names what a damaged file's bytes hold; what keeps it from that is said in its place.
func (b *boot) concerns(r *heal.Report) (string, *damage.Extent) {
	e, err := damage.Of(b.o.Covers, b.disk, b.o.Dir, *r, damage.Options{Keys: b.o.Keys})
	switch {
	case err != nil:
		return fmt.Sprintf("; what it concerns cannot be told: %v", err), nil
	case e == nil:
		return "", nil
	}
	return "; it concerns " + e.String(), e
}

func firstBad(r *heal.Report) int64 {
	if len(r.Bad) == 0 {
		return min(max(r.Found, 0), r.Size)
	}
	return r.Bad[0].Pos
}

// DescribeDamage says for people what of a file is damaged, the first ranges by their bytes.
func DescribeDamage(r *heal.Report) string {
	const most = 4
	var parts []string
	switch {
	case r.Found < 0:
		return fmt.Sprintf("it is missing, and had %d bytes", r.Size)
	case r.Found < r.Size:
		parts = append(parts, fmt.Sprintf("it has %d bytes of %d", r.Found, r.Size))
	}
	list := func(what string, ranges []heal.Range) {
		for i, g := range ranges {
			if i == most {
				parts = append(parts, fmt.Sprintf("%d more ranges", len(ranges)-i))
				break
			}
			parts = append(parts, fmt.Sprintf("%s %d to %d", what, g.Pos, g.Pos+g.Bytes))
		}
	}
	if len(r.Lost) > 0 {
		list("lost bytes", r.Lost)
	} else {
		list("changed bytes", r.Bad)
	}
	return strings.Join(parts, ", ")
}

// explain adds, to a recovery that failed for another reason, what the sidecars say of the files it read.
func (b *boot) explain(err error) error {
	if b.loading == nil || b.judged || errors.Is(err, ErrStopped) {
		return err
	}
	b.judged = true
	if b.log != nil {
		for _, f := range b.log.files { // an empty one was not even opened
			if g, err := b.loading.Open(f.path); err == nil {
				_ = g.Close() // nothing was written
			}
		}
	}
	damaged := b.loading.Damaged()
	if len(damaged) == 0 {
		return err
	}
	mended := b.o.Hardened
	for _, r := range damaged {
		mended = mended && len(r.Lost) == 0
	}
	if mended {
		return err // what was refused was read as it had been
	}
	if refusal := b.refuseDamaged(damaged); refusal != nil {
		return refusal
	}
	return err
}

// mendCovered brings back on the disk what was mended in memory. Everything was loaded and judged.
func (b *boot) mendCovered() error {
	if b.loading == nil {
		return nil
	}
	for _, d := range b.loading.Damaged() {
		path := filepath.Join(b.o.Dir, filepath.FromSlash(d.Name))
		a := Action{What: "repair", Path: path, From: firstBad(&d), Before: b.rawTail(path)}
		r, err := b.o.Covers.Repair(d.Name, false)
		for _, g := range r.Bad {
			a.Bytes += g.Bytes
		}
		a.After = b.rawTail(path)
		if err := b.ev.did(a, err); err != nil {
			return b.refuse(err, "%s is damaged and can't be repaired: %s", path, reason(err))
		}
		b.ev.decided(ledger.Repaired, ledger.Change, path, a.From, "%s: brought back, the result has the recorded digests", DescribeDamage(&d))
		b.warn("%s was repaired: %d cells. What was there is in %s.", path, r.Cells, filepath.Join(b.o.Dir, heal.Folder, "quarantine"))
	}
	return nil
}

// rawTail is the tail digest of what is on the disk.
func (b *boot) rawTail(path string) string {
	f, err := b.disk.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum, err := ledger.TailDigest(f)
	if err != nil {
		return ""
	}
	return sum
}

// missesSnapshot judges that there is no RDB file. Redis starts empty then, also where there was one: whoever runs it may have
// taken it away.
func (b *boot) missesSnapshot(path string) error {
	if b.o.Covers == nil {
		return nil
	}
	e, ok := b.o.Covers.Entry(b.o.DBFile)
	if !ok || e.Size == 0 {
		return nil
	}
	b.ev.saw(Artifact{Path: path, Kind: "snapshot", Class: Missing, Size: -1})
	if b.o.Hardened {
		b.ev.decided(ledger.MissingFile, ledger.Refuse, path, 0, "it is gone, and had %d bytes", e.Size)
		return b.refuse(nil, "%s is gone, which had %d bytes: refusing to start empty in its place. To do that, forget it: "+
			"frctl protect --forget %s", path, e.Size, path)
	}
	b.ev.decided(ledger.MissingFile, ledger.Accept, path, 0, "it is gone, and had %d bytes: starting empty", e.Size)
	b.warn("%s is gone, which had %d bytes: starting empty. 'frctl repair %s' tries to bring it back from its sidecar, as long as nothing "+
		"has been saved in its place.", path, e.Size, path)
	return nil
}
