package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"frankenredis/kv"
	"frankenredis/kv/dict"
)

// A small set that an older server wrote as a table is packed while it is read, when its elements are hashed, too. What is stored, and what is
// refused, is the same as when the set is stored member by member.
func TestSmallSetsArePacked(t *testing.T) {
	many := func(n int) (m []string) {
		for i := range n {
			m = append(m, fmt.Sprint("member ", i))
		}
		return m
	}
	long := strings.Repeat("x", packedMember)
	seed := dict.Seed{}
	for _, c := range []struct {
		name    string
		members []string
		limits  [2]int // set-max-listpack-entries and -value, 0: as they are
		packed  bool
		err     error
	}{
		{"words", []string{"b", "a", "", "c"}, [2]int{}, true, nil},
		{"then numbers", []string{"a", "12", "-5", "007", "99999999999999999999", "70000"}, [2]int{}, true, nil},
		{"numbers first", []string{"12", "a", "-5"}, [2]int{}, false, nil},
		{"empty first", []string{"", "a"}, [2]int{}, false, nil},
		{"as many as may be", many(packedMembers), [2]int{}, true, nil},
		{"one more", many(packedMembers + 1), [2]int{}, false, nil},
		{"as long as may be", []string{"a", long}, [2]int{}, true, nil},
		{"longer", []string{"a", long + "x"}, [2]int{}, false, nil},
		{"more than the limit", many(9), [2]int{8, 64}, true, nil},
		{"longer than the limit", many(9), [2]int{128, 7}, true, nil},
		{"twice", []string{"a", "b", "a"}, [2]int{}, false, ErrDuplicate},
		{"a number twice", []string{"a", "5", "5"}, [2]int{}, false, ErrDuplicate},
	} {
		body := []byte("REDIS0010\x02\x03key")
		body = append(body, 0x40|byte(len(c.members)>>8), byte(len(c.members)))
		for _, m := range c.members {
			body = append(append(body, 0x40, byte(len(m))), m...)
		}
		var got [2]map[string]string
		for i, hash := range []func([]byte) uint64{nil, func(p []byte) uint64 { return dict.Hash(&seed, p) }} {
			ks := kv.New(kv.Options{})
			t.Cleanup(ks.Close)
			limits := kv.DefaultLimits()
			if c.limits != [2]int{} {
				limits.SetListpackEntries, limits.SetListpackValue = c.limits[0], c.limits[1]
			}
			ks.SetLimits(limits)
			rd := NewReader(bytes.NewReader(finish(string(body))), Options{Hash: hash})
			var b Batch
			if err := rd.Next(&b); err != nil || len(b.Items) != 1 {
				t.Fatal(c.name, len(b.Items), err)
			}
			it := &b.Items[0]
			if packed := it.Coll.Pack != nil; packed != (c.packed && hash != nil) {
				t.Errorf("%s: packed is %t, hashes %t", c.name, packed, hash != nil)
			}
			if err := it.StoreNew(ks.DB(0), ks.DB(0).Hash(it.Key)); !errors.Is(err, c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			if err := rd.Next(&b); err != io.EOF {
				t.Fatal(c.name, err)
			}
			rd.Close()
			if c.err == nil {
				got[i] = dumps(ks)
			}
		}
		if fmt.Sprintf("%q", got[0]) != fmt.Sprintf("%q", got[1]) {
			t.Errorf("%s:\n%q\nhashed\n%q", c.name, got[0], got[1])
		}
	}
}
