package command

import (
	"bytes"
	"math"
	"strconv"

	"frankenredis/kv"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

const (
	errStreamID     = engine.ReplyError("ERR Invalid stream ID specified as stream command argument")
	errIntervalLow  = engine.ReplyError("ERR invalid start ID for the interval")
	errIntervalHigh = engine.ReplyError("ERR invalid end ID for the interval")
)

// parseStreamID reads an id: ms-seq, or ms alone, which means the given seq. Unless strict, "-" and "+" are the first and the last
// id. auto, where allowed by a pointer, says that the sequence number was "*".
func parseStreamID(arg []byte, seq uint64, strict bool, auto *bool) (id kv.StreamID, err error) {
	if len(arg) > 127 {
		return id, errStreamID
	}
	s := arg
	if i := bytes.IndexByte(s, 0); i >= 0 {
		s = s[:i] // Redis looks at a C string
	}
	if !strict && len(s) == 1 {
		switch s[0] {
		case '-':
			return kv.StreamID{}, nil
		case '+':
			return kv.MaxStreamID, nil
		}
	}
	ms, rest, dash := bytes.Cut(s, []byte("-"))
	var ok bool
	if id.Ms, ok = parseUnsigned(ms); !ok {
		return id, errStreamID
	}
	switch {
	case !dash:
		id.Seq = seq
	case auto != nil && len(rest) == 1 && rest[0] == '*':
		*auto = true
	default:
		if id.Seq, ok = parseUnsigned(rest); !ok {
			return id, errStreamID
		}
	}
	return id, nil
}

// parseUnsigned reads a number as Redis reads halves of ids: a canonical one that is negative is refused; else what strtoull takes,
// with space and a sign before it.
func parseUnsigned(s []byte) (uint64, bool) {
	if n, ok := resp.ParseInt(s); ok {
		return uint64(n), n >= 0
	}
	digits := bytes.TrimLeft(s, " \t\n\v\f\r")
	negative := false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || n > math.MaxUint64/10 || n*10 > math.MaxUint64-uint64(c-'0') {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// parseInterval reads both ends of a range of ids, each exclusive behind "(".
func parseInterval(low, high []byte) (from, to kv.StreamID, err error) {
	if from, err = parseLow(low); err != nil {
		return
	}
	arg, exclusive := cutExclusive(high)
	if to, err = parseStreamID(arg, math.MaxUint64, exclusive, nil); err != nil {
		return
	}
	if exclusive {
		var ok bool
		if to, ok = to.Prev(); !ok {
			err = errIntervalHigh
		}
	}
	return
}

// parseLow reads the lower end of a range of ids.
func parseLow(arg []byte) (id kv.StreamID, err error) {
	arg, exclusive := cutExclusive(arg)
	if id, err = parseStreamID(arg, 0, exclusive, nil); err != nil {
		return
	}
	if exclusive {
		var ok bool
		if id, ok = id.Next(); !ok {
			err = errIntervalLow
		}
	}
	return
}

func cutExclusive(arg []byte) (rest []byte, exclusive bool) {
	if len(arg) > 1 && arg[0] == '(' {
		return arg[1:], true
	}
	return arg, false
}

// streamIDLen is the length of the longest id.
const streamIDLen = 2*20 + 1

// appendStreamID prints an id.
func appendStreamID(dst []byte, id kv.StreamID) []byte {
	dst = strconv.AppendUint(dst, id.Ms, 10)
	return strconv.AppendUint(append(dst, '-'), id.Seq, 10)
}

// bulkStreamID replies an id.
func bulkStreamID(c *engine.Call, id kv.StreamID) {
	var buf [streamIDLen]byte
	c.W.Bulk(appendStreamID(buf[:0], id))
}
