package config

import "strings"

// SplitArgs splits a line of redis.conf into words, as redis-server does.
//
// Words stand apart by white space. "..." groups with escapes (\n \r \t \b \a \xHH, any other escaped byte stands for
// itself), '...' groups without (only \' is an escape). A closing quote must be followed by white space or the end.
// ok is false when a quote is left open or glued to what follows. A NUL byte ends the line.
func SplitArgs(line string) (words []string, ok bool) {
	if i := strings.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	var word []byte
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, true
		}
		word = word[:0]
		for i < len(line) && !isSpace(line[i]) {
			var closed bool
			switch line[i] {
			case '"':
				word, i, closed = doubleQuoted(word, line, i+1)
			case '\'':
				word, i, closed = singleQuoted(word, line, i+1)
			default:
				word = append(word, line[i])
				i++
				continue
			}
			if !closed || i < len(line) && !isSpace(line[i]) {
				return nil, false
			}
		}
		words = append(words, string(word))
	}
}

// doubleQuoted reads from just behind an opening " and returns the position behind the closing one.
func doubleQuoted(dst []byte, line string, i int) ([]byte, int, bool) {
	for i < len(line) {
		c := line[i]
		switch {
		case c == '"':
			return dst, i + 1, true
		case c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			dst = append(dst, hexValue(line[i+2])<<4|hexValue(line[i+3]))
			i += 4
		case c == '\\' && i+1 < len(line):
			dst = append(dst, unescape(line[i+1]))
			i += 2
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, i, false
}

// singleQuoted reads from just behind an opening ' and returns the position behind the closing one.
func singleQuoted(dst []byte, line string, i int) ([]byte, int, bool) {
	for i < len(line) {
		c := line[i]
		switch {
		case c == '\'':
			return dst, i + 1, true
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			dst = append(dst, '\'')
			i += 2
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, i, false
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

// Quote writes s as one double-quoted word that SplitArgs reads back byte for byte.
func Quote(s string) string { return string(AppendQuoted(make([]byte, 0, len(s)+2), s)) }

// AppendQuoted is Quote at the end of b; MONITOR shows arguments so.
func AppendQuoted[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\a':
			b = append(b, '\\', 'a')
		case '\b':
			b = append(b, '\\', 'b')
		default:
			if c >= ' ' && c < 0x7f {
				b = append(b, c)
			} else {
				b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
			}
		}
	}
	return append(b, '"')
}

// wordList writes words so that a parameter of several words reads the same ones back, quoting only where it must.
func wordList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if back, ok := SplitArgs(w); !ok || len(back) != 1 || back[0] != w || w[0] == '#' {
			out[i] = Quote(w)
		}
	}
	if len(words) == 1 && out[0] != words[0] {
		return Quote(out[0]) // a single word is split once more
	}
	return strings.Join(out, " ")
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
