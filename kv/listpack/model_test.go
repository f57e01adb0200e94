package listpack

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var seed = flag.Uint64("seed", 0, "seed of the random tests; 0: fixed ones")

// seeds are those that a random test runs with.
func seeds(n uint64) []uint64 {
	if *seed != 0 {
		return []uint64{*seed}
	}
	var all []uint64
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// randomValue is a string of any encoding, often one that was there before.
func randomValue(rng *rand.Rand) string {
	switch rng.IntN(10) {
	case 0:
		return strings.Repeat("x", rng.IntN(70))
	case 1:
		return strings.Repeat("y", rng.IntN(5000))
	case 2:
		if rng.IntN(20) == 0 {
			return strings.Repeat("z", 16370+rng.IntN(20))
		}
		return "-0"
	case 3, 4:
		return strconv.Itoa(rng.IntN(10))
	case 5, 6:
		return strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)
	case 7:
		return strconv.FormatUint(1<<63+rng.Uint64N(3)-1, 10)
	}
	return "member:" + strconv.Itoa(rng.IntN(20))
}

// model changes a listpack and a slice of strings in the same ways.
type model struct {
	*testing.T
	rng   *rand.Rand
	p     []byte
	items []string
}

// Whatever was done to it, a listpack equals the one that the same elements appended to nothing make.
func TestModel(t *testing.T) {
	for _, s := range seeds(10) {
		m := model{T: t, rng: rand.New(rand.NewPCG(s, 1)), p: New(nil)}
		for step := range 300 {
			m.step()
			m.check()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", s, step)
			}
		}
	}
}

func (m *model) step() {
	v := randomValue(m.rng)
	n := len(m.items)
	if n == 0 {
		m.p, m.items = Append(m.p, []byte(v)), []string{v}
		return
	}
	i := m.rng.IntN(n)
	at := Seek(m.p, i)
	number, err := strconv.ParseInt(v, 10, 64)
	isInt := err == nil && strconv.FormatInt(number, 10) == v && m.rng.IntN(2) == 0
	switch m.rng.IntN(12) {
	case 0, 1:
		if isInt {
			m.p = AppendInt(m.p, number)
		} else {
			m.p = Append(m.p, []byte(v))
		}
		m.items = append(m.items, v)
	case 2:
		if isInt {
			m.p = PrependInt(m.p, number)
		} else {
			m.p = Prepend(m.p, []byte(v))
		}
		m.items = slices.Insert(m.items, 0, v)
	case 3:
		if isInt {
			m.p = InsertInt(m.p, at, number)
		} else {
			m.p = Insert(m.p, at, []byte(v))
		}
		m.items = slices.Insert(m.items, i, v)
	case 4:
		m.p = InsertAfter(m.p, at, []byte(v))
		m.items = slices.Insert(m.items, i+1, v)
	case 5, 6, 7:
		if isInt {
			m.p = ReplaceInt(m.p, at, number)
		} else {
			m.p = Replace(m.p, at, []byte(v))
		}
		m.items[i] = v
	case 8:
		m.p = Delete(m.p, at, 1)
		m.items = slices.Delete(m.items, i, i+1)
	case 9:
		k := m.rng.IntN(4)
		if m.rng.IntN(2) == 0 {
			m.p = DeleteRange(m.p, i, k)
		} else {
			m.p = DeleteRange(m.p, i-n, k)
		}
		m.items = slices.Delete(m.items, i, min(n, i+k))
	case 10:
		other := []string{v, randomValue(m.rng)}
		m.p = Merge(m.p, build(other...))
		m.items = append(m.items, other...)
	case 11:
		if m.rng.IntN(4) == 0 { // a new place, without room
			m.p = slices.Clip(slices.Clone(m.p))
		}
	}
}

func (m *model) check() {
	m.Helper()
	if !Validate(m.p, nil) {
		m.Errorf("not valid: %x", m.p)
		return
	}
	if want := build(m.items...); string(m.p) != string(want) {
		m.Errorf("%q, want %q", values(m.p), m.items)
		return
	}
	if n := len(m.items); Len(m.p) != n || Seek(m.p, n) != None || Seek(m.p, -n-1) != None {
		m.Errorf("Len %d, want %d", Len(m.p), n)
	}
	i := len(m.items) - 1
	for at := Last(m.p); at != None; at = Prev(m.p, at) {
		if Seek(m.p, i) != at || Seek(m.p, i-len(m.items)) != at {
			m.Errorf("entry %d is at %d, Seek says %d and %d", i, at, Seek(m.p, i), Seek(m.p, i-len(m.items)))
		}
		i--
	}
	if i != -1 {
		m.Errorf("%d entries backward, want %d", len(m.items)-1-i, len(m.items))
	}
	s, skip, from := randomValue(m.rng), m.rng.IntN(3), 0
	if len(m.items) > 0 {
		from = m.rng.IntN(len(m.items))
	}
	want := None
	for i := from; i < len(m.items); i += skip + 1 {
		if m.items[i] == s {
			want = Seek(m.p, i)
			break
		}
	}
	if got := Find(m.p, Seek(m.p, from), []byte(s), skip); got != want {
		m.Errorf("Find %q from %d, skip %d: %d, want %d", s, from, skip, got, want)
	}
}
