package resp

import "bytes"

// command parses up to the end of one command. It reports false when bytes are missing or an error ends it all.
func (r *Reader) command(l *Limits) (bool, error) {
	for {
		if r.want == 0 {
			r.done = r.position()
			if r.pos == len(r.buf) {
				r.rewind()
				return false, nil
			}
			if r.buf[r.pos] != '*' {
				whole, err := r.line()
				if !whole {
					return false, err
				}
				if len(r.argv) == 0 {
					continue // nothing but spaces
				}
				r.inline = true
				return true, nil
			}
			count, ok, err := r.count(l)
			if !ok {
				return false, err
			}
			if count <= 0 {
				continue // as Redis: no command, no reply
			}
			r.want, r.length = count, -1
			r.inline = false
			if n := int(min(count, argvTrusted)); cap(r.argv) < n {
				r.argv = make([][]byte, 0, n)
			}
		}
		return r.arguments(l)
	}
}

// argvTrusted is the number of arguments for which room is made on the mere claim of a header.
const argvTrusted = 256

// line parses a command in plain words into argv, which stays empty if there are none. It reports whether the line is
// whole.
func (r *Reader) line() (bool, error) {
	end, err := r.find('\n', errInlineTooBig)
	if end < 0 {
		return false, err
	}
	line := r.buf[r.pos:end]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	r.pos = end + 1
	argv, ok := SplitArgs(line, r.argv)
	if !ok {
		return false, errUnbalanced
	}
	r.argv = argv
	return true, nil
}

// count parses the header of a multibulk. It reports false when bytes are missing.
func (r *Reader) count(l *Limits) (int64, bool, error) {
	if r.scanned == 0 {
		if n, size := shortHeader(r.buf[r.pos:], '*'); size > 0 && !(n > unauthenticatedArgs && l.Unauthenticated) && (l.MaxArgs <= 0 || int64(n) <= l.MaxArgs) {
			r.pos += size
			return int64(n), true, nil
		}
	}
	text, ok, err := r.header(errCountTooBig)
	if !ok {
		return 0, false, err
	}
	n, valid := ParseInt(text)
	switch {
	case !valid || n > maxCount:
		return 0, false, errCount
	case n > unauthenticatedArgs && l.Unauthenticated:
		return 0, false, errCountUnauth
	case l.MaxArgs > 0 && n > l.MaxArgs:
		return 0, false, errCountOver
	}
	return n, true, nil
}

// arguments parses the arguments that are still wanted. It reports whether it got them all.
func (r *Reader) arguments(l *Limits) (bool, error) {
	limit := l.maxBulk()
	if l.Unauthenticated {
		limit = min(limit, unauthenticatedBulk)
	}
	for {
		r.wholeArguments(limit)
		if r.want == 0 {
			return true, nil
		}
		if r.length < 0 {
			if ok, err := r.bulkHeader(l); !ok {
				return false, err
			}
		}
		if r.big == nil {
			end := int64(r.pos) + r.length
			if int64(len(r.buf)) < end+2 {
				if r.length >= bigArg {
					r.startBig()
				}
				return false, nil
			}
			// What the two bytes behind the argument are, Redis does not look at.
			r.argv = append(r.argv, r.buf[r.pos:end:end])
			r.pos = int(end) + 2
		} else {
			if r.bigMissing() > 0 {
				return false, nil
			}
			r.finishBig()
		}
		r.length = -1
		r.want--
	}
}

// wholeArguments takes arguments as long as they are what they nearly always are: with a usual header, not longer than
// limit, and all there. It stops before a header that is not, and behind one whose bytes are missing.
func (r *Reader) wholeArguments(limit int64) {
	if r.length >= 0 || r.scanned > 0 {
		return
	}
	buf, pos, argv, want := r.buf, r.pos, r.argv, r.want
	for want > 0 {
		n, size := shortHeader(buf[pos:], '$')
		if size == 0 || int64(n) > limit {
			break
		}
		pos += size
		end := pos + n
		if end+2 > len(buf) {
			r.length = int64(n)
			break
		}
		argv = append(argv, buf[pos:end:end])
		pos = end + 2
		want--
	}
	r.pos, r.argv, r.want = pos, argv, want
}

// bulkHeader parses the header of an argument, whatever it looks like, with Redis's checks in Redis's order.
func (r *Reader) bulkHeader(l *Limits) (bool, error) {
	first := r.pos
	text, ok, err := r.header(errBulkLineTooBig)
	if !ok {
		return false, err
	}
	if c := r.buf[first]; c != '$' {
		return false, errNotBulk(c)
	}
	n, valid := ParseInt(text)
	switch {
	case !valid || n < 0 || n > l.maxBulk():
		return false, errBulk
	case n > unauthenticatedBulk && l.Unauthenticated:
		return false, errBulkUnauth
	}
	r.length = n
	return true, nil
}

// header takes a line that ends in a carriage return and one more byte, which may be anything, and returns it without
// its type byte. It reports false while the line is not whole.
func (r *Reader) header(tooBig *ProtocolError) ([]byte, bool, error) {
	end, err := r.find('\r', tooBig)
	if end < 0 {
		return nil, false, err
	}
	if end+1 == len(r.buf) {
		r.scanned = end - r.pos
		return nil, false, nil
	}
	// A line may consist of the carriage return alone: then there is no type byte, which the caller reports.
	text := r.buf[min(r.pos+1, end):end]
	r.pos = end + 2
	return text, true, nil
}

// find returns the position in buf of the byte that ends the line beginning at pos, or -1 while it is missing. As in
// Redis, which searches with strchr, nothing is found behind a zero byte: such a connection stalls until it has sent
// more than maxLine bytes. A line is too long when it is longer than that, however its bytes arrive; Redis happens to
// let one pass whose end comes with the same read.
func (r *Reader) find(stop byte, tooBig *ProtocolError) (int, error) {
	from := r.pos + r.scanned
	rest := r.buf[from:]
	i := -1
	if len(rest) == 0 || rest[0] != 0 {
		i = bytes.IndexByte(rest, stop)
		if i >= 0 {
			rest = rest[:i]
		}
		if zero := bytes.IndexByte(rest, 0); zero >= 0 {
			i, r.scanned = -1, r.scanned+zero
		} else if i < 0 {
			r.scanned += len(rest)
		}
	}
	switch {
	case i < 0 && len(r.buf)-r.pos > maxLine:
		return -1, tooBig
	case i < 0:
		return -1, nil
	case from+i-r.pos > maxLine:
		return -1, tooBig
	}
	r.scanned = 0
	return from + i, nil
}

// shortHeader parses the header at the beginning of b in its usual form: the type byte, a number of one to nine digits
// without leading zeros, a carriage return and one byte more. size is that of the header, 0 if b begins with anything
// else or ends before.
func shortHeader(b []byte, kind byte) (n, size int) {
	if len(b) < 4 || b[0] != kind {
		return 0, 0
	}
	n = int(b[1] - '0')
	if b[2] == '\r' && n <= 9 {
		return n, 4
	}
	return longerHeader(b)
}

// longerHeader is shortHeader for two digits and more.
func longerHeader(b []byte) (n, size int) {
	if b[1] == '0' {
		return 0, 0
	}
	for i, c := range b[1:min(len(b)-1, 11)] {
		if c -= '0'; c <= 9 {
			n = n*10 + int(c)
			continue
		}
		if b[i+1] == '\r' && i > 0 {
			return n, i + 3
		}
		break
	}
	return 0, 0
}
