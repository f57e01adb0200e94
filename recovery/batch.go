package recovery

import "bytes"

const (
	// A batch of commands ends at one of these: large enough that handing it over, which wakes two threads, costs nothing, small enough
	// to let the executor answer clients in between: it takes 2 to 4 ms.
	batchCommands = 2048
	batchArgs     = 4 * batchCommands
	batchBytes    = 256 << 10
	// What a command and an argument take up in a log at least, in bytes, and how many bytes a batch is made for at least.
	leastCommand = len("*1\r\n") + leastArg
	leastArg     = len("$0\r\n\r\n")
	leastBatch   = 256
)

// commandBatch holds commands with their bytes, because a reader's are valid until its next call only.
type commandBatch struct {
	cmds []Command
	args [][]byte
	buf  []byte
	end  int64 // position in the file behind the last command
}

// reset empties the batch; left is how many bytes are still to be read, which is what it needs room for if they are few.
func (b *commandBatch) reset(left int64) {
	if b.buf == nil {
		n := int(min(max(left, leastBatch), batchBytes))
		b.cmds = make([]Command, 0, min(batchCommands, n/leastCommand+1))
		b.args = make([][]byte, 0, min(batchArgs, n/leastArg+16))
		b.buf = make([]byte, 0, min(batchBytes, n+n/4))
	}
	clear(b.args) // large arguments have memory of their own, which must not outlive their batch
	b.cmds, b.args, b.buf = b.cmds[:0], b.args[:0], b.buf[:0]
}

func (b *commandBatch) full() bool {
	return len(b.cmds) == batchCommands || cap(b.args)-len(b.args) < 16 || cap(b.buf)-len(b.buf) < cap(b.buf)/8
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
