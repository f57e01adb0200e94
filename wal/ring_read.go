package wal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"frankenredis/wal/disk"
)

// Ring is what the commit rings of a log hold: the stream's last bytes, of which the increments may lack some.
type Ring struct {
	Path  string // of the last frame's ring; "": no frame
	Epoch uint64 // of the frames: the last that wrote any
	// Filed is up to where the increments were durable when the last frame was written, FiledPos the durable bytes of increment
	// FiledSeq then (I16).
	Filed              LSN
	FiledSeq, FiledPos int64
	Frames             int // whole ones of that epoch, counted once
	// Broken says, if not nil, that the frames are not one chain: they are not to be followed.
	Broken error

	pieces []ringPiece // in the stream's order, no two overlap
}

type ringPiece struct {
	start LSN
	p     []byte
}

func (p *ringPiece) end() LSN { return p.start + LSN(len(p.p)) }

// ringEntry is a whole frame that was found.
type ringEntry struct {
	ringFrame
	path string
	p    []byte // payload
}

// ReadRings reads the commit rings in dirs of the log called name, whose companion has the uuid log. What is not that log's is passed over,
// and so is what an epoch before the last wrote: each start puts the rings' content into the increments before its own epoch begins. A folder
// without a ring is none; an error is the disk's.
func ReadRings(fsys disk.FS, dirs []string, name string, log UUID) (*Ring, error) {
	s := ringScan{log: log, seen: make(map[ringKey]bool)}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if err := s.read(fsys, filepath.Join(dir, RingName(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return s.ring(), nil
}

// ringScan collects the whole frames of the highest epoch.
type ringScan struct {
	log   UUID
	epoch uint64
	all   []ringEntry
	seen  map[ringKey]bool
}

type ringKey struct {
	seq uint64
	sum Sum
}

func (s *ringScan) read(fsys disk.FS, path string) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	half := size / 2 / ringBlock * ringBlock
	buf := make([]byte, min(4*ringLargest, half))
	for base := int64(0); base < 2*half && half > 0; base += half {
		loaded, end := int64(0), int64(0) // what of the half is in buf
		for off := int64(0); off < half; {
			if need := min(off+ringLargest, half); need > end {
				loaded = off
				end = min(off+int64(len(buf)), half)
				if err := readCells(f, buf[:end-loaded], base+loaded, half); err != nil {
					return err
				}
			}
			frame, err := parseRingFrame(buf[off-loaded:end-loaded], off)
			if err != nil {
				off += ringBlock // also where a frame was overwritten in part: no damage
				continue
			}
			s.add(path, frame, buf[off-loaded+ringHead:][:frame.payload()])
			off += ringSize(frame.payload())
		}
	}
	return nil
}

// readCells reads p at off. A cell that the disk does not give is taken from the other half; one that it gives in neither is an error: it
// may be what was acknowledged last (I1).
func readCells(f disk.File, p []byte, off, half int64) error {
	if n, _ := f.ReadAt(p, off); n == len(p) {
		return nil
	}
	for at := 0; at < len(p); at += ringBlock {
		cell, pos := p[at:min(at+ringBlock, len(p))], off+int64(at)
		if n, _ := f.ReadAt(cell, pos); n == len(cell) {
			continue
		}
		if n, err := f.ReadAt(cell, (pos+half)%(2*half)); n < len(cell) {
			return err
		}
	}
	return nil
}

func (s *ringScan) add(path string, f ringFrame, p []byte) {
	key := ringKey{f.Seq, f.Sum}
	if f.Log != s.log || f.Epoch < s.epoch || s.seen[key] {
		return
	}
	if f.Epoch > s.epoch {
		s.epoch = f.Epoch
		s.all = s.all[:0]
		clear(s.seen)
	}
	s.seen[key] = true
	s.all = append(s.all, ringEntry{f, path, bytes.Clone(p)})
}

// ring puts together what was found.
func (s *ringScan) ring() *Ring {
	r := &Ring{Epoch: s.epoch, Frames: len(s.all)}
	slices.SortFunc(s.all, func(a, b ringEntry) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.LSN, b.LSN))
	})
	for i, e := range s.all {
		if err := s.checkLink(i); err != nil {
			r.Broken = err
		}
		if e.Filed >= r.Filed {
			r.Filed, r.FiledSeq, r.FiledPos = e.Filed, e.FiledSeq, e.FiledPos
		}
		r.Path = e.path
		if err := r.addPiece(ringPiece{e.Start, e.p}); err != nil {
			r.Broken = fmt.Errorf("%s: frame %d: %w", e.path, e.Seq, err)
		}
	}
	return r
}

// checkLink compares frame i with the one that has the number before, if that is still there. A frame that failed, or that a device that stood
// still did not take, may be there too, and what came in its stead is written over sooner than that: so no number is given twice, and the one
// before such a stead is given to none. (Logs of before that rule have two frames of one number then.)
func (s *ringScan) checkLink(i int) error {
	e, before := &s.all[i], 0
	for j := i - 1; j >= 0 && s.all[j].Seq+1 >= e.Seq; j-- {
		if s.all[j].Seq == e.Seq {
			continue
		}
		if s.all[j].Sum == e.Prev {
			return nil
		}
		before++
	}
	if before > 0 {
		return fmt.Errorf("%s: frame %d does not follow the one before it", e.path, e.Seq)
	}
	return nil
}

// addPiece adds what p has behind the pieces there are. Bytes that several frames have must be the same (I6).
func (r *Ring) addPiece(p ringPiece) error {
	if len(p.p) == 0 {
		return nil
	}
	if n := len(r.pieces); n > 0 && p.start < r.pieces[n-1].end() {
		if !r.Same(p.start, p.p) {
			return fmt.Errorf("other bytes at LSN %d than another frame", p.start)
		}
		if p.end() <= r.pieces[n-1].end() {
			return nil
		}
		p = ringPiece{r.pieces[n-1].end(), p.p[r.pieces[n-1].end()-p.start:]}
	}
	r.pieces = append(r.pieces, p)
	return nil
}

// End is the highest position that any frame reaches; 0: there is no frame.
func (r *Ring) End() LSN {
	if len(r.pieces) == 0 {
		return 0
	}
	return r.pieces[len(r.pieces)-1].end()
}

// Reach is how far the frames go from at on without a gap; at itself if none has the byte there.
func (r *Ring) Reach(at LSN) LSN {
	for i := range r.pieces {
		if p := &r.pieces[i]; p.start <= at && at < p.end() {
			at = p.end()
		}
	}
	return at
}

// From is the stream from at to Reach(at), whole units if at is between two.
func (r *Ring) From(at LSN) []byte {
	var out []byte
	for i := range r.pieces {
		if p := &r.pieces[i]; p.start <= at && at < p.end() {
			out = append(out, p.p[at-p.start:]...)
			at = p.end()
		}
	}
	return out
}

// Same says whether the frames have nothing else than p at the position at, as far as they have anything there. Positions in order cost little.
func (r *Ring) Same(at LSN, p []byte) bool {
	end := at + LSN(len(p))
	i, _ := slices.BinarySearchFunc(r.pieces, at, func(p ringPiece, at LSN) int {
		if p.end() <= at {
			return -1
		}
		return 1
	})
	for ; i < len(r.pieces) && r.pieces[i].start < end; i++ {
		q := &r.pieces[i]
		from, to := max(q.start, at), min(q.end(), end)
		if !bytes.Equal(q.p[from-q.start:to-q.start], p[from-at:to-at]) {
			return false
		}
	}
	return true
}
