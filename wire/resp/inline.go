package resp

// SplitArgs splits a line into words the way redis-cli and the inline protocol write them: words stand apart by
// spaces; "double quotes" know \n \r \t \b \a \xHH and backslash before any other byte; 'single quotes' know \' only;
// a closing quote must be followed by a space or the end. The words are appended to argv. They are unescaped in place,
// so line is consumed. It reports false for unbalanced quotes.
//
// A zero byte ends the line, as it ends a C string in Redis.
func SplitArgs(line []byte, argv [][]byte) ([][]byte, bool) {
	i := 0
	for {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			return argv, true
		}
		start, out := i, i
		for i < len(line) && !endsWord(line[i]) {
			var ok bool
			switch c := line[i]; c {
			case '"':
				if i, out, ok = doubleQuoted(line, i+1, out); !ok {
					return argv, false
				}
			case '\'':
				if i, out, ok = singleQuoted(line, i+1, out); !ok {
					return argv, false
				}
			default:
				line[out] = c
				i++
				out++
				continue
			}
			break // a closing quote ends the word
		}
		argv = append(argv, line[start:out:out])
	}
}

// SplitWords is SplitArgs for a line that stays as it is: one of redis.conf, of a manifest, of a script's first line.
func SplitWords(line string) (words []string, ok bool) {
	var room [16][]byte
	p := []byte(line)
	argv, ok := SplitArgs(p, room[:0])
	if !ok || len(argv) == 0 {
		return nil, ok
	}
	n := 0 // the words share one string
	for _, word := range argv {
		n += copy(p[n:], word)
	}
	all := string(p[:n])
	words = make([]string, len(argv))
	for i, word := range argv {
		words[i], all = all[:len(word)], all[len(word):]
	}
	return words, true
}

// doubleQuoted copies the quoted bytes from line[i:] to line[out:], up to the closing quote; it returns the positions
// after both.
func doubleQuoted(line []byte, i, out int) (int, int, bool) {
	for i < len(line) && line[i] != 0 {
		c := line[i]
		switch {
		case c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			line[out] = hexValue(line[i+2])<<4 | hexValue(line[i+3])
			i += 4
		case c == '\\' && i+1 < len(line) && line[i+1] != 0:
			line[out] = unescape(line[i+1])
			i += 2
		case c == '"':
			return i + 1, out, closes(line, i+1)
		default:
			line[out] = c
			i++
		}
		out++
	}
	return i, out, false
}

func singleQuoted(line []byte, i, out int) (int, int, bool) {
	for i < len(line) && line[i] != 0 {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			line[out] = '\''
			i += 2
		case c == '\'':
			return i + 1, out, closes(line, i+1)
		default:
			line[out] = c
			i++
		}
		out++
	}
	return i, out, false
}

// closes reports whether a closing quote may stand before position i.
func closes(line []byte, i int) bool {
	return i == len(line) || line[i] == 0 || isSpace(line[i])
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord lists what ends a word outside quotes: vertical tab and form feed do not, though they are skipped between words.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0 }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}
