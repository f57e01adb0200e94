package command

import (
	"math"
	"slices"

	"frankenredis/wire/engine"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, ranges, withLength bool
	shortest                   int64 // ranges below this length are not shown
}

func parseLCSOptions(c *engine.Call) (o lcsOptions, err error) {
	args := c.Args
	for i := 3; i < len(args); i++ {
		switch {
		case is(args[i], "IDX"):
			o.ranges = true
		case is(args[i], "LEN"):
			o.length = true
		case is(args[i], "WITHMATCHLEN"):
			o.withLength = true
		case is(args[i], "MINMATCHLEN") && i+1 < len(args):
			i++
			if o.shortest, err = integer(args[i]); err != nil {
				return o, err
			}
		default:
			return o, engine.ErrSyntax
		}
	}
	if o.ranges && o.length {
		return o, engine.ReplyError("ERR If you want both the length and indexes, please just use IDX.")
	}
	return o, nil
}

// lcsCommand finds the longest common subsequence of two strings.
func lcsCommand(c *engine.Call) error {
	a, err := lcsString(c, c.Args[1])
	b, err2 := lcsString(c, c.Args[2])
	if err != nil || err2 != nil {
		return engine.ReplyError("ERR The specified keys must contain string values")
	}
	o, err := parseLCSOptions(c)
	if err != nil {
		return err
	}
	if len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1 {
		return engine.ReplyError("ERR String too long for LCS")
	}
	// The bound is that of Redis's table, four bytes a cell. Ours takes a bit.
	if uint64(len(a)+1)*uint64(len(b)+1) > uint64(c.E.Config().Live.ProtoMaxBulkLen)/4 {
		return engine.ReplyError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
	}
	l := newLCS(a, b, !o.length)
	switch {
	case o.length:
		c.W.Int(int64(l.length))
	case o.ranges:
		writeLCSRanges(c, l, o)
	default:
		c.W.Bulk(l.sequence())
	}
	return nil
}

// lcsString reads one of the strings; a missing key is an empty one.
func lcsString(c *engine.Call, key []byte) ([]byte, error) {
	e, found, err := c.ReadString(key)
	if !found {
		return nil, err
	}
	return e.AppendString(make([]byte, 0, e.StringLen())), nil
}

func writeLCSRanges(c *engine.Call, l *lcs, o lcsOptions) {
	c.W.Map(2)
	c.W.BulkString("matches")
	at, n := len(c.W.Buf), 0
	l.matches(func(i, j, length int) {
		if int64(length) < o.shortest {
			return
		}
		n++
		if o.withLength {
			c.W.Array(3)
		} else {
			c.W.Array(2)
		}
		for _, first := range [2]int{i, j} {
			c.W.Array(2)
			c.W.Int(int64(first))
			c.W.Int(int64(first + length - 1))
		}
		if o.withLength {
			c.W.Int(int64(length))
		}
	})
	c.W.ArrayAt(at, n)
	c.W.BulkString("len")
	c.W.Int(int64(l.length))
}

// lcs is a longest common subsequence of a and b: of several the one that Redis finds, walking back from the ends and where
// bytes differ, shortening b unless a's being shorter leaves more in common.
type lcs struct {
	a, b   []byte
	length int
	// shortenA has a bit for each pair of prefixes, a's without its last byte first: whether a is to be shortened. Nil when
	// only the length was wanted.
	shortenA []uint64
}

func newLCS(a, b []byte, path bool) *lcs {
	l := &lcs{a: a, b: b}
	if path {
		l.shortenA = make([]uint64, (len(a)*len(b)+63)/64)
	}
	row := make([]uint32, len(b)+1) // of a's prefix so far, with each prefix of b
	cell := 0
	for _, x := range a {
		diagonal := uint32(0) // a's prefix before, b's before
		for j, y := range b {
			above := row[j+1]
			switch left := row[j]; {
			case x == y:
				row[j+1] = diagonal + 1
			case above > left:
				if path {
					l.shortenA[cell>>6] |= 1 << (cell & 63)
				}
			default:
				row[j+1] = left
			}
			diagonal = above
			cell++
		}
	}
	l.length = int(row[len(b)])
	return l
}

// walk goes back from the ends and calls visit with each pair of bytes that belongs to the sequence, the last one first.
func (l *lcs) walk(visit func(i, j int)) {
	for i, j := len(l.a), len(l.b); i > 0 && j > 0; {
		cell := (i-1)*len(l.b) + j - 1
		switch {
		case l.a[i-1] == l.b[j-1]:
			i, j = i-1, j-1
			visit(i, j)
		case l.shortenA[cell>>6]>>(cell&63)&1 == 1:
			i--
		default:
			j--
		}
	}
}

// sequence is the subsequence itself.
func (l *lcs) sequence() []byte {
	s := make([]byte, 0, l.length)
	l.walk(func(i, _ int) { s = append(s, l.a[i]) })
	slices.Reverse(s)
	return s
}

// matches calls visit with the runs that both strings have, where each begins in a and in b, the last one first.
func (l *lcs) matches(visit func(i, j, length int)) {
	var first [2]int
	length := 0
	l.walk(func(i, j int) {
		if length > 0 && (i+1 != first[0] || j+1 != first[1]) {
			visit(first[0], first[1], length)
			length = 0
		}
		first, length = [2]int{i, j}, length+1
	})
	if length > 0 {
		visit(first[0], first[1], length)
	}
}
