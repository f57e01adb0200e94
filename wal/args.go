package wal

import "strings"

// splitArgs cuts a line into words as Redis does in its configuration and manifests: separated by white space, quoted
// with " (escapes \n \r \t \a \b \xHH and the character itself) or with ' (escape \'). A closing quote must end its
// word. ok is false for unbalanced quotes.
func splitArgs(s string) (args []string, ok bool) {
	for {
		s = strings.TrimLeft(s, " \t\n\v\f\r")
		if s == "" {
			return args, true
		}
		var word string
		if word, s, ok = cutWord(s); !ok {
			return nil, false
		}
		args = append(args, word)
	}
}

// cutWord takes the first word off s, which begins with it.
func cutWord(s string) (word, rest string, ok bool) {
	var b strings.Builder
	i := 0
	for i < len(s) {
		switch s[i] {
		case ' ', '\n', '\r', '\t': // vertical tab and form feed end no word, though none begins with them
			return b.String(), s[i:], true
		case '"':
			n, ok := unquoteDouble(&b, s[i:])
			return b.String(), s[i+n:], ok
		case '\'':
			n, ok := unquoteSingle(&b, s[i:])
			return b.String(), s[i+n:], ok
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String(), s[i:], true
}

// unquoteDouble reads a word part in double quotes and returns its length with them.
func unquoteDouble(b *strings.Builder, s string) (n int, ok bool) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i + 1, endsWord(s, i+1)
		case s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' && isHex(s[i+2]) && isHex(s[i+3]):
			b.WriteByte(hexDigit(s[i+2])<<4 | hexDigit(s[i+3]))
			i += 3
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(unescape(s[i]))
		default:
			b.WriteByte(s[i])
		}
	}
	return len(s), false
}

// unquoteSingle reads a word part in single quotes and returns its length with them.
func unquoteSingle(b *strings.Builder, s string) (n int, ok bool) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return i + 1, endsWord(s, i+1)
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\'':
			i++
			b.WriteByte('\'')
		default:
			b.WriteByte(s[i])
		}
	}
	return len(s), false
}

func endsWord(s string, i int) bool { return i == len(s) || isSpace(s[i]) }

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

// appendArg appends s so that splitArgs reads it back, quoted only if it must be, as Redis writes names; but Redis leaves
// out the quotes of an empty one and of one with an apostrophe, and then cannot read its own file.
func appendArg(dst []byte, s string) []byte {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] > ' ' && s[i] < 0x7f && s[i] != '\\' && s[i] != '"' && s[i] != '\''
	}
	if plain {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '\\', '"':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\a':
			dst = append(dst, '\\', 'a')
		case '\b':
			dst = append(dst, '\\', 'b')
		default:
			if c >= ' ' && c < 0x7f {
				dst = append(dst, c)
			} else {
				const digits = "0123456789abcdef"
				dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
			}
		}
	}
	return append(dst, '"')
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexDigit(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
