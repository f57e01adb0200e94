package engine

// Libraries are the function libraries as snapshots, the log and replication see them: texts. The family of commands that runs
// functions keeps them. The executor's.
type Libraries interface {
	// Codes are the texts, which do not change.
	Codes(e *Engine) [][]byte
	// Load adds libraries; flush drops all others first, and with replace they take the place of those of the same names. With an
	// error nothing has changed.
	Load(e *Engine, codes [][]byte, flush, replace bool) error
	// Counts are the numbers of libraries and of functions, the bytes of the texts and of the interpreter.
	Counts() (libraries, functions, bytes, memory int)
}

// SetLibraries says who keeps the function libraries; before the table is given to an engine.
func (t *Table) SetLibraries(l Libraries) { t.libraries = l }

// LibraryCodes are the texts of the function libraries.
func (e *Engine) LibraryCodes() [][]byte { return e.table.libraries.Codes(e) }

// LoadLibraries loads function libraries from a snapshot, as Libraries.Load does.
func (e *Engine) LoadLibraries(codes [][]byte, flush, replace bool) error {
	if len(codes) == 0 && !flush {
		return nil
	}
	return e.table.libraries.Load(e, codes, flush, replace)
}

// LibraryCounts are the figures of INFO.
func (e *Engine) LibraryCounts() (libraries, functions, bytes, memory int) {
	return e.table.libraries.Counts()
}
