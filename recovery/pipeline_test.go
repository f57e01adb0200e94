package recovery

import (
	"errors"
	"io"
	"slices"
	"testing"
)

// Batches come to each stage in order; the error that is returned is that of the earliest batch, whichever stage it comes from, and the batch of an
// error of the first two stages is consumed.
func TestPipelineErrors(t *testing.T) {
	type batch struct{ n, finished int }
	bad := map[string]error{"produce": errors.New("produce"), "finish": errors.New("finish"), "consume": errors.New("consume")}
	for _, c := range []struct {
		name                     string
		produce, finish, consume int // the batch that fails, 0: none
		want                     error
		seen                     []int
	}{
		{"end", 0, 0, 0, nil, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"produce", 3, 0, 0, bad["produce"], []int{1, 2, 3}},
		{"finish", 0, 3, 0, bad["finish"], []int{1, 2, 3}},
		{"consume", 0, 0, 3, bad["consume"], []int{1, 2, 3}},
		{"finish before produce", 4, 3, 0, bad["finish"], []int{1, 2, 3}},
		{"finish of the batch that produce failed with", 3, 3, 0, bad["finish"], []int{1, 2, 3}},
		{"consume before finish", 0, 4, 3, bad["consume"], []int{1, 2, 3}},
		{"at the end", 0, 8, 0, bad["finish"], []int{1, 2, 3, 4, 5, 6, 7, 8}},
	} {
		for depth := 1; depth <= 3; depth++ {
			n, ended := 0, false
			var seen []int
			produce := func(b *batch) error {
				n++
				*b = batch{n: n}
				ended = n == c.produce || n == 8
				switch n {
				case c.produce:
					return bad["produce"]
				case 8:
					return io.EOF
				}
				return nil
			}
			finish := func(b *batch) error {
				b.finished = b.n
				if b.n == c.finish {
					return bad["finish"]
				}
				return nil
			}
			consume := func(b *batch) error {
				if b.finished != b.n {
					t.Errorf("%s: batch %d came unfinished", c.name, b.n)
				}
				seen = append(seen, b.n)
				if b.n == c.consume {
					return bad["consume"]
				}
				return nil
			}
			if err := pipeline(depth, produce, finish, consume); err != c.want {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if !slices.Equal(seen, c.seen) || c.want == nil && !ended {
				t.Errorf("%s: consumed %v, want %v", c.name, seen, c.seen)
			}
		}
	}
}
