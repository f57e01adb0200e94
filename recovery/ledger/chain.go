package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"frankenredis/wal/disk"
)

const (
	lockName = "ledger.lock"
	tempName = "ledger.temp"

	// maxSegment bounds what is read of one segment: none that was written by these rules comes near.
	maxSegment = 64 << 20
)

// segmentName is the name of a segment's file.
// SegmentName is the file name of segment n.
func SegmentName(n uint64) string { return fmt.Sprintf("ledger.%08d.jsonl", n) }

// segmentNumber is the inverse of SegmentName.
func segmentNumber(name string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, "ledger.")
	digits, ok2 := strings.CutSuffix(digits, ".jsonl")
	n, err := strconv.ParseUint(digits, 10, 63)
	return n, ok && ok2 && err == nil && SegmentName(n) == name
}

// segments are the numbers of the segments in a folder, in order. A folder that is not there has none.
func segments(fsys disk.FS, dir string) ([]uint64, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			out = append(out, n)
		}
	}
	return out, nil // names are sorted, and numbers have a fixed width for the first hundred million
}

// chain is the state behind a line.
type chain struct {
	hash string
	seq  uint64
	rule int
}

// Damage is a place where a ledger is not as it was written.
type Damage struct {
	File string `json:"file"`
	Pos  int64  `json:"pos"`
	Size int64  `json:"size"` // bytes from there to the end of the file
	Seq  uint64 `json:"seq"`  // of the record that should stand there
	Why  string `json:"why"`
	// Torn: a crash can have left it so; it stands at the end of the last segment and nothing says that it was durable.
	Torn bool `json:"torn"`
	// Told: a later segment has recorded it.
	Told bool `json:"told"`
}

// Error describes it.
func (d *Damage) Error() string {
	kind := "damaged"
	if d.Torn {
		kind = "torn"
	}
	return fmt.Sprintf("%s: %s at byte %d, record %d, %d bytes to the end: %s", d.File, kind, d.Pos, d.Seq, d.Size, d.Why)
}

// Report is what a walk along the chain found.
type Report struct {
	Segments int    `json:"segments"`
	Records  uint64 `json:"records"`
	First    uint64 `json:"first_seq"` // of the first record that is left; more than 1 when older segments were dropped
	Last     uint64 `json:"last_seq"`
	LastHash string `json:"last_hash"`
	Bytes    int64  `json:"bytes"`
	// Damages are in the order of the chain. A torn tail is one of them.
	Damages []*Damage `json:"damages,omitempty"`
}

// Sound says that the chain holds from the first record to the last, but perhaps for a torn tail.
func (r *Report) Sound() bool {
	for _, d := range r.Damages {
		if !d.Torn {
			return false
		}
	}
	return true
}

// Walk verifies the ledger in dir and calls each, unless it is nil, with every record that verifies, in order. It may be used while a writer is at work: a line that is
// just being written shows as a torn tail. Its error is the disk's, or each's. A folder that is not there is an empty ledger.
func Walk(fsys disk.FS, dir string, each func(*Record) error) (*Report, error) {
	w := walker{fs: fsys, dir: dir, each: each, report: &Report{LastHash: firstPrev}, at: chain{hash: firstPrev}}
	nums, err := segments(fsys, dir)
	if err != nil {
		return nil, err
	}
	for i, n := range nums {
		if i > 0 && n != nums[i-1]+1 {
			w.damage(&Damage{File: SegmentName(nums[i-1] + 1), Seq: w.at.seq + 1, Why: "the segment is missing"})
			w.lost = true
		}
		if err := w.segment(n, i == 0, i == len(nums)-1); err != nil {
			return nil, err
		}
	}
	w.report.Segments, w.report.Last, w.report.LastHash = len(nums), w.at.seq, w.at.hash
	return w.report, nil
}

type walker struct {
	fs     disk.FS
	dir    string
	each   func(*Record) error
	report *Report
	at     chain
	digest string // of the segment before
	lost   bool   // the segment before is not there, or not whole: only the next one's own lines can be checked
}

func (w *walker) damage(d *Damage) { w.report.Damages = append(w.report.Damages, d) }

// segment walks along one segment.
func (w *walker) segment(n uint64, first, last bool) error {
	name := SegmentName(n)
	p, err := readSegment(w.fs, filepath.Join(w.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the writer has dropped it meanwhile
	}
	if err != nil {
		return err
	}
	w.report.Bytes += int64(len(p))
	pos := 0
	for pos < len(p) {
		r, size, err := parseLine(p[pos:])
		if err == nil {
			err = w.follows(&r, pos == 0 && (first || w.lost), pos == 0)
		}
		if err != nil {
			w.broken(name, p, pos, last, err)
			w.lost = true
			break
		}
		w.at, w.lost = chain{r.Hash, r.Seq, r.Rule}, false
		if w.report.Records++; w.report.Records == 1 {
			w.report.First = r.Seq
		}
		if w.each != nil {
			if err := w.each(&r); err != nil {
				return err
			}
		}
		if pos += size; r.Rule == SealedSeg.Number && pos < len(p) {
			w.damage(&Damage{File: name, Pos: int64(pos), Size: int64(len(p) - pos), Seq: r.Seq + 1, Why: "bytes behind the seal"})
			w.lost = true
			break
		}
	}
	if len(p) == 0 {
		// A segment is given its name with its first line in it.
		w.damage(&Damage{File: name, Seq: w.at.seq + 1, Why: "the segment is empty"})
		w.lost = true
	} else if pos == len(p) && !last && w.at.rule != SealedSeg.Number {
		w.damage(&Damage{File: name, Pos: int64(pos), Seq: w.at.seq + 1, Why: "the segment has no seal, and is not the last"})
	}
	w.digest = Digest(p)
	return nil
}

// follows checks that a record is the next of the chain.
func (w *walker) follows(r *Record, anchor, head bool) error {
	if head && r.Rule == DamagedSeg.Number {
		for _, d := range w.report.Damages {
			d.Torn, d.Told = false, true
		}
	}
	if anchor && r.Seq != 1 {
		if r.Rule != NewSeg.Number && r.Rule != DamagedSeg.Number || r.Seq <= w.at.seq {
			return fmt.Errorf("the first line that is left is record %d of rule %d, not the next beginning of a segment", r.Seq, r.Rule)
		}
		return nil
	}
	switch {
	case r.Prev != w.at.hash:
		return fmt.Errorf("it follows on %.16s..., not on %.16s...", r.Prev, w.at.hash)
	case r.Seq != w.at.seq+1:
		return fmt.Errorf("record %d where %d should stand", r.Seq, w.at.seq+1)
	}
	if !head || anchor || r.Rule == DamagedSeg.Number {
		return nil
	}
	if r.Rule != NewSeg.Number || r.Input != w.digest {
		return fmt.Errorf("the segment before has digest %s, not %s", w.digest, r.Input)
	}
	return nil
}

// broken takes note of a line that is not the next one.
func (w *walker) broken(name string, p []byte, pos int, last bool, why error) {
	w.damage(&Damage{File: name, Pos: int64(pos), Size: int64(len(p) - pos), Seq: w.at.seq + 1, Why: why.Error(),
		Torn: last && pos > 0 && durableBehind(p[pos:]) <= w.at.seq})
}

// durableBehind is the highest seq that any whole line in p calls durable.
func durableBehind(p []byte) (seq uint64) {
	for len(p) > 0 {
		if r, size, err := parseLine(p); err == nil {
			seq = max(seq, r.Durable)
			p = p[size:]
			continue
		}
		next := bytes.Index(p[1:], []byte(`{"prev":"`)) // not the next line feed: that may be what was changed
		if next < 0 {
			break
		}
		p = p[next+1:]
	}
	return seq
}

// readSegment reads a segment whole.
func readSegment(fsys disk.FS, path string) ([]byte, error) {
	return disk.ReadFile(fsys, path, maxSegment)
}
