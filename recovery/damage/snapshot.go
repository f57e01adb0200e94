package damage

import (
	"bytes"
	"errors"
	"strings"

	"frankenredis/snapshot"
)

// snapshot names what an RDB holds in the bad bytes, and returns the position behind it; 0 if it did not come so far.
//
// An RDB has no marks: where an element cannot be read, the next one is found by trying every position behind, see resync. A string's
// length tells where it ends, so damage inside of values, which is most of it, does not stop the walk. All that is read behind a hole is
// doubtful: nothing proves that it is an element, and not a part of one.
func (w *walk) snapshot() (end int64, err error) {
	o := snapshot.NewOutline(w.f, w.size)
	s := &snapshotWalk{walk: w, o: o, pos: o.Begin()}
	if w.bad.meets(0, s.pos) {
		w.other("the header")
	}
	for s.pos < w.size && (s.gap || s.pos < w.bad.end()) {
		if err := w.look(); err != nil {
			return 0, err
		}
		e, err := o.Element(s.pos)
		switch {
		case err == nil && s.strays(&e):
			err = snapshot.ErrCorrupt
		case err == nil:
			var on bool
			if on, err = s.goesOn(&e); err == nil && !on {
				// What follows is not an element: neither was this, or its end is another.
				if s.holes.meets(e.Pos, e.Named) {
					e.Named = 0
				}
				err = snapshot.ErrCorrupt
			}
		}
		switch {
		case err == nil:
			s.take(&e)
			if e.Kind == snapshot.EndElement {
				if missing := int64(s.announced) - s.counted; s.gap && missing > 0 {
					w.e.UnnamedKeys = missing
				}
				return e.End, nil
			}
		case errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, snapshot.ErrTruncated):
			more, err := s.broken(&e)
			if !more || err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
	return 0, nil
}

type snapshotWalk struct {
	*walk
	o         *snapshot.Outline
	pos       int64
	db        int
	announced uint64 // keys that the file says it has, as far as that was read
	counted   int64  // keys seen
	gap       bool   // something could not be read
	doubt     bool   // of the database: bytes of a hole were passed since the last one was told
	last      []byte // the key before
}

// strays says that what was read from a hole cannot be content: zeros look like keys without a name.
func (s *snapshotWalk) strays(e *snapshot.Element) bool {
	switch {
	case e.Kind == snapshot.EndElement:
		return e.End != s.size && !s.tail(e.End)
	case e.Kind != snapshot.KeyElement || !s.holes.meets(e.Pos, max(e.Named, e.Pos+1)):
		return false
	}
	return len(e.Name) == 0 || bytes.Equal(e.Name, s.last)
}

// goesOn says whether elements follow behind one that ends behind a hole which it began in or before.
func (s *snapshotWalk) goesOn(e *snapshot.Element) (bool, error) {
	if e.Kind == snapshot.EndElement || e.End == s.size || !s.holes.meets(e.Pos, e.End) || s.holes.meets(e.End, e.End+1) {
		return true, nil
	}
	e.Name = bytes.Clone(e.Name) // it would not outlive the next element
	return s.begins(e.End, 0)
}

// take takes in a whole element.
func (s *snapshotWalk) take(e *snapshot.Element) {
	s.pos = e.End
	hit := s.bad.meets(e.Pos, e.End)
	defer func() { s.doubt = s.doubt || s.holes.meets(e.Pos, e.End) }()
	switch e.Kind {
	case snapshot.DatabaseElement:
		s.db, s.doubt = int(e.N), false
		if hit {
			s.other("the beginning of database %d", s.db)
		}
	case snapshot.SizeElement:
		if s.announced += e.N; s.holes.meets(e.Pos, e.End) {
			s.announced -= e.N
		}
		if hit {
			s.other("the number of keys of database %d", s.db)
		}
	case snapshot.KeyElement:
		s.counted++
		s.last = append(s.last[:0], e.Name...)
		if hit {
			s.name(e)
		}
	case snapshot.AuxElement:
		if hit {
			s.other("the field %.40q", e.Name)
		}
	case snapshot.FunctionElement:
		if hit {
			s.other("a function library, %s", libraryName(e.Name))
		}
	case snapshot.EndElement:
		if hit {
			s.other("the end and the checksum")
		}
	default:
		if hit {
			s.other("data of a module")
		}
	}
}

func (s *snapshotWalk) name(e *snapshot.Element) {
	if e.Named == 0 {
		s.unread(e.Pos, max(e.End, e.Pos+1))
		return
	}
	s.key(Key{DB: s.db, Name: e.Name, Doubtful: s.holes.meets(0, e.Named), DoubtfulDB: s.doubt})
}

// libraryName is the name in the first line of a library's source.
func libraryName(source []byte) string {
	line, _, _ := bytes.Cut(source, []byte{'\n'})
	for _, word := range strings.Fields(string(line)) {
		if name, ok := strings.CutPrefix(word, "name="); ok {
			return name
		}
	}
	return "whose name cannot be read"
}

// broken goes on behind an element that cannot be read to its end; more is false when nothing more can be read.
func (s *snapshotWalk) broken(e *snapshot.Element) (more bool, err error) {
	if len(s.holes) == 0 {
		s.unread(e.Pos, s.bad.end()) // no damage that is known of: the file is not what it should be
		return false, nil
	}
	hole, ahead := s.holes.next(e.Pos)
	if !ahead || hole.Pos > e.Pos {
		// It may be that a length in the hole before was another, and all was read wrongly since.
		if behind, ok := s.holes.before(e.Pos); ok {
			s.unread(behind.Pos, behind.Pos+behind.Bytes)
		}
	}
	begin, from := e.Pos+1, e.Pos
	if ahead {
		begin, from = max(begin, hole.Pos), max(from, hole.Pos)
	}
	if e.Kind == snapshot.KeyElement && e.Named > 0 {
		s.counted++
		if ahead {
			s.name(e)
		}
		from = max(from, e.Named)
	}
	s.gap, s.doubt = true, true
	next, err := s.resync(begin)
	if err != nil {
		return false, err
	}
	switch {
	case next < 0 && ahead:
		s.unread(from, s.bad.end())
	case ahead:
		s.unread(from, next)
	}
	s.pos = next
	return next >= 0, nil
}

const (
	// resyncBytes is how far behind a hole elements are looked for; resyncSteps bounds the work for each.
	resyncBytes = 1 << 20
	resyncSteps = 4000
	// resyncElements in a row are taken for content; at the end of the search resyncFew will do.
	resyncElements, resyncFew = 8, 3
	// resyncBehind is how far behind a good place a better one is looked for.
	resyncBehind = 16 << 10
)

// resync finds from pos on where elements begin; -1: nowhere. Bytes of values can look like elements, and lead to true ones: so of all
// places in question it takes the one from which there are most elements, within a reach, or up to other damage or the end. In a hole it
// takes one only if many elements stand there before the hole ends.
func (s *snapshotWalk) resync(pos int64) (int64, error) {
	defer s.o.Limit(-1)
	if hole, ok := s.holes.next(pos); ok && hole.Pos <= pos {
		end := hole.Pos + hole.Bytes
		best, most, err := s.search(pos, min(end, pos+resyncBytes), end)
		if err != nil || most >= resyncElements {
			return best, err
		}
		pos = end
	}
	limit := min(s.size, pos+resyncBytes)
	for reach := int64(256 << 10); ; reach *= 16 {
		to, last := pos+reach, false
		if hole, ok := s.holes.next(pos); ok && hole.Pos <= to {
			to, last = hole.Pos, true
		}
		if to >= s.size {
			to, last = s.size, true
		}
		best, most, err := s.search(pos, limit, to)
		if err != nil || most >= resyncElements || last && most >= resyncFew {
			return best, err
		}
		if last {
			return -1, nil
		}
	}
}

// search is resync for one reach, which ends at to: the best place from pos up to limit, and how many elements there are from there.
func (s *snapshotWalk) search(pos, limit, to int64) (best int64, most int, err error) {
	best = -1
	scores := map[int64]int{} // elements from a place on; below 0: none
	for q := pos; q < min(limit, to); q++ {
		if err := s.look(); err != nil {
			return -1, 0, err
		}
		if most >= resyncElements && q > best+resyncBehind {
			break
		}
		n, err := s.score(q, to, scores)
		if err != nil {
			return -1, 0, err
		}
		if n > most {
			best, most = q, n
		}
	}
	return best, most, nil
}

// score counts the elements from pos up to a place in or behind which one ends, or to the end of all; below 0 if they do not lead there.
func (s *snapshotWalk) score(pos, to int64, scores map[int64]int) (int, error) {
	var chain []int64
	end := 0
	var last []byte
	for {
		if n, ok := scores[pos]; ok {
			end = n
			break
		}
		if pos >= to {
			break
		}
		s.o.Limit(resyncSteps)
		e, err := s.o.Element(pos)
		if err != nil && !errors.Is(err, snapshot.ErrCorrupt) && !errors.Is(err, snapshot.ErrTruncated) {
			return 0, err
		}
		chain = append(chain, pos)
		whole := err == nil && e.Kind != snapshot.AuxElement // these stand at the beginning
		if whole && e.Kind == snapshot.KeyElement {
			// Zeros look like keys without a name.
			whole = e.Named > 0 && !(len(last) == 0 && len(e.Name) == 0) && !(len(chain) > 1 && bytes.Equal(e.Name, last))
			last = append(last[:0], e.Name...)
		}
		if whole && e.Kind == snapshot.EndElement {
			if whole = e.End == s.size || s.tail(e.End); whole {
				end = resyncElements // nothing else looks like it
				break
			}
		}
		if !whole {
			if end = -1; err != nil && e.Kind == snapshot.KeyElement && e.Named > 0 && (s.o.Spent() || s.holes.meets(to, to+1)) {
				end = 0 // its value is large, or may reach into the other damage
			}
			break
		}
		pos = e.End
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if end >= 0 {
			end++
		}
		scores[chain[i]] = end
	}
	return end, nil
}

// begins says whether elements begin at pos: several in a row, or up to the end, or at least so many up to other damage.
func (s *snapshotWalk) begins(pos int64, least int) (bool, error) {
	last, start := "", pos
	damaged := func(pos, end int64) bool {
		hole, ok := s.holes.next(pos)
		return ok && hole.Pos < end && hole.Pos > start
	}
	for n := 0; n < resyncElements; n++ {
		if n >= least && damaged(pos, pos+1) {
			return true, nil
		}
		e, err := s.o.Element(pos)
		if err != nil {
			if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, snapshot.ErrTruncated) {
				return n >= least && damaged(pos, s.size), nil
			}
			return false, err
		}
		switch e.Kind {
		case snapshot.EndElement:
			return e.End == s.size || s.tail(e.End), nil
		case snapshot.AuxElement:
			return false, nil // these stand at the beginning
		case snapshot.KeyElement:
			// Zeros look like keys without a name.
			if e.Named == 0 || n > 0 && string(e.Name) == last {
				return false, nil
			}
			last = string(e.Name)
		}
		pos = e.End
	}
	return true, nil
}

// tail says whether commands begin at pos, as they do behind the RDB of an old server's log.
func (s *snapshotWalk) tail(pos int64) bool {
	var p [1]byte
	n, _ := s.f.ReadAt(p[:], pos)
	return n == 1 && (p[0] == '*' || p[0] == '#') && s.e.Kind == Base
}
