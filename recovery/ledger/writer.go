package ledger

import (
	"errors"
	"io"
	"path/filepath"
	"time"

	"frankenredis/wal/disk"
)

// writer is the open segment and the chain. After an error nothing is taken for written: the segment is read and made anew.
type writer struct {
	o       *Options
	lock    io.Closer
	f       disk.File // nil: to be opened
	num     uint64    // of the open segment
	size    int64     // its bytes
	at      chain
	durable uint64          // seq of the last record that is synced
	digest  string          // of the segment sealed last
	there   map[string]bool // hashes that open found after a failure
	shown   uint64          // seq of the last record that was ever in wrote
	wrote   []Record
	err     error // of the last attempt
}

func (w *writer) release() {
	if w.f != nil {
		w.f.Close()
	}
	if w.lock != nil {
		w.lock.Close()
	}
}

// write appends records and syncs them. It returns what became durable, records of the ledger's own included, and the rest.
func (w *writer) write(batch []Record) (wrote, left []Record) {
	before := w.err
	w.err, w.wrote = nil, nil
	if w.f == nil {
		if err := w.open(before); err != nil {
			return w.wrote, w.failed(batch, err)
		}
		// What a failed attempt wrote after all is not written twice.
		batch = batch[w.found(batch):]
		w.there = nil
	}
	for len(batch) > 0 {
		done, err := w.append(batch)
		if batch = batch[done:]; err != nil {
			return w.wrote, w.failed(batch, err)
		}
	}
	return w.wrote, nil
}

// found is how many of the records that a failed attempt left were found in the segments.
func (w *writer) found(batch []Record) int {
	for i := len(batch) - 1; i >= 0; i-- {
		if batch[i].Hash != "" && w.there[batch[i].Hash] {
			return i + 1
		}
	}
	return 0
}

// failed gives the segment up until the next attempt.
func (w *writer) failed(batch []Record, err error) []Record {
	if w.err = err; w.f != nil {
		w.f.Close()
		w.f = nil
	}
	return batch
}

// append writes as many of the records as the segment takes, syncs them, and goes on to the next segment if this one is full. It
// returns how many became durable, with an error too.
func (w *writer) append(batch []Record) (done int, err error) {
	var p []byte
	at, full := w.at, false
	for ; done < len(batch); done++ {
		if w.size+int64(len(p)) > w.o.segmentBytes()-2*MaxLine {
			full = true
			break
		}
		p = w.line(p, &batch[done], &at)
	}
	recs := batch[:done:done]
	if full {
		seal := w.own(SealedSeg, Keep, "")
		p = w.line(p, &seal, &at)
		recs = append(recs, seal)
	}
	if err := w.put(p, at, recs); err != nil {
		return 0, err
	}
	if full {
		// If this fails the seal is found at the next attempt, and so is what stands before it.
		err = w.roll(NewSeg, Entry{})
	}
	return done, err
}

// own makes a record of the ledger's own.
func (w *writer) own(rule Rule, d Decision, detail string) Record {
	return w.entry(Entry{Rule: rule, Decision: d, Detail: detail})
}

func (w *writer) entry(e Entry) Record {
	r := Record{Time: w.o.Now(), Mode: w.o.Mode}
	e.Artifact, e.Kind, e.Replay = SegmentName(w.num), "ledger", "frctl evidence verify "+w.o.Dir
	e.fill(&r)
	return r
}

// line appends a record's line to p and moves at behind it.
func (w *writer) line(p []byte, r *Record, at *chain) []byte {
	r.Prev, r.Seq, r.Durable, r.Time = at.hash, at.seq+1, w.durable, r.Time.UTC().Truncate(time.Millisecond)
	p = r.appendLine(p)
	*at = chain{r.Hash, r.Seq, r.Rule}
	return p
}

// put writes lines to the open segment and syncs them; at is the chain behind them.
func (w *writer) put(p []byte, at chain, recs []Record) error {
	if _, err := w.f.Write(p); err != nil {
		return err
	}
	if err := w.f.SyncData(); err != nil {
		return err
	}
	w.size += int64(len(p))
	w.at, w.durable = at, at.seq
	w.show(recs...)
	return nil
}

// show hands out records that are durable.
func (w *writer) show(recs ...Record) {
	for _, r := range recs {
		if r.Seq > w.shown {
			w.wrote, w.shown = append(w.wrote, r), r.Seq
		}
	}
}

// roll begins the next segment; e is what its first record says. Then the oldest ones beyond the bound are removed.
func (w *writer) roll(rule Rule, e Entry) error {
	sealed, err := readSegment(w.o.FS, filepath.Join(w.o.Dir, SegmentName(w.num)))
	if err != nil {
		return err
	}
	if w.f != nil {
		if err := w.f.Close(); err != nil {
			return err
		}
		w.f = nil
	}
	w.num++
	e.Rule, e.Decision, e.Input = rule, New, Digest(sealed)
	if err := w.begin(nil, w.entry(e)); err != nil {
		return err
	}
	return w.trim()
}

// begin makes the open segment anew from lines that it keeps and one more record, in one step, and opens it.
func (w *writer) begin(keep []byte, r Record) error {
	at := w.at
	p := w.line(append([]byte(nil), keep...), &r, &at)
	if err := w.place(p); err != nil {
		return err
	}
	f, err := w.o.FS.OpenAppend(filepath.Join(w.o.Dir, SegmentName(w.num)))
	if err != nil {
		return err
	}
	w.f, w.size, w.at, w.durable = f, int64(len(p)), at, at.seq
	w.show(r)
	return nil
}

// place gives the open segment this content, durably and in one step.
func (w *writer) place(p []byte) error {
	temp := filepath.Join(w.o.Dir, tempName)
	f, err := w.o.FS.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = w.o.FS.Rename(temp, filepath.Join(w.o.Dir, SegmentName(w.num)))
	}
	if err == nil {
		err = w.o.FS.SyncDir(w.o.Dir)
	}
	return err
}

// trim removes the oldest segments beyond the bound, durably: one that a crash brought back would be one too many until the next is begun.
func (w *writer) trim() error {
	nums, err := segments(w.o.FS, w.o.Dir)
	if err != nil || len(nums) <= keepSegments {
		return err
	}
	for _, n := range nums[:len(nums)-keepSegments] {
		if err := w.o.FS.Remove(filepath.Join(w.o.Dir, SegmentName(n))); err != nil {
			return err
		}
	}
	return w.o.FS.SyncDir(w.o.Dir)
}

// Trimmed tells whether file, which is not in the folder, is a segment that trim has removed: there are as many newer ones as it keeps.
func Trimmed(fsys disk.FS, dir, file string) bool {
	nums, err := segments(fsys, dir)
	if err != nil || len(nums) < keepSegments {
		return false
	}
	n, ok := segmentNumber(file)
	return ok && n < nums[len(nums)-keepSegments]
}

// errLocked says that another process writes this ledger.
var errLocked = errors.New("another process writes it")
