package damage

import (
	"bytes"
	"strconv"

	"frankenredis/wal"
)

// increment names what commands stand in the bad bytes.
//
// Positions of the stream follow from where the file begins, one for each byte of a command; a line of ours tells its own, so behind a gap
// the next line tells where the commands before it stood.
type increment struct {
	*walk
	stream bool           // its commands are the stream; those of a base are not
	facts  *wal.FileFacts // nil: nothing is known
	frames *wal.Outline

	seg segment
	sum Positions
	has bool // sum has a range
	// adrift says that positions are concerned of which nothing tells where they are.
	adrift bool
	db     int
	doubt  bool // of the database: bytes of a hole were passed since it was selected
	// Commands of the transaction under way, or, behind a gap, that may be of one that began in it.
	unit unit
}

// segment is a run of frames without a gap. Places in it are counted in bytes of the stream from its beginning.
type segment struct {
	known  bool
	base   wal.LSN // of its beginning; a bound unless known
	bound  bool    // base is one
	at     int64   // where the walk is
	lo, hi int64   // what is concerned of it; lo -1: nothing
}

// unit is a transaction.
type unit struct {
	open, maybe, hit bool
	from             int64
	keys             []Key
	more             int64
}

func (in *increment) run(pos int64) error {
	in.frames = wal.NewOutline(in.f, in.size)
	in.seg.lo = -1
	if in.stream && in.facts != nil {
		in.seg.known, in.seg.base = true, in.facts.Start
	}
	for pos < in.size && (pos < in.bad.end() || in.unit.open || in.waits()) {
		if err := in.look(); err != nil {
			return err
		}
		p, ok, err := in.frames.Piece(pos)
		if err != nil {
			return err
		}
		if !ok {
			if pos, err = in.skip(pos); err != nil {
				return err
			}
			continue
		}
		if p.Kind == wal.CommandFrame {
			in.command(&p)
		} else {
			in.comment(&p)
		}
		pos += p.Size
	}
	in.finish(pos)
	return nil
}

// waits says that positions of what was found are not known yet.
func (in *increment) waits() bool { return in.stream && !in.seg.known && in.seg.lo >= 0 }

// comment takes in a line.
func (in *increment) comment(p *wal.Piece) {
	if in.bad.meets(p.Pos, p.Pos+p.Size) {
		in.touch(in.seg.at, in.seg.at)
	}
	if p.Line == nil {
		return
	}
	in.endUnit() // they stand between transactions
	lsn := p.Line.LSN
	switch {
	case !in.seg.known:
		in.seg.known, in.seg.bound = true, false
		in.seg.base = lsn - wal.LSN(in.seg.at)
	case in.seg.base+wal.LSN(in.seg.at) != lsn:
		// Commands before it were other ones: what was read of the hole before is not what stood there.
		if hole, ok := in.holes.before(p.Pos); ok {
			in.unread(hole.Pos, hole.Pos+hole.Bytes)
		}
		in.close()
		in.seg = segment{known: true, base: lsn, lo: -1}
		if in.has {
			in.seg.lo = 0
		}
	}
}

// command takes in a command.
func (in *increment) command(p *wal.Piece) {
	hit := in.bad.meets(p.Pos, p.Pos+p.Size)
	defer func() { in.doubt = in.doubt || in.holes.meets(p.Pos, p.Pos+p.Size) }()
	name := string(bytes.ToLower(p.Args[0]))
	if name == "select" && len(p.Args) == 2 {
		if n, err := strconv.Atoi(string(p.Args[1])); err == nil {
			in.db, in.doubt = n, false
		}
		if p.Pos == 0 && in.facts != nil && in.facts.DB > 0 {
			if hit {
				in.touch(0, 0)
			}
			return // a prologue, no part of the stream
		}
	}
	from := in.seg.at
	in.seg.at += p.Size
	if name == "multi" && len(p.Args) == 1 {
		in.endUnit()
		in.unit = unit{open: true, from: from}
	}
	if hit {
		in.touch(from, in.seg.at)
		if !in.unit.open && len(in.holes) > 0 {
			in.unit = unit{open: true, maybe: true, from: from} // it may have been the MULTI
		}
		in.unit.hit = in.unit.hit || !in.unit.maybe
	}
	if hit || in.unit.open {
		in.keys(p, name, hit)
	}
	if name == "exec" && len(p.Args) == 1 {
		if in.unit.maybe || in.unit.hit {
			in.spread(in.seg.at)
		}
		in.unit = unit{}
	}
}

// keys names a command's keys: at once if it was hit, else once its transaction is known to be.
func (in *increment) keys(p *wal.Piece, name string, hit bool) {
	found, known := in.o.Keys(p.Args)
	if !known && len(p.Args) > 1 {
		// The name is a changed one: the first argument is a key as with most commands, and there may be more.
		found = []int{1}
		if hit {
			in.unread(p.Pos, p.Pos+p.Size)
		}
	}
	if len(found) == 0 && hit {
		switch name {
		case "multi", "exec", "select", "ping", "replconf":
		default:
			in.other("the command %.40q", bytes.ToUpper(p.Args[0]))
		}
	}
	for _, i := range found {
		if i < 1 || i >= len(p.Args) {
			continue
		}
		k := Key{DB: in.db, Name: p.Args[i][:min(len(p.Args[i]), 1024)], Doubtful: in.holes.meets(p.Pos, p.ArgEnd(i)), DoubtfulDB: in.doubt}
		switch {
		case hit:
			in.key(k)
		case len(in.unit.keys) < maxUnitKeys:
			k.Name = bytes.Clone(k.Name)
			in.unit.keys = append(in.unit.keys, k)
		default:
			in.unit.more++
		}
	}
}

// maxUnitKeys bounds what is remembered of a transaction before it is known to be concerned.
const maxUnitKeys = 10_000

// spread has all of the open transaction concerned, up to a place in the segment.
func (in *increment) spread(to int64) {
	in.touch(in.unit.from, to)
	for _, k := range in.unit.keys {
		in.key(k)
	}
	in.e.MoreKeys += in.unit.more
	in.unit.keys, in.unit.more = nil, 0
}

// endUnit ends a transaction whose EXEC was not seen.
func (in *increment) endUnit() {
	if in.unit.open && in.unit.hit {
		in.spread(in.seg.at)
	}
	in.unit = unit{}
}

// touch has what lies between two places of the segment concerned.
func (in *increment) touch(from, to int64) {
	if in.seg.lo < 0 {
		in.seg.lo, in.seg.hi = from, to
	}
	in.seg.lo, in.seg.hi = min(in.seg.lo, from), max(in.seg.hi, to)
}

// skip goes on behind what cannot be read at pos.
func (in *increment) skip(pos int64) (int64, error) {
	next, err := in.frames.Resume(pos + 1)
	if err != nil {
		return 0, err
	}
	hole, ahead := in.holes.next(pos)
	if behind, ok := in.holes.before(pos); ok && (!ahead || hole.Pos > pos) {
		in.unread(behind.Pos, behind.Pos+behind.Bytes) // a length in it was another
	}
	end := next
	if next < 0 {
		end = max(in.bad.end(), pos+1)
	}
	if ahead || len(in.holes) == 0 {
		in.unread(pos, end)
	}
	if in.unit.open && !in.unit.maybe {
		in.spread(in.seg.at)
	}
	in.touch(in.seg.at, in.seg.at)
	lsn, known := in.seg.base+wal.LSN(in.seg.at), in.seg.known || in.seg.bound
	in.close()
	in.seg = segment{base: lsn + wal.LSN(end-pos), bound: known} // concerned from its beginning: lo and hi are 0
	in.unit = unit{open: true, maybe: true}
	in.doubt = true
	if next < 0 {
		return in.size, nil
	}
	return next, nil
}

// close takes the positions of a segment over.
func (in *increment) close() {
	s := &in.seg
	if s.lo < 0 || !in.stream {
		return
	}
	if !s.known && !s.bound {
		in.adrift = true
		return
	}
	from, to := s.base+wal.LSN(s.lo), s.base+wal.LSN(s.hi)
	if !in.has {
		in.has, in.sum = true, Positions{From: from, To: to}
	}
	in.sum.From = min(in.sum.From, from)
	if to >= in.sum.To {
		in.sum.To, in.sum.AtMost = to, !s.known
	}
}

// finish ends the walk at pos.
func (in *increment) finish(pos int64) {
	in.endUnit()
	if s := &in.seg; !s.known && pos >= in.size && in.facts != nil && in.facts.Sealed {
		s.known, s.bound = true, false
		s.base = in.facts.End - wal.LSN(s.at)
	}
	in.close()
	if in.has && !in.adrift {
		in.e.LSN = &in.sum
	}
}
