package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/listpack"
)

// nodeSums are what the nodes of the stream that is being read come to.
type nodeSums struct {
	live  int64       // entries
	first kv.StreamID // the first of them
	top   kv.StreamID // the last of them
	past  kv.StreamID // the last in a node, deleted ones included
}

// head checks what a stream says of itself against its nodes, which end here.
func (s *nodeSums) head(i *kv.StreamInfo) error {
	n := *s
	*s = nodeSums{}
	if i.Length != n.live {
		return corrupt("stream of %d entries says that it has %d", n.live, uint64(i.Length))
	}
	if n.live > 0 && i.Last.Less(n.top) {
		return corrupt("stream: entries behind the last id")
	}
	return nil
}

// verify checks all that a node says, that its ids ascend, and that it stands behind the node before.
func (s *nodeSums) verify(master kv.StreamID, p []byte) error {
	if (s.live > 0 || !s.past.Zero()) && !s.past.Less(master) {
		return corrupt("stream: nodes out of order")
	}
	entries, ok := listpack.Framed(p)
	if !ok {
		return errNode()
	}
	w := nodeWalk{entries: entries, at: listpack.Begin}
	live, deleted, fields := w.number(), w.number(), w.number()
	if live < 0 || deleted < 0 || fields < 0 || live > int64(len(p)) || deleted > int64(len(p)) {
		return errNode()
	}
	w.skip(fields)
	if w.number() != 0 || w.bad {
		return errNode()
	}
	past := master
	for i, n := int64(0), live+deleted; i < n; i++ {
		flags := w.number()
		ms, seq := w.number(), w.number()
		id := kv.StreamID{Ms: master.Ms + uint64(ms), Seq: master.Seq + uint64(seq)}
		count, around := fields, int64(3)
		if flags&2 == 0 {
			count = w.number()
			if count < 0 || count > int64(len(p)) {
				return errNode()
			}
			w.skip(count)
			around += count + 1
		}
		w.skip(count)
		if w.number() != count+around || w.bad || flags&^3 != 0 {
			return errNode()
		}
		if id.Less(past) || (i > 0 && id == past) {
			return corrupt("stream: entries out of order")
		}
		past = id
		if flags&1 != 0 {
			deleted--
			continue
		}
		if s.live == 0 {
			s.first = id
		}
		s.live++
		s.top = id
		live--
	}
	if live != 0 || deleted != 0 {
		return corrupt("stream: a node counts its entries wrongly")
	}
	if w.at != len(entries) || !listpack.Counts(p, w.n) {
		return errNode()
	}
	s.past = past
	return nil
}

func errNode() error { return corrupt("stream: a node breaks the format") }

// nodeWalk goes through a node's listpack once, checking each entry as it comes to it. bad says that what is there is not what was asked
// for; then it stands still.
type nodeWalk struct {
	entries []byte
	at, n   int // the position, and how many entries lie before it
	bad     bool
}

// number reads an integer; 0 when bad.
func (w *nodeWalk) number() int64 {
	at := w.at
	if at+1 < len(w.entries) && w.entries[at] < 128 && w.entries[at+1] == 1 && !w.bad { // nearly all are so small
		w.at, w.n = at+2, w.n+1
		return int64(w.entries[at])
	}
	return w.wide()
}

// wide is number of any size.
func (w *nodeWalk) wide() int64 {
	if w.bad || w.at >= len(w.entries) {
		w.bad = true
		return 0
	}
	_, n, isInt, next := listpack.Scan(w.entries, w.at)
	if next == listpack.None || !isInt {
		w.bad = true
		return 0
	}
	w.at, w.n = next, w.n+1
	return n
}

// skip passes over n entries.
func (w *nodeWalk) skip(n int64) {
	if w.bad {
		return
	}
	next, passed, ok := listpack.Pass(w.entries, w.at, int(min(n, int64(len(w.entries)))))
	w.at, w.n = next, w.n+passed
	w.bad = !ok || int64(passed) != n
}
