package resp

// Reader cuts the bytes of one connection into commands. The zero value is ready. One goroutine uses it at a time.
//
//	n, _ := read(fd, r.Space(1))
//	r.Filled(n)
//	for {
//		argv, err := r.Next(&limits)
//		if err != nil || argv == nil {
//			break
//		}
//		execute(argv)
//	}
//	r.Release()
//
// What holds between calls:
//
//   - buf is the filled part of blk. buf[:pos] is parsed; buf[pos:] is not, and buf[pos:pos+scanned] is known to hold
//     no end of line.
//   - want > 0: inside a multibulk. argv holds its first arguments, want are still to come; length >= 0: the header of
//     the next one is parsed, its bytes are not.
//   - big != nil: the next argument goes to this block of its own, which holds bigFilled bytes of length+2; until it
//     is full, nothing behind it is read into buf.
//   - held are the blocks besides blk into which argv points.
//   - taken: argv was handed out; the next call of Next, Space, Feed, Keep or Release takes it back.
type Reader struct {
	blk     *block
	buf     []byte
	pos     int
	scanned int

	argv   [][]byte
	want   int64
	length int64

	big       *block
	bigFilled int
	held      []*block

	fed  int64 // bytes ever received
	done int64 // of these, bytes of whole commands
	base int64 // done when Next last said that it needs more

	err    error // what ended the connection
	taken  bool
	inline bool
}

// Next returns the next command, or nil, nil when it needs more bytes. The list and its arguments belong to r until the
// next call of Next, Space, Feed, Keep, Release or Reset; the bytes may be changed in place, not appended to. A list is never
// empty. A nil l means the zero [Limits].
//
// After an error, a *[ProtocolError] or [ErrQueryLimit], the connection has to be closed; Next keeps returning it.
func (r *Reader) Next(l *Limits) ([][]byte, error) {
	r.recycle()
	if r.err != nil {
		return nil, r.err
	}
	if l == nil {
		l = &noLimits
	}
	if l.MaxQuery > 0 && r.fed-r.done > l.MaxQuery {
		r.err = ErrQueryLimit
		return nil, r.err
	}
	whole, err := r.command(l)
	if whole {
		r.taken = true
		r.done = r.position()
		return r.argv, nil
	}
	r.base = r.done
	if err != nil {
		r.err = err
	}
	return nil, r.err
}

// position is the number of bytes received before buf[pos], for use when no big argument is open.
func (r *Reader) position() int64 { return r.fed - int64(len(r.buf)-r.pos) }

// Inline reports whether the last command came as a plain line instead of an array of strings.
func (r *Reader) Inline() bool { return r.inline }

// Buffered is the number of bytes that wait: those of the command that is still arriving and all behind it. A
// command that was handed out does not count any more.
func (r *Reader) Buffered() int { return int(r.fed - r.done) }

// Unparsed is the part of Buffered that is not an argument or a header yet.
func (r *Reader) Unparsed() int { return len(r.buf) - r.pos + r.bigFilled }

// ArgumentBytes is the length of all arguments that have arrived of the command that is still arriving; with taken, also of the one
// that was handed out last and not taken back.
func (r *Reader) ArgumentBytes(taken bool) int {
	if r.taken && !taken {
		return 0
	}
	n := 0
	for _, a := range r.argv {
		n += len(a)
	}
	return n
}

// Held is Buffered plus the bytes of the commands that were handed out since Next last needed more: what Redis shows
// as qbuf in CLIENT LIST while it executes them.
func (r *Reader) Held() int { return int(r.fed - r.base) }

// Idle reports whether nothing waits.
func (r *Reader) Idle() bool { return r.fed == r.done }

// Offset is the position behind the last whole command, counted in bytes from the first one ever received.
func (r *Reader) Offset() int64 { return r.done }
