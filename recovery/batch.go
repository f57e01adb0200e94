package recovery

import "bytes"

const (
	// A batch of commands ends at one of these: large enough that handing it over, which wakes two threads, costs nothing, small enough
	// to let the executor answer clients in between: it takes 2 to 4 ms.
	batchCommands = 2048
	batchArgs     = 4 * batchCommands
	batchBytes    = 256 << 10
)

// commandBatch holds commands with their bytes, because a reader's are valid until its next call only.
type commandBatch struct {
	cmds []Command
	args [][]byte
	buf  []byte
	end  int64 // position in the file behind the last command
}

func (b *commandBatch) reset() {
	if b.buf == nil {
		b.cmds = make([]Command, 0, batchCommands)
		b.args = make([][]byte, 0, batchArgs)
		b.buf = make([]byte, 0, batchBytes)
	}
	clear(b.args) // large arguments have memory of their own, which must not outlive their batch
	b.cmds, b.args, b.buf = b.cmds[:0], b.args[:0], b.buf[:0]
}

func (b *commandBatch) full() bool {
	return len(b.cmds) == batchCommands || cap(b.args)-len(b.args) < 16 || cap(b.buf)-len(b.buf) < batchBytes/8
}

// add copies a command into the batch. One that does not fit gets memory of its own.
func (b *commandBatch) add(db int, pos int64, args [][]byte, hash func(key []byte) uint64) {
	var own [][]byte
	if n := len(b.args); len(args) <= cap(b.args)-n {
		b.args = b.args[:n+len(args)]
		own = b.args[n:len(b.args):len(b.args)]
	} else {
		own = make([][]byte, len(args))
	}
	for i, a := range args {
		if n := len(b.buf); len(a) <= cap(b.buf)-n {
			b.buf = append(b.buf, a...)
			own[i] = b.buf[n:len(b.buf):len(b.buf)]
		} else {
			own[i] = bytes.Clone(a)
		}
	}
	cmd := Command{DB: db, Args: own, Pos: pos}
	if hash != nil && len(own) > 1 {
		cmd.Hash = hash(own[1])
	}
	b.cmds = append(b.cmds, cmd)
}
