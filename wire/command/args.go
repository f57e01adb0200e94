package command

import (
	"math"
	"strconv"

	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// is says whether an argument is the given upper-case word in any case.
func is(arg []byte, word string) bool {
	if len(arg) != len(word) {
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

// integerIn reads an integer within bounds; outside them the error is engine.ErrOutOfRange's general form.
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
	n, err := integer(arg)
	if err != nil {
		return 0, err
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, engine.ErrNotInteger
	}
	if n < 0 || n >= int64(c.E.Keyspace().Len()) {
		return 0, engine.ErrDBIndex
	}
	return int(n), nil
}

// decimal prints an integer for propagation.
func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
