package snapshot

import (
	"fmt"
	"testing"

	"frankenredis/kv/listpack"
)

// An element that occurs twice is found wherever it stands, as a number or as text, also after values of other sizes.
func TestUniques(t *testing.T) {
	var u uniques
	for _, n := range []int{1, 2, 3, 31, 32, 33, 500, 5000, 40} {
		p := listpack.New(nil)
		for i := range n {
			if i%3 == 0 {
				p = listpack.AppendInt(p, int64(i))
			} else {
				p = listpack.Append(p, fmt.Appendf(nil, "element %d", i))
			}
		}
		if got, err := u.members(p); err != nil || got != n {
			t.Fatalf("%d different elements: %d, %v", n, got, err)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			q := append([]byte{}, p...)
			q = listpack.Append(q, entryText(p, listpack.Seek(p, again), new([20]byte)))
			if got, err := u.members(q); err == nil {
				t.Fatalf("%d elements, number %d twice: %d", n, again, got)
			}
		}
		if got, err := u.pairs(p); (err == nil) != (n%2 == 0) || err == nil && got != n/2 {
			t.Fatalf("%d elements as pairs: %d, %v", n, got, err)
		}
	}
}

// Members of equal scores stand in the order of their bytes, numbers among them.
func TestScoredOrder(t *testing.T) {
	var u uniques
	build := func(members ...string) []byte {
		p := listpack.New(nil)
		for _, m := range members {
			p = listpack.AppendInt(listpack.Append(p, []byte(m)), 7)
		}
		return p
	}
	if n, err := u.scored(build("10", "9", "a", "aa", "b")); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	for _, wrong := range [][]string{{"9", "10"}, {"a", "10"}, {"b", "aa"}, {"a", "b", "a"}} {
		if n, err := u.scored(build(wrong...)); err == nil {
			t.Errorf("%q: %d", wrong, n)
		}
	}
}
