package ziplist

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What is written has the shortest forms, is read back the same, and says its count as long as the header can.
func TestAppend(t *testing.T) {
	long := strings.Repeat("x", 300)
	edges := []string{"", "a", "0", "12", "13", "-1", "127", "128", "-129", "32767", "32768", "8388607", "8388608", "-8388609", "2147483647",
		"2147483648", "-9223372036854775808", strings.Repeat("s", 63), strings.Repeat("s", 64), strings.Repeat("s", 249),
		strings.Repeat("s", 250), strings.Repeat("s", 1<<14-1), strings.Repeat("s", 1<<14), long, "b"}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, values := range [][]string{nil, edges, randomValues(rng, 500)} {
		p := New(make([]byte, 3))
		var want []string
		for _, v := range values {
			n, err := strconv.ParseInt(v, 10, 64)
			if isInt := err == nil && strconv.FormatInt(n, 10) == v; isInt {
				p = AppendInt(p, n)
			} else {
				p = Append(p, []byte(v))
			}
			want = append(want, text([]byte(v), n, err == nil))
		}
		got, ok := read(p)
		if !ok || !slices.Equal(got, want) {
			t.Fatalf("%v %.80q, want %.80q", ok, got, want)
		}
		if again := write(nil, values); !bytes.Equal(p, again) {
			t.Errorf("%d values: other bytes than by the forge", len(values))
		}
	}
	p := New(nil)
	for i := range uncounted + 5 {
		p = AppendInt(p, int64(i))
	}
	if all, ok := read(p); !ok || len(all) != uncounted+5 {
		t.Errorf("more entries than can be counted: %v, %d", ok, len(all))
	}
}
