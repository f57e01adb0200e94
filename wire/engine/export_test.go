package engine

// PostponedCount is the number of clients that CLIENT PAUSE holds back.
func (e *Engine) PostponedCount() int { return len(e.postponed) }
