package session

// Bounds of what a client keeps for its next transaction: in bytes, arguments and commands.
const (
	keptBytes    = 4 << 10
	keptArgs     = 128
	keptCommands = 64
)

// queuedArgBytes is what QueueBytes counts for an argument besides its bytes: the pointer to it, as Redis does.
const queuedArgBytes = 8

// Enqueue copies a command into the transaction. The copies of several commands share blocks of memory, which the next
// transaction uses again: nobody may keep a queued argument beyond the call it is executed by.
func (s *Session) Enqueue(spec any, argv [][]byte) {
	total := 0
	for _, a := range argv {
		total += len(a)
	}
	if cap(s.queueBlock)-len(s.queueBlock) < total {
		s.queueBlock = make([]byte, 0, max(total, 512, min(2*cap(s.queueBlock), keptBytes)))
	}
	if cap(s.queueArgs)-len(s.queueArgs) < len(argv) {
		s.queueArgs = make([][]byte, 0, max(len(argv), 32, min(2*cap(s.queueArgs), keptArgs)))
	}
	first := len(s.queueArgs)
	for _, a := range argv {
		at := len(s.queueBlock)
		s.queueBlock = append(s.queueBlock, a...)
		s.queueArgs = append(s.queueArgs, s.queueBlock[at:len(s.queueBlock):len(s.queueBlock)])
	}
	s.Queue = append(s.Queue, Queued{Argv: s.queueArgs[first:len(s.queueArgs):len(s.queueArgs)], Spec: spec})
	s.QueueBytes += total + queuedArgBytes*len(argv)
}

// ResetTransaction forgets the queued commands and leaves MULTI. Watched keys are the engine's to release.
func (s *Session) ResetTransaction() {
	s.Multi, s.DirtyExec, s.DirtyCAS = false, false, false
	s.QueueBytes = 0
	if cap(s.Queue) > keptCommands || cap(s.queueBlock) > keptBytes || cap(s.queueArgs) > keptArgs {
		s.TrimQueue()
		return
	}
	clear(s.Queue)
	clear(s.queueArgs)
	s.Queue, s.queueBlock, s.queueArgs = s.Queue[:0], s.queueBlock[:0], s.queueArgs[:0]
}

// TrimQueue lets go of the queue and the memory kept for the next transaction; what was queued stays valid for who holds it.
func (s *Session) TrimQueue() { s.Queue, s.queueBlock, s.queueArgs = nil, nil, nil }
