package command

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// parseDouble reads what strtod reads, with nothing around it. As in Redis "nan", and what is too large or too small for a
// double, is refused.
func parseDouble(b []byte) (float64, bool) {
	if len(b) == 0 || len(b) >= longDoubleText {
		return 0, false
	}
	f, n, inRange := strtod(string(b))
	return f, n == len(b) && inRange && !math.IsNaN(f)
}

// strtod reads a number as C does, from the beginning and as far as it goes: n bytes, 0 if there is none. inRange is false when
// it is too large for a double or, though not zero, becomes zero.
func strtod(s string) (f float64, n int, inRange bool) {
	low := strings.ToLower(s)
	i := 0
	if i < len(low) && (low[i] == '-' || low[i] == '+') {
		i++
	}
	for _, word := range [...]string{"infinity", "inf", "nan"} {
		if strings.HasPrefix(low[i:], word) {
			f, _ := strconv.ParseFloat(word, 64)
			if low[0] == '-' {
				f = -f
			}
			return f, i + len(word), true
		}
	}
	digits, exp := "0123456789", byte('e')
	hex := strings.HasPrefix(low[i:], "0x") && len(low) > i+2 && (strings.IndexByte("0123456789abcdef", low[i+2]) >= 0 || low[i+2] == '.')
	if hex {
		digits, exp = "0123456789abcdef", 'p'
		i += 2
	}
	from, seen, nonzero := i, 0, false
	for point := false; i < len(low); i++ {
		switch {
		case strings.IndexByte(digits, low[i]) >= 0:
			seen++
			nonzero = nonzero || low[i] != '0'
			continue
		case low[i] == '.' && !point:
			point = true
			continue
		}
		break
	}
	if seen == 0 {
		if hex { // "0x." is the zero before the x
			return 0, from - 1, true
		}
		return 0, 0, true
	}
	end := i
	if i < len(low) && low[i] == exp {
		j := i + 1
		if j < len(low) && (low[j] == '-' || low[j] == '+') {
			j++
		}
		digitsFrom := j
		for j < len(low) && low[j] >= '0' && low[j] <= '9' {
			j++
		}
		if j > digitsFrom {
			end = j
		}
	}
	text := low[:end]
	if hex && strings.IndexByte(text, 'p') < 0 {
		text += "p0"
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, end, !(err != nil && math.IsInf(f, 0)) && !(f == 0 && nonzero)
}

// scoreRange is a range of scores.
type scoreRange struct {
	min, max     float64
	minEx, maxEx bool
}

const errNotScore = engine.ReplyError("ERR min or max is not a float")

// parseScoreRange reads two scores, each exclusive behind "(". As in Redis, which looks no further than strtod does, an empty
// one is zero and one too large is infinite.
func parseScoreRange(low, high []byte) (r scoreRange, err error) {
	var ok1, ok2 bool
	r.min, r.minEx, ok1 = parseScoreBound(low)
	r.max, r.maxEx, ok2 = parseScoreBound(high)
	if !ok1 || !ok2 {
		return r, errNotScore
	}
	return r, nil
}

func parseScoreBound(b []byte) (f float64, exclusive, ok bool) {
	if len(b) > 0 && b[0] == '(' {
		exclusive = true
		b = b[1:]
	}
	s := strings.TrimLeft(shown(b), " \t\n\v\f\r")
	f, n, _ := strtod(s)
	if n == 0 && len(s) == 0 && len(b) > 0 && b[0] != 0 {
		return 0, false, false // nothing but space: strtod reads nothing and stays before it
	}
	return f, exclusive, n == len(s) && !math.IsNaN(f)
}

// positions is the part of the set in the range, [from, to).
func (r *scoreRange) positions(z kv.ZSetView) (from, to int) {
	if r.min > r.max || (r.min == r.max && (r.minEx || r.maxEx)) {
		return 0, 0
	}
	from = z.Above(r.min, r.minEx)
	return from, max(from, z.Above(r.max, !r.maxEx))
}

// lexRange is a range of members of a set whose scores are all equal.
type lexRange struct{ min, max lexBound }

type lexBound struct {
	member    []byte
	exclusive bool
	infinite  int // -1 before all members, 1 behind all
}

const errNotLex = engine.ReplyError("ERR min or max not valid string range item")

func parseLexRange(low, high []byte) (r lexRange, err error) {
	var ok1, ok2 bool
	r.min, ok1 = parseLexBound(low)
	r.max, ok2 = parseLexBound(high)
	if !ok1 || !ok2 {
		return r, errNotLex
	}
	return r, nil
}

func parseLexBound(b []byte) (l lexBound, ok bool) {
	if len(b) == 0 {
		return l, false
	}
	switch b[0] {
	case '+':
		l.infinite = 1
		return l, len(shown(b)) == 1
	case '-':
		l.infinite = -1
		return l, len(shown(b)) == 1
	case '(':
		l.exclusive = true
		l.member = b[1:]
		return l, true
	case '[':
		l.member = b[1:]
		return l, true
	}
	return l, false
}

// compare orders two bounds.
func (l *lexBound) compare(o *lexBound) int {
	if l.infinite != 0 || o.infinite != 0 {
		return l.infinite - o.infinite
	}
	return bytes.Compare(l.member, o.member)
}

// positions is the part of the set in the range, [from, to).
func (r *lexRange) positions(z kv.ZSetView) (from, to int) {
	if d := r.min.compare(&r.max); d > 0 || (d == 0 && (r.min.exclusive || r.max.exclusive)) {
		return 0, 0
	}
	from = r.min.position(z, r.min.exclusive)
	return from, max(from, r.max.position(z, !r.max.exclusive))
}

func (l *lexBound) position(z kv.ZSetView, equal bool) int {
	switch l.infinite {
	case -1:
		return 0
	case 1:
		return z.Len()
	}
	return z.Behind(l.member, equal)
}
