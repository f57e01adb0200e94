package kv

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// loadParts loads a value in parts of so many elements.
func loadParts(t *testing.T, db *DB, key string, typ Type, elems [][]byte, scores []float64, part int) (distinct bool) {
	t.Helper()
	each := 1
	if typ == Hash {
		each = 2
	}
	var a Arranger
	for at := 0; at < len(elems); at += part * each {
		end := min(at+part*each, len(elems))
		m := Members{Elems: elems[at:end]}
		if typ == ZSet {
			m.Scores = scores[at:end]
		}
		a.Arrange(&m, each, db.Hash, nil)
		for i, o := range m.Order {
			if i > 0 && m.Order[i-1].Hash > o.Hash || o.Hash != db.Hash(m.Elems[int(o.Num)*each]) {
				t.Fatal("the order is wrong")
			}
		}
		distinct, err := db.LoadTable([]byte(key), typ, &m)
		if err != nil {
			t.Fatal(err)
		}
		if !distinct {
			return false
		}
	}
	return true
}

// dumpTable is all that is seen of a value: a sorted set in its order, others sorted.
func dumpTable(e Entry) (lines []string) {
	switch e.Type() {
	case Hash:
		e.Hash().Each(func(f, v Elem) bool {
			lines = append(lines, fmt.Sprintf("%s %s", f.Append(nil), v.Append(nil)))
			return true
		})
	case Set:
		e.Set().Each(func(m Elem) bool { lines = append(lines, string(m.Append(nil))); return true })
	case ZSet:
		z := e.ZSet()
		for c := z.At(0); c.Valid(); c.Next() {
			lines = append(lines, fmt.Sprintf("%s %x", c.Member().Append(nil), math.Float64bits(c.Score())))
			if rank, _, found := z.Rank(c.Member().Append(nil)); !found || rank != c.Pos() {
				lines = append(lines, fmt.Sprintf("rank %d, found %t", rank, found))
			}
		}
		return lines
	}
	slices.Sort(lines)
	return lines
}

// TestLoadTable loads tables in parts of many sizes, sorted sets highest first, lowest first and without order, with long members and values
// among them: what is there is what commands would have made, and it goes without a trace.
func TestLoadTable(t *testing.T) {
	for _, n := range []int{1, 2, 63, 700, 5000} {
		for _, part := range []int{1, 50, 1024, 5000} {
			if n/part > 500 {
				continue
			}
			for _, order := range []string{"down", "up", "none"} {
				for _, typ := range []Type{Hash, Set, ZSet} {
					if typ != ZSet && order != "none" {
						continue
					}
					loaded, made := New(Options{Protect: true}), New(Options{Protect: true})
					a, b := loaded.DB(0), made.DB(0)
					made.SetLimits(Limits{})
					empty := loaded.UsedBytes()
					before, _ := a.Bytes()
					var elems [][]byte
					var scores []float64
					for i := range n {
						member := []byte(fmt.Sprintf("m%d", i))
						if i%97 == 5 {
							member = append(member, strings.Repeat("long", 2000)...)
						}
						elems = append(elems, member)
						score := float64(i / 3) // each three times
						switch {
						case order == "down":
							score = float64((n - 1 - i) / 3)
						case order == "none":
							score = float64(i * 7919 % 101)
						}
						if typ == Hash {
							elems = append(elems, bytes.Repeat([]byte("v"), i%50*i%9000))
						}
						scores = append(scores, score)
					}
					if order != "none" { // members of one score in their order, too
						slices.SortFunc(elems, bytes.Compare)
					}
					if order == "down" {
						slices.Reverse(elems)
					}
					if !loadParts(t, a, "key", typ, elems, scores, part) {
						t.Fatalf("%v of %d, in parts of %d, %s: an element twice", typ, n, part, order)
					}
					switch typ {
					case Hash:
						e, _ := b.EditHash([]byte("key"))
						for i := 0; i < len(elems); i += 2 {
							e.Set(elems[i], elems[i+1])
						}
						e.Done()
					case Set:
						e, _ := b.EditSet([]byte("key"), elems[0], 1<<30)
						for _, m := range elems {
							e.Add(m)
						}
						e.Done()
					case ZSet:
						e, _ := b.EditZSet([]byte("key"), 1<<30, 0)
						for i, m := range elems {
							e.Add(m, scores[i])
						}
						e.Done()
					}
					x, _ := a.Lookup([]byte("key"), NoTouch)
					y, _ := b.Lookup([]byte("key"), NoTouch)
					if x.Encoding() != y.Encoding() || !slices.Equal(dumpTable(x), dumpTable(y)) {
						t.Fatalf("%v of %d, in parts of %d, %s: another value, %v", typ, n, part, order, x.Encoding())
					}
					if total, _ := a.Bytes(); total-before != loaded.UsedBytes()-empty {
						t.Errorf("%v of %d, in parts of %d: %d bytes counted, %d taken", typ, n, part, total-before, loaded.UsedBytes()-empty)
					}
					a.Delete([]byte("key"))
					for loaded.LazyFree(1 << 30) {
					}
					if left := loaded.UsedBytes() - empty; left != 0 {
						t.Errorf("%v of %d, in parts of %d: %d bytes are left", typ, n, part, left)
					}
					loaded.Close()
					made.Close()
				}
			}
		}
	}
}

// TestLoadTableTwice wants an element that comes twice, in one part or in two, to be seen, and no memory to be lost.
func TestLoadTableTwice(t *testing.T) {
	for _, typ := range []Type{Hash, Set, ZSet} {
		for _, part := range []int{2000, 100} {
			ks := New(Options{Protect: true})
			db := ks.DB(0)
			empty := ks.UsedBytes()
			var elems [][]byte
			var scores []float64
			for i := range 1500 {
				elems = append(elems, []byte(fmt.Sprintf("m%d", i%1499)))
				if typ == Hash {
					elems = append(elems, []byte("v"))
				}
				scores = append(scores, float64(2000-i))
			}
			if loadParts(t, db, "key", typ, elems, scores, part) {
				t.Errorf("%v in parts of %d: not seen", typ, part)
			}
			db.Delete([]byte("key"))
			for ks.LazyFree(1 << 30) {
			}
			if left := ks.UsedBytes() - empty; left != 0 {
				t.Errorf("%v in parts of %d: %d bytes are left", typ, part, left)
			}
			ks.Close()
		}
	}
}
