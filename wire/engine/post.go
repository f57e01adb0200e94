package engine

// Post hands f to the executor, which runs it early in its next turn, in order of posting. Any goroutine; it never
// waits. The only way in for others.
func (e *Engine) Post(f func()) {
	e.mu.Lock()
	e.inbox = append(e.inbox, f)
	e.mu.Unlock()
	e.Wake()
}

// Wake makes the executor take a turn soon. Any goroutine; cheap when the executor is awake.
func (e *Engine) Wake() {
	if e.sleeping.CompareAndSwap(true, false) {
		e.poller.Wake()
	}
}

func (e *Engine) hasPosts() bool { return e.postCount() > 0 }

// postCount is how many functions wait in the inbox.
func (e *Engine) postCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.inbox)
}

// runPosts runs what was posted and says whether there was anything.
func (e *Engine) runPosts() bool {
	e.mu.Lock()
	e.posts, e.inbox = e.inbox, e.posts[:0]
	e.mu.Unlock()
	for i, f := range e.posts {
		e.posts[i] = nil
		f()
		e.endUnit(nil)
	}
	return len(e.posts) > 0
}
