package resp

import "testing"

func TestBlocks(t *testing.T) {
	for _, n := range []int{
		1, standardBlock - 1, standardBlock, standardBlock + 1, standardBlock + blockSlack, standardBlock + blockSlack + 1,
		2 * standardBlock, 2*standardBlock + blockSlack, 2*standardBlock + blockSlack + 1, 100 << 10,
		largestPooled, largestPooled + 2, largestPooled + blockSlack, largestPooled + blockSlack + 1, 5 << 20,
	} {
		for range 3 { // new ones, and those that were given back
			b := newBlock(n)
			if len(b.mem) < n || len(b.mem) > 2*n+blockSlack && len(b.mem) != standardBlock {
				t.Fatalf("newBlock(%d) has %d bytes", n, len(b.mem))
			}
			b.free()
		}
	}
}
