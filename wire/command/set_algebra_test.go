package command_test

import (
	"strconv"
	"strings"
	"testing"
)

// SINTER, SUNION and SDIFF of a few sets allocate nothing, whatever their encodings.
func TestCombinedSetsAllocate(t *testing.T) {
	b := newBed(t, "", false, nil)
	for name, prefix := range map[string]string{"ints": "", "words": "m", "table": "a member of a set that is a table, and longer than a listpack lets its members be: "} {
		for _, at := range []int{0, 50} {
			for i := range 100 {
				b.do(0, "sadd", name+strconv.Itoa(at), prefix+strconv.Itoa(at+i))
			}
		}
	}
	s := b.client(0)
	for _, names := range []string{"ints0 ints50", "words0 words50", "table0 table50", "ints0 words0 table50"} {
		for _, command := range []string{"sinter", "sunion", "sdiff"} {
			var argv [][]byte
			for _, word := range strings.Fields(command + " " + names) {
				argv = append(argv, []byte(word))
			}
			if n := testing.AllocsPerRun(100, func() {
				s.W.Buf = s.W.Buf[:0]
				b.eng.Exec(s, argv)
			}); n > 0 {
				t.Errorf("%s: %v allocations", command+" "+names, n)
			}
		}
	}
}
