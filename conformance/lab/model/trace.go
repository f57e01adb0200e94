package model

import "strings"

// Event is what was seen of a run: a step of the machine.
type Event struct {
	Name string // the Step's; "crash"; or SyncFolder, which is a step only where a name waits for it
	To   uint8  // the position that it led to, of a step that has one
}

// SyncFolder is the event of a folder's sync.
const SyncFolder = "sync folder"

// position is what an event's To is compared with; nil: it has none.
func (e Event) position(s *State) *uint8 {
	switch e.Name {
	case "commit", "crash":
		return &s.End
	case "write ring":
		return &s.RingWritten
	case "sync ring":
		return &s.RingDurable
	case "reply":
		return &s.Acked
	case "write increment":
		return &s.Written
	case "sync increment":
		return &s.Durable
	case "reuse ring":
		return &s.RingLow
	case "freeze":
		return &s.BaseAt
	}
	return nil
}

// is reports whether a step may be what was seen.
func (e Event) is(st *Step) bool {
	name := st.Name
	switch {
	case e.Name == SyncFolder:
		return name == "keep base's name" || name == "keep manifest's name"
	case strings.HasPrefix(name, "crash"):
		name = "crash"
	}
	at := e.position(&st.To)
	return name == e.Name && (at == nil || *at == e.To)
}

// idle reports whether what was seen leaves s as it is: the second file of several, a sync of nothing.
func (e Event) idle(s *State) bool {
	switch e.Name {
	case SyncFolder:
		return s.Rewrite != BaseNamed && s.Rewrite != ManifestNamed
	case "unlink old":
		return s.Rewrite == OldGone
	case "crash", "commit", "freeze":
		return false
	}
	at := e.position(s)
	return at != nil && *at == e.To
}

// Accept walks events through the machine, in all states at a time that it may be in, and returns how many it took; if not all, no
// order of steps leads to the next one. What is not seen happens by itself: covering as soon as it may, since it only allows
// more; the end of a rewrite; and the sync of what a start found.
func Accept(b Bounds, events []Event) (taken int) {
	states := map[State]bool{{}: true}
	for i, e := range events {
		next := map[State]bool{}
		for s := range states {
			for _, s := range s.unseen(b) {
				if e.idle(&s) {
					next[s] = true
				}
				for _, st := range Steps(s, b, None) {
					if e.is(&st) {
						next[st.To] = true
					}
				}
			}
		}
		if len(next) == 0 {
			return i
		}
		states = next
	}
	return len(events)
}

// unseen are the states that s may have gone on to without anybody seeing it.
func (s State) unseen(b Bounds) []State {
	all := []State{s}
	for i := 0; i < len(all); i++ {
		for _, st := range Steps(all[i], b, None) {
			switch st.Name {
			case "cover":
				all[i].Covered = st.To.Covered
			case "done", "sync what was found":
				all = append(all, st.To)
			}
		}
	}
	return all
}
