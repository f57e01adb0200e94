package arena

// Touch reads a word of each block. Blocks that lie apart are rarely cached, and misses one right behind the other overlap, while
// those of a loop that does more are paid one by one.
//
//go:noinline
func (a *Arena) Touch(refs []Ref) (sum uint64) {
	for _, r := range refs {
		sum += a.Load64(r)
	}
	return sum
}
