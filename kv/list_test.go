package kv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// elements reads a list with a cursor, forwards, and checks that it reads the same backwards.
func elements(v Value) ([]string, error) {
	l := v.List()
	var out []string
	for c := l.At(0); c.Valid(); c.Next() {
		out = append(out, string(c.Elem().Append(nil)))
	}
	if len(out) != l.Len() {
		return nil, fmt.Errorf("%d elements, length %d", len(out), l.Len())
	}
	i := len(out)
	for c := l.At(l.Len() - 1); c.Valid(); c.Prev() {
		if i--; string(c.Elem().Append(nil)) != out[i] {
			return nil, fmt.Errorf("element %d read backwards is another", i)
		}
	}
	return out, nil
}

// removed is s without the first, or from the tail last, most elements that are v.
func removed(s []string, v string, most int, fromTail bool) []string {
	out := slices.Clone(s)
	if fromTail {
		slices.Reverse(out)
	}
	out = slices.DeleteFunc(out, func(x string) bool {
		if x != v || most == 0 {
			return false
		}
		most--
		return true
	})
	if fromTail {
		slices.Reverse(out)
	}
	return out
}

// Lists follow a slice through random changes in all their forms, also in frozen views, and leave the account at zero.
func TestLists(t *testing.T) {
	for i, fill := range []int{-1, -2, -4, 1, 3, 50} {
		t.Run(strconv.Itoa(fill), func(t *testing.T) {
			ks := newTest(t, 1)
			limits := DefaultLimits()
			limits.ListSize, limits.ListCompressDepth = fill, i%3
			ks.SetLimits(limits)
			ks.SetPackedThreshold(5000)
			runLists(t, ks, rand.New(rand.NewPCG(uint64(fill+10), 5)), 1500)
		})
	}
}

func runLists(t *testing.T, ks *Keyspace, rnd *rand.Rand, ops int) {
	db, key := ks.DB(0), []byte("list")
	empty := ks.UsedBytes()
	var want []string
	type frozen struct {
		view *Frozen
		want []string
	}
	var views []frozen
	value := func() string {
		switch rnd.IntN(10) {
		case 0:
			return strings.Repeat("x", 300)
		case 1:
			return strings.Repeat("p", 5000+rnd.IntN(5000)) // a node of its own
		case 2, 3, 4:
			return strconv.Itoa(rnd.IntN(100000) - 50000)
		}
		return string(rune('a' + rnd.IntN(26)))
	}
	for i := range ops {
		stir(ks)
		switch rnd.IntN(60) {
		case 0:
			if len(views) < 3 {
				views = append(views, frozen{ks.Freeze(), slices.Clone(want)})
			}
		case 1:
			db.SetExpire(key, 1<<50)
		case 2:
			if len(want) > 0 {
				db.CopyTo(key, db, []byte("copy"))
				db.Rename([]byte("copy"), key)
			}
		case 3:
			db.Delete(key)
			want = nil
		}
		l, err := db.EditList(key)
		if err != nil {
			t.Fatal(err)
		}
		v := value()
		n := len(want)
		switch op := rnd.IntN(10); {
		case op < 2:
			l.Expect(1, len(v))
			l.PushHead([]byte(v))
			want = slices.Insert(want, 0, v)
		case op < 5 || n == 0:
			l.Expect(1, len(v))
			l.PushTail([]byte(v))
			want = append(want, v)
		case op < 7:
			pos := rnd.IntN(n)
			l.Expect(1, len(v))
			after := rnd.IntN(2)
			l.Insert(pos, []byte(v), after == 1)
			want = slices.Insert(want, pos+after, v)
		case op < 8:
			pos := rnd.IntN(n)
			l.Expect(1, len(v))
			l.Set(pos, []byte(v))
			want[pos] = v
		case op < 9:
			v := want[rnd.IntN(n)]
			most, fromTail := 1+rnd.IntN(4), rnd.IntN(2) == 1
			if got, rest := l.Remove([]byte(v), most, fromTail), removed(want, v, most, fromTail); got != n-len(rest) {
				t.Fatalf("op %d: %d elements removed, want %d", i, got, n-len(rest))
			} else {
				want = rest
			}
			l.Shrink()
		case op < 10 && rnd.IntN(2) == 0:
			gone, fromTail := min(n, 1+rnd.IntN(3)*rnd.IntN(12)), rnd.IntN(2) == 1
			var took []string
			l.Take(gone, fromTail, func(v Elem) { took = append(took, string(v.Append(nil))) })
			expect := want[:gone]
			if fromTail {
				expect = slices.Clone(want[n-gone:])
				slices.Reverse(expect)
			}
			if !slices.Equal(took, expect) {
				t.Fatalf("op %d: %d elements taken, want %d others", i, len(took), gone)
			}
			if fromTail {
				want = slices.Delete(want, n-gone, n)
			} else {
				want = slices.Delete(want, 0, gone)
			}
			l.Shrink()
		default:
			pos := rnd.IntN(n)
			gone := min(n-pos, 1+rnd.IntN(3)*rnd.IntN(12))
			l.Delete(pos, gone)
			want = slices.Delete(want, pos, pos+gone)
			l.Shrink()
		}
		if removed := l.Done(); removed != (len(want) == 0) {
			t.Fatalf("op %d: removed: %v with %d elements", i, removed, len(want))
		}
		if i%41 == 0 {
			checkAccount(t, ks)
			e, found := db.Lookup(key, 0)
			if found != (len(want) > 0) {
				t.Fatalf("op %d: the key is there: %v", i, found)
			}
			if found {
				if got, err := elements(e.Value()); err != nil || !slices.Equal(got, want) {
					t.Fatalf("op %d (%v): %v; %d elements, want %d", i, e.Encoding(), err, len(got), len(want))
				}
			}
			if len(views) == 3 {
				v := views[0]
				views = views[1:]
				var got []string
				v.view.DB(0).Each(func(it Item) bool { got, err = elements(it.Value()); return true })
				if err != nil || !slices.Equal(got, v.want) {
					t.Fatalf("op %d: a view has changed: %v", i, err)
				}
				v.view.Close()
			}
		}
	}
	for _, v := range views {
		v.view.Close()
	}
	db.Flush(false)
	for ks.LazyFree(1 << 40) {
	}
	if got := ks.UsedBytes(); got != empty {
		t.Errorf("%d bytes used when all is gone, %d before", got, empty)
	}
	if err := ks.Arena().Check(); err != nil {
		t.Error(err)
	}
}
