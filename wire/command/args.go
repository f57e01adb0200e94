package command

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// is says whether an argument is the given upper-case word in any case. Like Redis, which compares C strings, it looks no
// further than a NUL.
func is(arg []byte, word string) bool {
	if len(arg) < len(word) || (len(arg) > len(word) && arg[len(word)] != 0) {
		return false
	}
	for i := 0; i < len(word); i++ {
		c := arg[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// integer reads a 64-bit integer as Redis does: canonical decimal, nothing around it.
func integer(arg []byte) (int64, error) {
	n, ok := resp.ParseInt(arg)
	if !ok {
		return 0, engine.ErrNotInteger
	}
	return n, nil
}

// shown is an argument as Redis prints it in an error: a C string.
func shown(arg []byte) string {
	if i := bytes.IndexByte(arg, 0); i >= 0 {
		arg = arg[:i]
	}
	return string(arg)
}

// errSubcommand is what a subcommand says to a number of arguments that its row allows but it does not.
func errSubcommand(c *engine.Call) error {
	name := shown(c.Args[1])
	return engine.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
		name[:min(len(name), 128)], strings.ToUpper(shown(c.Args[0])))
}

// integerIn reads an integer within bounds; outside them the error names the bounds.
func integerIn(arg []byte, low, high int64) (int64, error) {
	n, err := integer(arg)
	if err != nil {
		return 0, err
	}
	if n < low || n > high {
		return 0, engine.Errorf("ERR value is out of range, value must between %d and %d", low, high)
	}
	return n, nil
}

// database reads a database number for SELECT-like arguments.
func database(c *engine.Call, arg []byte) (int, error) {
	n, err := integerIn(arg, math.MinInt32, math.MaxInt32)
	if err != nil {
		return 0, err
	}
	if n < 0 || n >= int64(c.E.Keyspace().Len()) {
		return 0, engine.ErrDBIndex
	}
	return int(n), nil
}

// decimal prints an integer for propagation.
func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
