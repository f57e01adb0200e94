package acl

import "slices"

// Entry is one kind of refusal and how often it happened.
type Entry struct {
	Count   int64
	Reason  Denial
	Context string // toplevel, multi, lua
	Object  string // the command, key or channel; of a refused login the command as the client wrote it
	User    string
	Client  string // who did it last, as in CLIENT LIST
	ID      int64
	// Unix milliseconds.
	Created, Updated int64
}

// Log is what ACL LOG shows, the latest first.
type Log struct {
	entries []*Entry
	nextID  int64
}

const (
	groupedMs  = 60_000 // so far apart the same refusal makes an entry of its own
	lookedBack = 10     // entries that are compared with a new one
)

// Add notes a refusal; e.Updated is the time. One like it a short while ago is counted there. limit is the number of
// entries kept; as in Redis it shortens the log only when an entry is added, or when it is 0.
func (l *Log) Add(e Entry, limit int) {
	if limit == 0 {
		l.entries = nil
		return
	}
	for i, old := range l.entries[:min(len(l.entries), lookedBack)] {
		if old.Reason == e.Reason && old.Context == e.Context && old.Object == e.Object && old.User == e.User &&
			e.Updated-old.Updated <= groupedMs {
			old.Count++
			old.Client, old.Updated = e.Client, e.Updated
			l.entries = slices.Insert(slices.Delete(l.entries, i, i+1), 0, old)
			return
		}
	}
	e.Count, e.ID, e.Created = 1, l.nextID, e.Updated
	l.nextID++
	l.entries = slices.Insert(l.entries, 0, &e)
	if len(l.entries) > limit {
		clear(l.entries[limit:])
		l.entries = l.entries[:limit]
	}
}

// Entries returns the latest n.
func (l *Log) Entries(n int) []*Entry { return l.entries[:min(n, len(l.entries))] }

// Reset empties the log.
func (l *Log) Reset() { l.entries = nil }
