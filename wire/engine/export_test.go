package engine

// PostponedCount is the number of clients that CLIENT PAUSE holds back.
func (e *Engine) PostponedCount() int { return len(e.postponed) }

// Add gives a table one more command.
func (t *Table) Add(s *Spec) {
	s.full = s.Name
	finish(s)
	t.byName[s.Name] = s
	t.index = newNameIndex(t.byName)
}
