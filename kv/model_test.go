package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// model is a keyspace in plain Go, the judge of the real one.
type model struct {
	now Millis
	dbs []map[string]*modelValue
}

type modelValue struct {
	val    []byte
	raw    bool
	expire Millis // 0: none
}

func newModel(ks *Keyspace) *model {
	m := &model{now: ks.Now()}
	for range ks.Len() {
		m.dbs = append(m.dbs, map[string]*modelValue{})
	}
	return m
}

// live is the value of a key that is not expired; an expired one is removed.
func (m *model) live(db int, key string) *modelValue {
	v := m.dbs[db][key]
	if v != nil && v.expire != 0 && m.now > v.expire {
		delete(m.dbs[db], key)
		return nil
	}
	return v
}

func (m *model) copy() *model {
	c := &model{now: m.now}
	for _, db := range m.dbs {
		to := map[string]*modelValue{}
		for k, v := range db {
			w := *v
			w.val = bytes.Clone(v.val)
			to[k] = &w
		}
		c.dbs = append(c.dbs, to)
	}
	return c
}

func (v *modelValue) encoding() Encoding {
	switch _, isInt := parseInt(v.val); {
	case v.raw:
		return Raw
	case isInt:
		return Int
	case len(v.val) <= 44:
		return Embstr
	}
	return Raw
}

// checkFrozen compares a view with the model of its moment, in another goroutine than the owner's.
func checkFrozen(f *Frozen, m *model) error {
	for i, want := range m.dbs {
		db := f.DB(i)
		if db.Len() != len(want) {
			return fmt.Errorf("db %d: %d keys, want %d", i, db.Len(), len(want))
		}
		seen, volatile := 0, 0
		var err error
		db.Each(func(it Item) bool {
			seen++
			v := want[string(it.Key())]
			at, has := it.Expire()
			if has {
				volatile++
			}
			switch {
			case v == nil:
				err = fmt.Errorf("db %d: unexpected key %.40q", i, it.Key())
			case at != v.expire:
				err = fmt.Errorf("db %d: %.40q expires at %d, want %d", i, it.Key(), at, v.expire)
			case it.Encoding() != v.encoding() || it.Type() != String || it.StringLen() != len(v.val):
				err = fmt.Errorf("db %d: %.40q is %v of %d", i, it.Key(), it.Encoding(), it.StringLen())
			case !bytes.Equal(it.AppendString(nil), v.val):
				err = fmt.Errorf("db %d: %.40q has another value", i, it.Key())
			}
			return err == nil
		})
		if err == nil && (seen != len(want) || volatile != db.Volatile()) {
			err = fmt.Errorf("db %d: visited %d of %d, %d of %d volatile", i, seen, len(want), volatile, db.Volatile())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// runModel plays operations chosen by next (which returns numbers below its argument) on a keyspace and its model.
func runModel(t testing.TB, ks *Keyspace, ops int, next func(n int) int) {
	const keys = 40
	m := newModel(ks)
	empty := ks.UsedBytes()
	changed := map[string]bool{}
	ks.Hooks = Hooks{
		Changed: func(db *DB, key []byte) { changed[string(key)] = true },
		Expired: func(db *DB, key []byte) {
			if _, found := db.Lookup(key, NoTouch|NoExpire); found {
				t.Fatalf("Expired(%.40q) before it is gone", key)
			}
			m.live(db.ID(), string(key))
		},
	}
	ks.Watching = 1
	ks.SetExpireMode(ExpireDelete)

	pattern := make([]byte, 1<<18)
	rand.NewChaCha8([32]byte{}).Read(pattern)
	name := func() []byte {
		i := next(keys)
		s := "key:" + strconv.Itoa(i)
		switch {
		case i%13 == 12:
			s += string(bytes.Repeat([]byte{'k'}, 4095-len(s)+i%3)) // around the longest inline key
		case i%20 == 19:
			s += string(bytes.Repeat([]byte{'K'}, 20000))
		case i%5 == 4:
			s += string(bytes.Repeat([]byte{'x'}, 10*i))
		}
		return []byte(s)
	}
	data := func() []byte {
		var n int
		switch next(10) {
		case 0:
			return strconv.AppendInt(nil, int64(next(1<<30)*next(1<<30)), 10)
		case 1:
			n = next(200000)
		case 2:
			n = 4000 + next(8000)
		case 3:
			return make([]byte, next(30000)) // zeros
		default:
			n = next(100)
		}
		b := make([]byte, n)
		copy(b, pattern[next(len(pattern)-n):])
		return b
	}

	type check struct {
		done chan error
		f    *Frozen
	}
	var views []check
	defer func() { // readers stop before the arena goes
		for _, c := range views {
			<-c.done
		}
	}()
	finish := func(i int) {
		c := views[i]
		views = append(views[:i], views[i+1:]...)
		if err := <-c.done; err != nil {
			t.Fatal("view: ", err)
		}
		c.f.Close()
	}

	for op := range ops {
		stir(ks)
		i := next(len(m.dbs))
		db := ks.DB(i)
		key := name()
		k := string(key)
		clear(changed)
		var must []string // keys that must have been reported changed
		switch what := next(22); what {
		case 0, 1, 2:
			val, keep := data(), next(3) == 0
			old := m.live(i, k)
			db.SetString(key, val, keep)
			v := &modelValue{val: val}
			if keep && old != nil {
				v.expire = old.expire
			}
			m.dbs[i][k] = v
			must = append(must, k)
		case 3:
			n, keep := int64(next(1000))-500, next(2) == 0
			old := m.live(i, k)
			db.SetInt(key, n, keep)
			v := &modelValue{val: strconv.AppendInt(nil, n, 10)}
			if keep && old != nil {
				v.expire = old.expire
			}
			m.dbs[i][k] = v
		case 4, 5, 6:
			tail := data()
			v := m.live(i, k)
			if v == nil {
				v = &modelValue{}
				m.dbs[i][k] = v
			} else {
				v.raw = true
			}
			v.val = append(v.val[:len(v.val):len(v.val)], tail...)
			if n := db.AppendString(key, tail); n != len(v.val) {
				t.Fatalf("op %d: APPEND: %d, want %d", op, n, len(v.val))
			}
			must = append(must, k)
		case 7, 8:
			part := data()
			v := m.live(i, k)
			off := next(20000)
			if v != nil && next(2) == 0 {
				off = next(len(v.val) + 1)
			}
			want := 0
			if v != nil {
				want = len(v.val)
			}
			if len(part) > 0 {
				if v == nil {
					v = &modelValue{}
					m.dbs[i][k] = v
				}
				v.raw = true
				want = max(want, off+len(part))
				b := make([]byte, want)
				copy(b, v.val)
				copy(b[off:], part)
				v.val = b
				must = append(must, k)
			}
			if n := db.SetRange(key, off, part); n != want {
				t.Fatalf("op %d: SETRANGE: %d, want %d", op, n, want)
			}
		case 9, 10:
			at := m.now + Millis(next(3000)-100)
			v := m.live(i, k)
			if db.SetExpire(key, at) != (v != nil) {
				t.Fatalf("op %d: EXPIRE", op)
			}
			if v != nil {
				v.expire = at
				must = append(must, k)
			}
		case 11:
			v := m.live(i, k)
			if db.Persist(key) != (v != nil && v.expire != 0) {
				t.Fatalf("op %d: PERSIST", op)
			}
			if v != nil {
				v.expire = 0
			}
		case 12, 13:
			v := m.live(i, k)
			var got bool
			if what == 12 {
				got = db.Delete(key)
			} else {
				got = db.Unlink(key)
			}
			if got != (v != nil) {
				t.Fatalf("op %d: DEL", op)
			}
			delete(m.dbs[i], k)
			if v != nil {
				must = append(must, k)
			}
		case 14:
			dst := name()
			v := m.live(i, k)
			if db.Rename(key, dst) != (v != nil) {
				t.Fatalf("op %d: RENAME", op)
			}
			if v != nil {
				delete(m.dbs[i], k)
				m.dbs[i][string(dst)] = v
			}
		case 15:
			j := next(len(m.dbs))
			v := m.live(i, k)
			want := v != nil && i != j && m.live(j, k) == nil
			if db.Move(key, ks.DB(j)) != want {
				t.Fatalf("op %d: MOVE", op)
			}
			if want {
				delete(m.dbs[i], k)
				m.dbs[j][k] = v
				must = append(must, k)
			}
		case 16:
			j, dst := next(len(m.dbs)), name()
			v := m.live(i, k)
			want := v != nil && m.live(j, string(dst)) == nil
			if db.CopyTo(key, ks.DB(j), dst) != want {
				t.Fatalf("op %d: COPY", op)
			}
			if want {
				w := *v
				m.dbs[j][string(dst)] = &w
			}
		case 17:
			m.now += Millis(next(200))
			ks.SetNow(m.now)
			if next(4) == 0 {
				ks.ExpireCycle(time.Millisecond)
			}
		case 18:
			if next(10) == 0 {
				n := len(m.dbs[i])
				if got := db.Flush(next(2) == 0); got != n {
					t.Fatalf("op %d: FLUSHDB: %d, want %d", op, got, n)
				}
				clear(m.dbs[i])
			}
			ks.LazyFree(time.Duration(next(20)) * time.Microsecond)
			ks.Arena().Reclaim(next(100))
		case 19:
			j := next(len(m.dbs))
			ks.Swap(i, j)
			m.dbs[i], m.dbs[j] = m.dbs[j], m.dbs[i]
		case 20:
			if len(views) > next(4) {
				finish(next(len(views)))
			} else if next(4) == 0 {
				c := check{make(chan error, 1), ks.Freeze()}
				want := m.copy()
				go func() { c.done <- checkFrozen(c.f, want) }()
				views = append(views, c)
			}
		case 21:
			seen := map[string]bool{}
			for cursor := uint64(0); ; {
				cursor = db.Scan(cursor, func(e Entry) { seen[string(e.Key())] = true })
				if cursor == 0 {
					break
				}
			}
			for k := range m.dbs[i] {
				if v := m.live(i, k); (v != nil) != seen[k] {
					t.Fatalf("op %d: SCAN and %.40q", op, k)
				}
			}
			if e, ok := db.Random(); ok != (len(m.dbs[i]) > 0) || ok && m.live(i, string(e.Key())) == nil {
				t.Fatalf("op %d: RANDOMKEY", op)
			}
		}
		for _, k := range must {
			if !changed[k] {
				t.Fatalf("op %d: change of %.40q not reported", op, k)
			}
		}
		v := m.live(i, k)
		e, found := db.Lookup(key, 0)
		if found != (v != nil) {
			t.Fatalf("op %d: lookup of %.40q: %v", op, k, found)
		}
		if found {
			at, _ := e.Expire()
			if e.Encoding() != v.encoding() || at != v.expire || e.StringLen() != len(v.val) || string(e.Key()) != k {
				t.Fatalf("op %d: %.40q: %v, %d long, expires %d; want %v, %d, %d", op, k, e.Encoding(), e.StringLen(), at,
					v.encoding(), len(v.val), v.expire)
			}
			from := next(len(v.val) + 1)
			to := from + next(len(v.val)-from+1)
			if !bytes.Equal(e.AppendRange(nil, from, to), v.val[from:to]) || !bytes.Equal(e.AppendString(nil), v.val) {
				t.Fatalf("op %d: %.40q has another value", op, k)
			}
		}
		if db.Len() != len(m.dbs[i]) {
			t.Fatalf("op %d: %d keys, want %d", op, db.Len(), len(m.dbs[i]))
		}
	}
	for len(views) > 0 {
		finish(0)
	}
	f := ks.Freeze()
	if err := checkFrozen(f, m); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for i := range ks.Len() {
		ks.SetExpireMode(ExpireIgnore)
		var sum int64
		ks.DB(i).Each(func(e Entry) bool { sum += e.Bytes(); return true })
		if total, tables := ks.DB(i).Bytes(); total-tables != sum {
			t.Fatalf("db %d: accounts for %d bytes, has %d", i, total-tables, sum)
		}
		ks.DB(i).Flush(false)
	}
	if ks.LazyPending() == 0 && ks.UsedBytes() != empty {
		t.Fatalf("after a flush: %d bytes, %d before", ks.UsedBytes(), empty)
	}
	for ks.LazyFree(time.Second) {
	}
	if ks.UsedBytes() != empty || ks.LazyPending() != 0 || ks.lazy.hidden != 0 {
		t.Fatalf("at the end: %d bytes (%d hidden), %d before; %d pending", ks.UsedBytes(), ks.lazy.hidden, empty,
			ks.LazyPending())
	}
}

// TestModel: whatever a client does, the keyspace, its accounts and every frozen view of it agree with plain Go maps.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			ks := New(Options{Databases: 3, RandomSeed: seed, Protect: seed%3 == 0})
			defer ks.Close()
			ks.SetNow(testNow)
			if seed%2 == 1 {
				ks.SetPolicy(true, 10, 1)
			}
			rnd := rand.New(rand.NewPCG(seed, 0))
			ops := 3000
			if testing.Short() {
				ops = 600
			}
			runModel(t, ks, ops, rnd.IntN)
		})
	}
}

// FuzzModel lets the fuzzer choose the operations: each byte is a choice, and the input's end is the end.
func FuzzModel(f *testing.F) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ks := New(Options{Databases: 2, Protect: true})
		defer ks.Close()
		ks.SetNow(testNow)
		next := func(n int) int {
			v := 0
			for m := n - 1; m > 0; m >>= 8 {
				if len(b) > 0 {
					v = v<<8 | int(b[0])
					b = b[1:]
				}
			}
			return v % n
		}
		for len(b) > 0 {
			runModel(t, ks, 20, next)
		}
	})
}
