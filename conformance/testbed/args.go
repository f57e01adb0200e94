package testbed

import (
	"errors"
	"strconv"
)

// SplitArgs splits a command line into arguments as redis-cli does: blanks separate; "..." knows \xHH \n \r \t \a \b and
// takes any other escaped byte for itself; '...' knows only \'. A closing quote must be followed by a blank or the end.
func SplitArgs(line string) ([]string, error) {
	var args []string
	i := 0
	for {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return args, nil
		}
		arg, n, err := splitOne(line[i:])
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		i += n
	}
}

var errUnbalanced = errors.New("testbed: unbalanced quotes")

// splitOne reads the argument at the start of s and says how many bytes it took.
func splitOne(s string) (arg string, n int, err error) {
	var out []byte
	var quote byte
	for n < len(s) {
		c := s[n]
		switch {
		case quote == 0 && isBlank(c):
			return string(out), n, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			if n+1 < len(s) && !isBlank(s[n+1]) {
				return "", 0, errUnbalanced
			}
			return string(out), n + 1, nil
		case quote == '\'' && c == '\\' && n+1 < len(s) && s[n+1] == '\'':
			out = append(out, '\'')
			n++
		case quote == '"' && c == '\\' && n+1 < len(s):
			b, took := unescape(s[n+1:])
			out = append(out, b)
			n += took
		default:
			out = append(out, c)
		}
		n++
	}
	if quote != 0 {
		return "", 0, errUnbalanced
	}
	return string(out), n, nil
}

// unescape reads what follows a backslash inside double quotes.
func unescape(s string) (b byte, took int) {
	switch s[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'a':
		return '\a', 1
	case 'b':
		return '\b', 1
	case 'x':
		if len(s) >= 3 {
			if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
				return byte(v), 3
			}
		}
	}
	return s[0], 1
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0 || c == '\v' || c == '\f'
}
