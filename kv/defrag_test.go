package kv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// defragData fills a database with values of every type and encoding, of each of them many, and some large ones.
func defragData(t *testing.T, db *DB, rnd *rand.Rand, keys int) {
	t.Helper()
	for i := range keys {
		key := fmt.Appendf(nil, "key:%d", i)
		n := 1 + rnd.IntN(8)
		if i%200 == 0 {
			n = 1500
		}
		switch i % 8 {
		case 0:
			db.SetString(key, []byte(strings.Repeat("s", rnd.IntN(300))), false)
		case 1:
			size := 100 + i%7*1000
			if i%1000 == 1 {
				size = 400_000 // more chunks than are moved at once
			}
			db.SetString(key, []byte(strings.Repeat("blob", size)), false)
		case 2:
			e, err := db.EditHash(key)
			if err != nil {
				t.Fatal(err)
			}
			for j := range n {
				e.Set(fmt.Appendf(nil, "field:%d", j), []byte(strings.Repeat("v", rnd.IntN(100))))
			}
			e.Done()
		case 3:
			e, err := db.EditSet(key, []byte("member:0"), n)
			if err != nil {
				t.Fatal(err)
			}
			for j := range n {
				e.Add(fmt.Appendf(nil, "member:%d", j))
			}
			e.Done()
		case 4:
			e, err := db.EditZSet(key, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			for j := range n {
				e.Add(fmt.Appendf(nil, "member:%d", j), rnd.Float64())
			}
			e.Done()
		case 5:
			e, err := db.EditList(key)
			if err != nil {
				t.Fatal(err)
			}
			for range n {
				e.PushTail([]byte(strings.Repeat("l", rnd.IntN(200))))
			}
			e.Done()
		case 6:
			streamData(t, db, key, rnd, n)
		}
		if i%3 == 0 {
			db.SetExpire(key, testNow+1000000)
		}
	}
}

// streamData makes a stream of some entries, most of them pending with two groups of three consumers.
func streamData(t *testing.T, db *DB, key []byte, rnd *rand.Rand, n int) {
	t.Helper()
	e, err := db.EditStream(key)
	if err != nil {
		t.Fatal(err)
	}
	e.Create()
	for j := range n {
		e.Append(StreamID{uint64(j + 1), 0}, [][]byte{[]byte("field"), []byte(strings.Repeat("x", rnd.IntN(100)))})
	}
	for _, name := range []string{"one", "two"} {
		g, _ := e.CreateGroup([]byte(name), StreamID{}, 0)
		for c := range 3 {
			c, _ := e.CreateConsumer(g, fmt.Appendf(nil, "consumer:%d", c), 1, 2)
			for j := range n {
				if rnd.IntN(2) == 0 {
					e.Deliver(g, c, StreamID{uint64(j + 1), 0}, 3, 1)
				}
			}
		}
	}
	e.Done()
}

// contents describes all keys.
func contents(ks *Keyspace) map[string]string {
	all := map[string]string{}
	for i := range ks.Len() {
		ks.DB(i).Each(func(e Entry) bool {
			at, _ := e.Expire()
			v := ""
			switch e.Type() {
			case String:
				v = string(e.AppendString(nil))
			case List:
				l, err := elements(e.Value())
				v = fmt.Sprint(l, err)
			case Stream:
				v = renderStream(e.Stream())
			default:
				v = render(e.Value())
			}
			all[fmt.Sprint(i)+string(e.Key())] = fmt.Sprint(at, e.Encoding(), v)
			return true
		})
	}
	return all
}

// deleteMost deletes nine of ten keys, at random.
func deleteMost(db *DB, rnd *rand.Rand, keys int) {
	for i := range keys {
		if rnd.IntN(10) > 0 {
			db.Delete(fmt.Appendf(nil, "key:%d", i))
		}
	}
	for db.ks.LazyFree(1 << 40) {
	}
}

// usedButSlots is what the data takes without the trees of slots, whose nodes fill otherwise when entries move.
func usedButSlots(ks *Keyspace) int64 {
	n := ks.UsedBytes()
	for i := range ks.Len() {
		_, _, slots := ks.DB(i).TableBytes()
		n -= slots
	}
	return n
}

func ratio(ks *Keyspace) float64 {
	s := ks.Arena().Stats()
	return float64(s.Pages) * 4096 / float64(s.UsedBytes)
}

// After a pass, everything is as it was, but lies together: what is lost are only the last slabs of the size classes.
func TestDefrag(t *testing.T) {
	for _, fields := range []int{3, 1000} {
		rnd := rand.New(rand.NewPCG(7, uint64(fields)))
		slotOf := func(key []byte) uint16 { return uint16(key[len(key)-1]) }
		ks := New(Options{Databases: 2, RandomSeed: 1, SlotOf: slotOf})
		defer ks.Close()
		ks.SetNow(testNow)
		const keys = 30000
		for i := range 2 {
			defragData(t, ks.DB(i), rnd, keys)
			deleteMost(ks.DB(i), rnd, keys)
		}
		want, used, before := contents(ks), usedButSlots(ks), ratio(ks)
		if before < 2 {
			t.Fatalf("the deletions have left a ratio of %.2f only", before)
		}
		slices := 0
		for ks.Defrag(0, fields) {
			slices++
		}
		if after := ratio(ks); after > 1.12 {
			t.Errorf("fields %d: a ratio of %.2f was %.2f before", fields, after, before)
		}
		if slices < 100 {
			t.Errorf("%d slices", slices)
		}
		if got := contents(ks); !maps.Equal(got, want) {
			t.Errorf("fields %d: the contents have changed", fields)
		}
		if now := usedButSlots(ks); now != used {
			t.Errorf("%d bytes used, %d before", now, used)
		}
		checkAccount(t, ks)
		for i := range ks.Len() {
			n := 0
			for slot := range uint16(256) {
				n += ks.DB(i).SlotLen(slot)
			}
			if n != ks.DB(i).Len() {
				t.Errorf("%d keys in slots, %d in all", n, ks.DB(i).Len())
			}
		}
		if err := ks.Arena().Check(); err != nil {
			t.Error(err)
		}
		s := ks.DefragStats()
		if s.KeyHits+s.KeyMisses != int64(len(want)) || s.Hits < s.KeyHits {
			t.Errorf("of %d keys: %+v", len(want), s)
		}
		// A second pass finds little to do; a flush leaves nothing behind.
		ks.ResetDefragStats()
		for ks.Defrag(0, fields) {
		}
		if s := ks.DefragStats(); s.Hits > 1000 {
			t.Errorf("the second pass: %+v", s)
		}
		ks.DB(0).Flush(false)
		ks.DB(1).Flush(false)
		for ks.LazyFree(1 << 40) {
		}
		if n := ks.Arena().Stats().Blocks; n > 10 {
			t.Errorf("%d blocks left", n)
		}
	}
}

// While a view is open nothing moves; a pass that is stopped ends, and frees what it had begun to empty for others.
func TestDefragRests(t *testing.T) {
	ks := New(Options{Databases: 1, RandomSeed: 1})
	defer ks.Close()
	rnd := rand.New(rand.NewPCG(7, 8))
	defragData(t, ks.DB(0), rnd, 8000)
	deleteMost(ks.DB(0), rnd, 8000)
	for ks.DefragStats().Hits == 0 {
		ks.Defrag(0, 10)
	}
	f := ks.Freeze()
	before := ks.DefragStats()
	for range 100 {
		if !ks.Defrag(0, 10) {
			t.Fatal("the pass is over")
		}
	}
	if ks.DefragStats() != before {
		t.Error("blocks move while a view is open")
	}
	f.Close()
	ks.StopDefrag()
	for ks.Defrag(0, 10) {
	}
	if ks.DefragStats() != before {
		t.Error("blocks moved after the stop")
	}
	if err := ks.Arena().Check(); err != nil {
		t.Error(err)
	}
}

// A SCAN that is under way while everything moves comes past every key.
func TestDefragScan(t *testing.T) {
	ks := newTest(t, 1)
	db := ks.DB(0)
	rnd := rand.New(rand.NewPCG(7, 9))
	defragData(t, db, rnd, 4000)
	want := contents(ks)
	for range 3 {
		seen := map[string]bool{}
		for cursor := uint64(0); ; {
			cursor = db.Scan(cursor, func(e Entry) { seen["0"+string(e.Key())] = true })
			if cursor == 0 {
				break
			}
			ks.Defrag(0, 10)
		}
		for key := range want {
			if !seen[key] {
				t.Fatalf("SCAN has missed %q", key)
			}
		}
	}
	if !maps.Equal(contents(ks), want) {
		t.Error("the contents have changed")
	}
}
