package kv

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// TestLazyAccounts: what DEL and FLUSHDB SYNC remove is off the account at once; what UNLINK and FLUSHDB ASYNC remove
// leaves it as it is freed, and is pending until then.
func TestLazyAccounts(t *testing.T) {
	ks := newTest(t, 2)
	empty := ks.UsedBytes()
	fill := func() {
		for i := range 5000 {
			ks.DB(0).SetStringExpire(fmt.Append(nil, "key:", i), []byte("value"), testNow+Millis(i))
		}
		for i := range 3 {
			ks.DB(0).SetString(fmt.Append(nil, "big:", i), bytes.Repeat([]byte("v"), 4<<20), false)
		}
	}
	for _, c := range []struct {
		name   string
		remove func()
		lazy   bool
	}{
		{"flush", func() { ks.DB(0).Flush(false) }, false},
		{"flush async", func() { ks.DB(0).Flush(true) }, true},
		{"delete", func() {
			for i := range 3 {
				ks.DB(0).Delete(fmt.Append(nil, "big:", i))
			}
		}, false},
		{"unlink", func() {
			for i := range 3 {
				ks.DB(0).Unlink(fmt.Append(nil, "big:", i))
			}
		}, true},
		{"set", func() {
			for i := range 3 {
				set(ks.DB(0), fmt.Sprint("big:", i), "small")
			}
		}, false},
		{"rename", func() {
			set(ks.DB(0), "small", "v")
			for i := range 3 {
				ks.DB(0).CopyTo([]byte("small"), ks.DB(0), []byte("other"))
				ks.DB(0).Rename([]byte("other"), fmt.Append(nil, "big:", i))
			}
		}, false},
	} {
		fill()
		f := ks.Freeze() // freeing must not disturb a view
		before := ks.UsedBytes()
		freed := ks.LazyFreed()
		c.remove()
		after := ks.UsedBytes()
		if gone := before - after; c.lazy != (gone < 11<<20) {
			t.Errorf("%s: %d bytes left the account", c.name, gone)
		}
		if pending := ks.LazyPending(); c.lazy != (pending > 0) {
			t.Errorf("%s: %d pending", c.name, pending)
		}
		pending := ks.LazyPending()
		for steps := 0; ks.LazyFree(0); steps++ {
			used := ks.UsedBytes()
			if used > after || !c.lazy && used != after {
				t.Fatalf("%s: %d bytes while freeing, %d before", c.name, used, after)
			}
			after = used
		}
		if ks.LazyPending() != 0 || ks.LazyFreed()-freed != int64(pending) {
			t.Errorf("%s: %d pending, %d freed of %d", c.name, ks.LazyPending(), ks.LazyFreed()-freed, pending)
		}
		n := 0
		f.DB(0).Each(func(it Item) bool { n += it.StringLen(); return true })
		if n != 3*4<<20+5000*5 {
			t.Errorf("%s: the view sees %d bytes", c.name, n)
		}
		f.Close()
		ks.DB(0).Flush(false)
		for ks.LazyFree(time.Second) {
		}
		if used := ks.UsedBytes(); used != empty {
			t.Fatalf("%s: %d bytes remain", c.name, used-empty)
		}
	}
	ks.ResetLazyFreed()
	if ks.LazyFreed() != 0 {
		t.Error("ResetLazyFreed")
	}
}

// TestLazyBudget: one slice of freeing is short however much there is.
func TestLazyBudget(t *testing.T) {
	ks := newTest(t, 1)
	for i := range 20000 {
		set(ks.DB(0), fmt.Sprint(i), "v")
	}
	ks.DB(0).Flush(true)
	before := ks.LazyPending()
	if !ks.LazyFree(0) || before-ks.LazyPending() > 1000 {
		t.Errorf("freed %d keys in no time", before-ks.LazyPending())
	}
	set(ks.DB(0), "new", "v")
	for ks.LazyFree(0) {
	}
	if v, _ := get(ks.DB(0), "new"); v != "v" || ks.DB(0).Len() != 1 {
		t.Error("what came after the flush is gone")
	}
}

// TestLazyZSetRange: a range that is a whole large sorted set is off the account at once and freed in slices; what an open view sees stays.
func TestLazyZSetRange(t *testing.T) {
	ks := newTest(t, 1)
	empty := ks.UsedBytes()
	const members = 20000
	z, err := ks.DB(0).EditZSet([]byte("z"), members, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		z.Add(fmt.Append(nil, "member:", i), float64(i))
	}
	z.Done()
	f := ks.Freeze()
	if z, err = ks.DB(0).EditZSet([]byte("z"), 0, 0); err != nil {
		t.Fatal(err)
	}
	z.DeleteRange(0, members)
	if n := z.Len(); n != 0 || !z.Done() || ks.DB(0).Len() != 0 {
		t.Errorf("%d members are left of a set of which all were removed", n)
	}
	after := ks.UsedBytes()
	steps := 0
	for ; ks.LazyFree(0); steps++ {
		if used := ks.UsedBytes(); used != after {
			t.Fatalf("%d bytes while freeing, %d before", used, after)
		}
	}
	if steps < 10 {
		t.Errorf("freed in %d steps", steps)
	}
	seen := 0
	f.DB(0).Each(func(it Item) bool {
		seen += it.Value().ZSet().Len()
		return true
	})
	if seen != members {
		t.Errorf("the view sees %d members", seen)
	}
	f.Close()
	for ks.LazyFree(time.Second) {
	}
	if used := ks.UsedBytes(); used != empty {
		t.Errorf("%d bytes remain", used-empty)
	}
}
