package config

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// yesno is a bool.
type yesno struct{}

func (yesno) name() string { return "bool" }

func (yesno) parse(args []string, _ value) (value, error) {
	switch {
	case len(args) != 1:
		return value{}, errArgCount
	case strings.EqualFold(args[0], "yes"):
		return value{n: 1}, nil
	case strings.EqualFold(args[0], "no"):
		return value{}, nil
	}
	return value{}, cause("argument must be 'yes' or 'no'")
}

func (yesno) show(v value) string {
	if v.n != 0 {
		return "yes"
	}
	return "no"
}

func (k yesno) lines(name string, v, def value) []line {
	return []line{{name + " " + k.show(v), v.n != def.n}}
}

// form is how a number is read and shown.
type form uint8

const (
	plain   form = iota
	memory       // with units, see parseMemory
	percent      // memory, or a percentage kept as a negative number
	octal
)

// number is an integer with a range. An unsigned one keeps its bits in an int64.
type number struct {
	lo, hi   int64
	form     form
	unsigned bool
}

func integer(lo, hi int64) number { return number{lo: lo, hi: hi} }

func (k number) name() string { return [...]string{"int", "memory", "percent", "octal"}[k.form] }

func (k number) parse(args []string, _ value) (value, error) {
	if len(args) != 1 {
		return value{}, errArgCount
	}
	n, err := k.read(args[0])
	if err != nil {
		return value{}, err
	}
	return value{n: n}, k.inRange(n)
}

func (k number) read(s string) (int64, error) {
	switch k.form {
	case memory:
		if n, ok := parseMemory(s); ok {
			return int64(n), nil
		}
		return 0, cause("argument must be a memory value")
	case percent:
		if n, ok := parseMemory(s); ok {
			return int64(n), nil
		}
		if len(s) > 1 && strings.HasSuffix(s, "%") {
			if n, ok := parseStrict(s[:len(s)-1]); ok && n >= 0 {
				return -n, nil
			}
		}
		return 0, cause("argument must be a memory or percent value")
	case octal:
		if n, ok, overflow := parseLoose(s, 8); ok && !overflow {
			return n, nil
		}
		return 0, cause("argument couldn't be parsed as an octal number")
	}
	if n, ok := parseStrict(s); ok {
		return n, nil
	}
	return 0, cause("argument couldn't be parsed into an integer")
}

func (k number) inRange(n int64) error {
	inside := n >= k.lo && n <= k.hi
	if k.unsigned {
		inside = uint64(n) >= uint64(k.lo) && uint64(n) <= uint64(k.hi)
	}
	switch {
	case k.form == percent && n < 0:
		if n < k.lo {
			return cause(fmt.Sprintf("percentage argument must be less or equal to %d", -k.lo))
		}
		return nil
	case inside:
		return nil
	case k.form == octal:
		return cause(fmt.Sprintf("argument must be between %o and %o inclusive", uint64(k.lo), uint64(k.hi)))
	case k.unsigned:
		return cause(fmt.Sprintf("argument must be between %d and %d inclusive", uint64(k.lo), uint64(k.hi)))
	}
	return cause(fmt.Sprintf("argument must be between %d and %d inclusive", k.lo, k.hi))
}

func (k number) show(v value) string {
	switch {
	case k.form == percent && v.n < 0:
		return strconv.FormatInt(-v.n, 10) + "%"
	case k.form == memory || k.form == percent:
		return strconv.FormatUint(uint64(v.n), 10)
	case k.form == octal:
		return strconv.FormatUint(uint64(v.n), 8)
	}
	return strconv.FormatInt(v.n, 10)
}

func (k number) lines(name string, v, def value) []line {
	text := k.show(v)
	if k.form == memory || k.form == percent && v.n >= 0 {
		text = formatMemory(uint64(v.n))
	}
	return []line{{name + " " + text, v.n != def.n}}
}

// enum is one word of a list, or with flags a set of them.
type enum struct {
	words []string
	// flags: words after the first are bits that may be combined; the first means none of them.
	flags bool
}

func oneOf(words ...string) enum { return enum{words: words} }

func (enum) name() string { return "enum" }

func (k enum) parse(args []string, _ value) (value, error) {
	if len(args) == 0 || len(args) > 1 && !k.flags {
		return value{}, k.refusal()
	}
	var v value
	for _, arg := range args {
		i := 0
		for i < len(k.words) && !strings.EqualFold(arg, k.words[i]) {
			i++
		}
		switch {
		case i == len(k.words):
			return value{}, k.refusal()
		case !k.flags:
			v.n = int64(i)
		case i > 0:
			v.n |= 1 << (i - 1)
		}
	}
	return v, nil
}

func (k enum) refusal() error {
	return cause("argument(s) must be one of the following: " + strings.Join(k.words, ", "))
}

func (k enum) show(v value) string {
	if !k.flags {
		return k.words[v.n]
	}
	if v.n == 0 {
		return k.words[0]
	}
	var b strings.Builder
	for left := uint64(v.n); left != 0; left &= left - 1 {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(k.words[bits.TrailingZeros64(left)+1])
	}
	return b.String()
}

func (k enum) lines(name string, v, def value) []line {
	return []line{{name + " " + k.show(v), v.n != def.n}}
}

// text is a string.
type text struct {
	// unset: the empty string means not set, and CONFIG REWRITE then leaves no line.
	unset bool
	// binary: NUL bytes belong to the value; otherwise the first one ends it.
	binary bool
}

func (text) name() string { return "string" }

func (k text) parse(args []string, _ value) (value, error) {
	if len(args) != 1 {
		return value{}, errArgCount
	}
	s := args[0]
	if i := strings.IndexByte(s, 0); i >= 0 && !k.binary {
		s = s[:i]
	}
	return value{s: s}, nil
}

func (text) show(v value) string { return v.s }

func (k text) lines(name string, v, def value) []line {
	if v.s == "" && k.unset {
		return nil
	}
	return []line{{name + " " + resp.Quote(v.s), v.s != def.s}}
}
