package command

import (
	"bytes"
	"math/big"
	"strings"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// Redis adds floats as C long doubles: on the platforms it is built for, x87 extended precision with a 64-bit mantissa
// and a 15-bit exponent. big.Float with that precision rounds the same way; the exponent's bounds are checked here.
const (
	longDoubleBits   = 64
	longDoubleMaxExp = 16384
	// longDoubleText is the longest text Redis reads as a float, in bytes (MAX_LONG_DOUBLE_CHARS).
	longDoubleText = 5 * 1024
)

const errNaNOrInf = engine.ReplyError("ERR increment would produce NaN or Infinity")

// parseLongDouble reads what strtold reads, with nothing around it; "nan" is refused as in Redis.
func parseLongDouble(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) >= longDoubleText || bytes.IndexByte(b, 0) >= 0 {
		return nil, false
	}
	s := strings.ToLower(string(b))
	negative := s[0] == '-'
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	f := new(big.Float).SetPrec(longDoubleBits)
	switch {
	case s == "inf" || s == "infinity":
		return f.SetInf(negative), true
	case strings.HasPrefix(s, "0x"):
		if !numberShape(s[2:], "0123456789abcdef", 'p') {
			return nil, false
		}
		if !strings.ContainsRune(s, 'p') {
			s += "p0"
		}
		if _, ok := f.SetString(s); !ok {
			return nil, false
		}
	default:
		if !numberShape(s, "0123456789", 'e') {
			return nil, false
		}
		// Far exponents are over- or underflow (ERANGE); a rational of that size would also take for ever.
		if i := strings.IndexByte(s, 'e'); i >= 0 && len(strings.TrimLeft(s[i+1:], "+-0")) > 4 {
			return nil, false
		}
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			return nil, false
		}
		f.SetRat(r) // one correct rounding, as strtold
	}
	if f.MantExp(nil) > longDoubleMaxExp || (f.Sign() != 0 && f.MantExp(nil) < -longDoubleMaxExp-longDoubleBits) {
		return nil, false
	}
	if negative {
		f.Neg(f)
	}
	return f, true
}

// numberShape checks digits[.digits][exp[+-]digits] with at least one digit before the exponent.
func numberShape(s, digits string, exp byte) bool {
	i, n := 0, 0
	for ; i < len(s) && strings.IndexByte(digits, s[i]) >= 0; i++ {
		n++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && strings.IndexByte(digits, s[i]) >= 0; i++ {
			n++
		}
	}
	if n == 0 {
		return false
	}
	if i == len(s) {
		return true
	}
	if s[i] != exp {
		return false
	}
	i++
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	from := i
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
	}
	return i == len(s) && i > from
}

// formatLongDouble prints as Redis does for people: 17 decimals, trailing zeros cut.
func formatLongDouble(f *big.Float) string {
	s := f.Text('f', 17)
	if strings.IndexByte(s, '.') >= 0 {
		s = strings.TrimRight(s, "0")
		s = strings.TrimSuffix(s, ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// addLongDouble adds; ok is false when the sum is no finite number.
func addLongDouble(a, b *big.Float) (sum *big.Float, ok bool) {
	if a.IsInf() || b.IsInf() {
		return nil, false
	}
	sum = new(big.Float).SetPrec(longDoubleBits).Add(a, b)
	return sum, sum.MantExp(nil) <= longDoubleMaxExp
}

func incrbyfloatCommand(c *engine.Call) error {
	key := c.Args[1]
	e, found, err := c.WriteString(key)
	if err != nil {
		return err
	}
	value := new(big.Float).SetPrec(longDoubleBits)
	if found {
		if e.StringLen() >= longDoubleText {
			return engine.ErrNotFloat
		}
		var ok bool
		if value, ok = parseLongDouble(e.AppendString(nil)); !ok {
			return engine.ErrNotFloat
		}
	}
	by, ok := parseLongDouble(c.Args[2])
	if !ok {
		return engine.ErrNotFloat
	}
	sum, ok := addLongDouble(value, by)
	if !ok {
		return errNaNOrInf
	}
	text := []byte(formatLongDouble(sum))
	enc := kv.Embstr // Redis does not look for an integer in the sum, even where it spells one
	if len(text) > 44 {
		enc = kv.Raw
	}
	c.DB.SetPlain(key, text, enc, true)
	c.Dirty(1)
	c.Notify('$', "incrbyfloat", key)
	// The sum is propagated, not the addition: float formatting must not decide what a replica holds.
	c.Replace(wordSet, key, text, wordKeepTTL)
	c.W.Bulk(text)
	return nil
}
