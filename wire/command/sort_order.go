package command

import (
	"bytes"
	"math"
	"math/big"
	"strings"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// sortElem is an element to be sorted, with what it is sorted by. The bytes are its own: looking weights up may change the
// keyspace.
type sortElem struct {
	elem   []byte
	score  float64
	weight []byte // of ALPHA and BY; nil: there is none
}

// elemCopier copies elements into blocks, few for many elements.
type elemCopier struct{ block []byte }

func (k *elemCopier) copy(e kv.Elem) []byte {
	const size = 64 << 10
	if n := e.Len(); cap(k.block)-len(k.block) < n {
		k.block = make([]byte, 0, max(n, size))
	}
	at := len(k.block)
	k.block = e.Append(k.block)
	return k.block[at:len(k.block):len(k.block)]
}

// elemCount is the number of elements of a list, set or sorted set.
func elemCount(e kv.Entry) int {
	switch e.Type() {
	case kv.List:
		return e.List().Len()
	case kv.Set:
		return e.Set().Len()
	}
	return e.ZSet().Len()
}

// copyElems copies all n elements of a list, set or sorted set.
func copyElems(e kv.Entry, n int) []sortElem {
	if e.Type() != kv.Set {
		return nativeOrder(e, 0, n, false)
	}
	all := make([]sortElem, 0, n)
	var k elemCopier
	e.Set().Each(func(m kv.Elem) bool {
		all = append(all, sortElem{elem: k.copy(m)})
		return true
	})
	return all
}

// nativeOrder copies the elements at the positions [from, to) of a list or sorted set; with desc, counted from its end.
func nativeOrder(e kv.Entry, from, to int, desc bool) []sortElem {
	all := make([]sortElem, 0, to-from)
	var k elemCopier
	first := from
	if desc {
		first = elemCount(e) - 1 - from
	}
	if e.Type() == kv.List {
		for cur := e.List().At(first); len(all) < to-from; {
			all = append(all, sortElem{elem: k.copy(cur.Elem())})
			if desc {
				cur.Prev()
			} else {
				cur.Next()
			}
		}
		return all
	}
	for cur := e.ZSet().At(first); len(all) < to-from; {
		all = append(all, sortElem{elem: k.copy(cur.Member())})
		if desc {
			cur.Prev()
		} else {
			cur.Next()
		}
	}
	return all
}

// weigh finds out what each element is sorted by. One that has no weight counts as 0 or, with ALPHA, comes before all others.
func (s *sorting) weigh(c *engine.Call, all []sortElem) error {
	var scratch []byte
	sound := true
	for i := range all {
		e := &all[i]
		switch {
		case s.by == nil && s.alpha:
		case s.by == nil:
			var ok bool
			e.score, ok = parseWeight(e.elem)
			sound = sound && ok
		default:
			v, found := s.by.lookup(c, e.elem)
			switch {
			case !found:
			case s.alpha:
				e.weight = v.append([]byte{})
			default:
				var ok bool
				scratch = v.append(scratch[:0])
				e.score, ok = parseWeight(scratch)
				sound = sound && ok
			}
		}
	}
	if !sound {
		return errNotWeight
	}
	return nil
}

// parseWeight reads a number as strtod does: blanks in front, and nothing of what comes behind a NUL. Nothing at all is zero.
// "nan", and what a double cannot hold or holds with fewer digits than others, is refused.
func parseWeight(b []byte) (float64, bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return 0, true
	}
	text := strings.ToLower(strings.TrimLeft(string(b), " \t\n\v\f\r"))
	f, n, inRange := strtod(text)
	return f, n > 0 && n == len(text) && inRange && !math.IsNaN(f) && !underflows(text, f)
}

// underflows says whether C reports that the number is too small: that it lies below those with all digits, and its nearest
// double f is not the number itself.
func underflows(text string, f float64) bool {
	const (
		smallest = 0x1p-1022
		bits     = 1100 // behind the point of the smallest double
	)
	if f == 0 || math.Abs(f) > smallest {
		return false
	}
	if strings.Contains(text, "x") && !strings.Contains(text, "p") {
		text += "p0"
	}
	exact, _, err := big.ParseFloat(text, 0, bits, big.ToNearestEven)
	if err != nil {
		return true
	}
	rounded := new(big.Float).SetPrec(53).Set(exact)
	return rounded.Abs(rounded).Cmp(big.NewFloat(smallest)) < 0 && (exact.Acc() != big.Exact || exact.Cmp(big.NewFloat(f)) != 0)
}

// comparison is the order. What is stored is ordered byte by byte; what is replied, as the C locale collates C strings.
func (s *sorting) comparison() func(a, b sortElem) int {
	collate := func(x, y []byte) int { return strings.Compare(shown(x), shown(y)) }
	if s.store != nil {
		collate = bytes.Compare
	}
	var compare func(a, b *sortElem) int
	switch {
	case !s.alpha:
		compare = func(a, b *sortElem) int {
			switch {
			case a.score > b.score:
				return 1
			case a.score < b.score:
				return -1
			}
			return bytes.Compare(a.elem, b.elem)
		}
	case s.by == nil:
		compare = func(a, b *sortElem) int { return collate(a.elem, b.elem) }
	default:
		compare = func(a, b *sortElem) int {
			switch {
			case a.weight == nil && b.weight == nil:
				return 0
			case a.weight == nil:
				return -1
			case b.weight == nil:
				return 1
			}
			return collate(a.weight, b.weight)
		}
	}
	if s.desc {
		return func(a, b sortElem) int { return -compare(&a, &b) }
	}
	return func(a, b sortElem) int { return compare(&a, &b) }
}

// sortPart sorts so far that the elements at the positions [from, to) are those of a sorted whole. Which of several equal
// elements come there, and in which order, is as with Redis's partial sort: the quicksort of Bentley and McIlroy ("Engineering a
// Sort Function", 1993) that leaves parts alone which have no place in the range.
func sortPart(v []sortElem, from, to int, compare func(a, b sortElem) int) {
	first := 0 // position of v[0]
	for {
		n := len(v)
		if n < 7 {
			for i := 1; i < n; i++ {
				for j := i; j > 0 && compare(v[j-1], v[j]) > 0; j-- {
					v[j-1], v[j] = v[j], v[j-1]
				}
			}
			return
		}
		p := pivot(v, compare)
		v[0], v[p] = v[p], v[0]

		// Equal ones gather at both ends: [0,a) equal, [a,b) less, (c,d] greater, (d,n) equal.
		a, b, c, d := 1, 1, n-1, n-1
		for {
			for ; b <= c; b++ {
				order := compare(v[b], v[0])
				if order > 0 {
					break
				}
				if order == 0 {
					v[a], v[b] = v[b], v[a]
					a++
				}
			}
			for ; b <= c; c-- {
				order := compare(v[c], v[0])
				if order < 0 {
					break
				}
				if order == 0 {
					v[c], v[d] = v[d], v[c]
					d--
				}
			}
			if b > c {
				break
			}
			v[b], v[c] = v[c], v[b]
			b++
			c--
		}
		less, greater := b-a, d-c
		swapBlocks(v, 0, b-min(a, less), min(a, less))
		swapBlocks(v, b, n-min(greater, n-1-d), min(greater, n-1-d))

		// wanted: the range has a place in a part of v. It is compared by its ends, as Redis does.
		wanted := func(at, n int) bool {
			low, high := first+at, first+at+n-1
			return !(from < low && to-1 < low) && !(from > high && to-1 > high)
		}
		if less > 1 && wanted(0, less) {
			sortPart(v[:less], from-first, to-first, compare)
		}
		if greater <= 1 || !wanted(n-greater, greater) {
			return
		}
		first += n - greater
		v = v[n-greater:]
	}
}

// pivot is the place of an element that is likely to be in the middle: the median of three, of many a median of medians.
func pivot(v []sortElem, compare func(a, b sortElem) int) int {
	median := func(i, j, k int) int {
		if compare(v[i], v[j]) < 0 {
			switch {
			case compare(v[j], v[k]) < 0:
				return j
			case compare(v[i], v[k]) < 0:
				return k
			}
			return i
		}
		switch {
		case compare(v[j], v[k]) > 0:
			return j
		case compare(v[i], v[k]) < 0:
			return i
		}
		return k
	}
	n := len(v)
	low, mid, high := 0, n/2, n-1
	if n == 7 {
		return mid
	}
	if n > 40 {
		step := n / 8
		low = median(low, low+step, low+2*step)
		mid = median(mid-step, mid, mid+step)
		high = median(high-2*step, high-step, high)
	}
	return median(low, mid, high)
}

func swapBlocks(v []sortElem, i, j, n int) {
	for ; n > 0; n-- {
		v[i], v[j] = v[j], v[i]
		i++
		j++
	}
}
