package ledger

import (
	"errors"
	"path/filepath"

	"frankenredis/wal/disk"
)

// open takes the lock, finds the end of the chain, mends what a crash left behind it, and writes a record of that. With
// before set an attempt to write has failed so: nothing is known of what it left, and the segment is made anew.
func (w *writer) open(before error) error {
	again := before != nil
	if w.lock == nil {
		if err := w.prepare(); err != nil {
			return err
		}
	}
	nums, err := segments(w.o.FS, w.o.Dir)
	if err != nil {
		return err
	}
	w.at, w.num, w.durable = chain{hash: firstPrev}, 1, 0
	var whole []byte // the lines of the last segment
	var damage *Damage
	if len(nums) > 0 {
		if whole, damage, err = w.end(nums, again); err != nil {
			return err
		}
	}
	if len(nums) > 0 && damage == nil {
		// What this process or a killed one wrote is about to be called durable. A sync of it may have failed before, and behind that a
		// success on the same file would prove nothing (nor is its name durable for certain): it is written anew.
		if err := w.place(whole); err != nil {
			return err
		}
	}
	opened := w.own(Opened, Accept, "")
	if again {
		opened = w.own(Opened, Accept, "could not be written before: "+before.Error())
	}
	switch {
	case damage != nil && !damage.Torn:
		err = w.roll(DamagedSeg, Entry{Pos: damage.Pos, Bytes: damage.Size, Detail: damage.Error()})
	case w.at.rule == SealedSeg.Number:
		err = w.roll(NewSeg, Entry{})
	case damage != nil:
		var torn Entry
		if torn, err = w.torn(damage); err == nil {
			err = w.begin(whole, w.entry(torn))
		}
	case len(nums) == 0:
		return w.begin(whole, opened)
	default:
		w.f, err = w.o.FS.OpenAppend(filepath.Join(w.o.Dir, SegmentName(w.num)))
		w.size = int64(len(whole))
	}
	if err != nil {
		return err
	}
	_, err = w.append([]Record{opened})
	return err
}

// prepare makes the folder and takes the lock.
func (w *writer) prepare() error {
	if err := w.o.FS.MkdirAll(w.o.Dir); err != nil {
		return err
	}
	if err := w.o.FS.SyncDir(filepath.Dir(w.o.Dir)); err != nil {
		return err
	}
	lock, err := w.o.FS.Lock(filepath.Join(w.o.Dir, lockName))
	if errors.Is(err, disk.ErrLocked) {
		return errLocked
	}
	w.lock = lock
	return err
}

// end walks along the last segment, and the one before if there is one, and leaves the writer behind the last good record. It returns
// the whole lines of the last segment, and the damage behind them, if any. Records that were not shown before are shown.
func (w *writer) end(nums []uint64, again bool) (whole []byte, damage *Damage, err error) {
	last := nums[len(nums)-1]
	var found []Record
	walk := walker{fs: w.o.FS, dir: w.o.Dir, report: &Report{}, at: chain{hash: firstPrev},
		each: func(r *Record) error {
			found = append(found, *r)
			return nil
		}}
	if len(nums) > 1 {
		if err := walk.segment(last-1, true, false); err != nil {
			return nil, nil, err
		}
		walk.lost = walk.lost || len(walk.report.Damages) > 0
		walk.report.Damages = nil // an older segment's damage shows in each verification
	}
	if err := walk.segment(last, len(nums) == 1, true); err != nil {
		return nil, nil, err
	}
	w.show(found...)
	if again {
		w.there = make(map[string]bool, len(found))
		for i := range found {
			w.there[found[i].Hash] = true
		}
	}
	w.at, w.num, w.durable = walk.at, last, walk.at.seq
	p, err := readSegment(w.o.FS, filepath.Join(w.o.Dir, SegmentName(last)))
	if err != nil {
		return nil, nil, err
	}
	if len(walk.report.Damages) == 0 {
		return p, nil, nil
	}
	damage = walk.report.Damages[0]
	return p[:damage.Pos], damage, nil
}

// torn is what there is to say of a torn tail.
func (w *writer) torn(d *Damage) (Entry, error) {
	p, err := readSegment(w.o.FS, filepath.Join(w.o.Dir, d.File))
	if err != nil {
		return Entry{}, err
	}
	return Entry{Rule: TornTail, Decision: Cut, Pos: d.Pos, Bytes: d.Size, Input: Digest(p[d.Pos:]), Detail: d.Error()}, nil
}
