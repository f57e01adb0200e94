package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/kv/btree"
)

// streamModel is a stream in plain Go.
type streamModel struct {
	entries []streamModelEntry
	info    StreamInfo
	groups  map[string]*groupModel
}

type streamModelEntry struct {
	id   StreamID
	args string
}

type groupModel struct {
	last      StreamID
	consumers map[string]bool
	pending   map[StreamID]pendingModel
}

type pendingModel struct {
	consumer string
	time     Millis
	count    int64
}

func (m *streamModel) render() string {
	var b strings.Builder
	m.info.Length = int64(len(m.entries))
	m.info.First = StreamID{}
	if len(m.entries) > 0 {
		m.info.First = m.entries[0].id
	}
	fmt.Fprintf(&b, "%v\n", m.info)
	for _, e := range m.entries {
		fmt.Fprintf(&b, "%v %s\n", e.id, e.args)
	}
	for _, name := range sortedKeys(m.groups) {
		g := m.groups[name]
		fmt.Fprintf(&b, "group %.30q %v\n", name, g.last)
		owned := map[string][]string{}
		ids := make([]StreamID, 0, len(g.pending))
		for id := range g.pending {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, StreamID.Compare)
		for _, id := range ids {
			p := g.pending[id]
			fmt.Fprintf(&b, " %v %.30q %d %d\n", id, p.consumer, p.time, p.count)
			owned[p.consumer] = append(owned[p.consumer], fmt.Sprint(id))
		}
		for _, c := range sortedKeys(g.consumers) {
			fmt.Fprintf(&b, " %.30q %v\n", c, owned[c])
		}
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// renderStream is streamModel.render of a real stream; entries are read from both ends.
func renderStream(s StreamView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", s.Info())
	line := func(it *StreamIter) string {
		var args [][]byte
		it.Each(func(f, v Elem) { args = append(args, f.Append(nil), v.Append(nil)) })
		return fmt.Sprintf("%v %s\n", it.ID(), shortArgs(args))
	}
	var back []string
	for it := s.Range(StreamID{}, MaxStreamID, true); it.Next(); {
		back = append(back, line(&it))
	}
	for it := s.Range(StreamID{}, MaxStreamID, false); it.Next(); {
		l := line(&it)
		if len(back) == 0 || back[len(back)-1] != l {
			return "the way back differs at " + l
		}
		back = back[:len(back)-1]
		b.WriteString(l)
	}
	s.EachGroup(func(g StreamGroup) bool {
		fmt.Fprintf(&b, "group %.30q %v\n", g.Name(), g.Last())
		g.PendingFrom(StreamID{}, func(p StreamPending) bool {
			fmt.Fprintf(&b, " %v %.30q %d %d\n", p.ID, p.Consumer.Name(), p.Time, p.Count)
			return true
		})
		g.EachConsumer(func(c StreamConsumer) bool {
			ids := []string(nil)
			c.PendingFrom(StreamID{}, func(p StreamPending) bool {
				ids = append(ids, fmt.Sprint(p.ID))
				return true
			})
			fmt.Fprintf(&b, " %.30q %v\n", c.Name(), ids)
			return true
		})
		return true
	})
	return b.String()
}

func shortArgs(args [][]byte) string {
	var out []string
	for _, a := range args {
		if len(a) > 20 {
			out = append(out, fmt.Sprintf("%q+%d", a[:5], len(a)))
		} else {
			out = append(out, fmt.Sprintf("%q", a))
		}
	}
	return strings.Join(out, " ")
}

// Streams follow a model through random changes, in views as they were at the freeze, copies as they were at the copy, and leave
// nothing behind.
func TestStreamModel(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { runStreams(t, seed) })
	}
}

func runStreams(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	ks := newTest(t, 2)
	empty := ks.UsedBytes()
	l := DefaultLimits()
	l.StreamEntries, l.StreamNodeBytes = []int{100, 7, 0, 1}[rng.IntN(4)], []int{4096, 200, 0, 60000}[rng.IntN(4)]
	ks.SetLimits(l)
	db := ks.DB(0)
	names := []string{"s", "t", strings.Repeat("k", 6000)}
	models := map[string]*streamModel{}
	words := []string{"a", "b", "12", "-7", "", "field", strings.Repeat("v", 70), strings.Repeat("w", 3000), strings.Repeat("big", 9000)}
	groupNames := []string{"g", "h", "", strings.Repeat("G", 5000)}
	var frozen *Frozen
	wanted := map[string]string{}
	done := make(chan error, 1)
	t.Cleanup(func() { // after a failure: nothing is closed under the reader
		if frozen != nil {
			<-done
			frozen.Close()
		}
	})
	for op := range 1200 {
		stir(ks)
		key := names[rng.IntN(len(names))]
		m := models[key]
		e, err := db.EditStream([]byte(key))
		if err != nil || e.Found() != (m != nil) {
			t.Fatalf("op %d: %v, found %v", op, err, e.Found())
		}
		id := func() StreamID {
			if m != nil && len(m.entries) > 0 && rng.IntN(8) > 0 {
				return m.entries[rng.IntN(len(m.entries))].id
			}
			return StreamID{rng.Uint64N(50), rng.Uint64N(3)}
		}
		switch k := rng.IntN(20); {
		case m == nil:
			if k == 0 {
				break // an edit that makes nothing
			}
			e.Create()
			models[key] = &streamModel{groups: map[string]*groupModel{}}
		case k < 8:
			next := StreamID{m.info.Last.Ms + rng.Uint64N(3), m.info.Last.Seq + 1 + rng.Uint64N(200)}
			var args [][]byte
			for range 1 + rng.IntN(2) + rng.IntN(6)/5*3 {
				w := words[rng.IntN(8)]
				if rng.IntN(40) == 0 {
					w = words[8]
				}
				args = append(args, []byte(words[rng.IntN(3)]), []byte(w))
			}
			e.Append(next, args)
			m.entries = append(m.entries, streamModelEntry{next, shortArgs(args)})
			m.info.Last = next
			m.info.Added++
		case k < 11:
			d := id()
			at := slices.IndexFunc(m.entries, func(e streamModelEntry) bool { return e.id == d })
			if e.Delete(d) != (at >= 0) {
				t.Fatalf("op %d: Delete(%v), want %v", op, d, at >= 0)
			}
			if at >= 0 {
				m.entries = slices.Delete(m.entries, at, at+1)
				if m.info.MaxDeleted.Less(d) {
					m.info.MaxDeleted = d
				}
			}
		case k == 11:
			keep := rng.IntN(len(m.entries) + 5)
			n := int(e.Trim(StreamTrim{Most: int64(keep)}))
			if n != max(len(m.entries)-keep, 0) {
				t.Fatalf("op %d: trimmed %d of %d to %d", op, n, len(m.entries), keep)
			}
			m.entries = m.entries[n:]
		case k == 12:
			by := id()
			n := int(e.Trim(StreamTrim{By: &by, Nodes: rng.IntN(2) == 0, Limit: int64(rng.IntN(2) * 9)}))
			if n > len(m.entries) || n > 0 && !m.entries[n-1].id.Less(by) {
				t.Fatalf("op %d: trimmed %d by %v", op, n, by)
			}
			m.entries = m.entries[n:]
		case k < 15:
			name := groupNames[rng.IntN(4)]
			if m.groups[name] == nil {
				e.CreateGroup([]byte(name), StreamID{}, 0)
				m.groups[name] = &groupModel{consumers: map[string]bool{}, pending: map[StreamID]pendingModel{}}
				break
			}
			if rng.IntN(8) == 0 {
				if !e.DestroyGroup([]byte(name)) {
					t.Fatalf("op %d: no group", op)
				}
				delete(m.groups, name)
			}
		default:
			name := groupNames[rng.IntN(4)]
			gm := m.groups[name]
			g, there := e.View().Group([]byte(name))
			if there != (gm != nil) {
				t.Fatalf("op %d: group %.30q found %v", op, name, there)
			}
			if !there {
				break
			}
			consumer := groupNames[rng.IntN(4)]
			c, _ := g.Consumer([]byte(consumer))
			switch {
			case !gm.consumers[consumer]:
				e.CreateConsumer(g, []byte(consumer), 1, NeverActive)
				gm.consumers[consumer] = true
			case rng.IntN(15) == 0:
				e.DeleteConsumer(g, c)
				delete(gm.consumers, consumer)
				for id, p := range gm.pending {
					if p.consumer == consumer {
						delete(gm.pending, id)
					}
				}
			case rng.IntN(4) == 0:
				d := id()
				_, pending := gm.pending[d]
				if e.Ack(g, d) != pending {
					t.Fatalf("op %d: Ack(%v), want %v", op, d, pending)
				}
				delete(gm.pending, d)
			default:
				for range 1 + rng.IntN(30) {
					d, at := id(), Millis(rng.IntN(1000))
					e.Deliver(g, c, d, at, 3)
					gm.pending[d] = pendingModel{consumer, at, 3}
					if gm.last.Less(d) {
						gm.last = d
						e.Advance(g, d)
					}
				}
			}
		}
		e.Done()
		if m = models[key]; m != nil && rng.IntN(4) == 0 {
			entry, _ := db.Lookup([]byte(key), 0)
			if got, want := renderStream(entry.Stream()), m.render(); got != want {
				t.Fatalf("op %d: got\n%.3000s\nwant\n%.3000s", op, got, want)
			}
			checkStream(t, entry)
		}
		switch rng.IntN(120) {
		case 0:
			if frozen == nil {
				frozen = ks.Freeze()
				clear(wanted)
				for k, m := range models {
					wanted[k] = m.render()
				}
				f, w := frozen, wanted
				go func() { done <- checkFrozenStreams(f, w) }()
			}
		case 1:
			if db.Delete([]byte(key)) != (models[key] != nil) {
				t.Fatalf("op %d: Delete", op)
			}
			delete(models, key)
		case 2:
			db.Unlink([]byte(key))
			delete(models, key)
		case 3:
			if models[key] != nil {
				ks.DB(1).Unlink([]byte("copy"))
				db.CopyTo([]byte(key), ks.DB(1), []byte("copy"))
				entry, _ := ks.DB(1).Lookup([]byte("copy"), 0)
				if got, want := renderStream(entry.Stream()), models[key].render(); got != want {
					t.Fatalf("op %d: copy\n%.3000s\nwant\n%.3000s", op, got, want)
				}
				checkStream(t, entry)
			}
		case 4:
			ks.LazyFree(time.Microsecond)
		}
		if frozen != nil {
			select {
			case err := <-done:
				frozen.Close()
				frozen = nil
				if err != nil {
					t.Fatal(err)
				}
			default:
			}
		}
	}
	if frozen != nil {
		err := <-done
		frozen.Close()
		frozen = nil
		if err != nil {
			t.Fatal(err)
		}
	}
	db.Flush(true)
	ks.DB(1).Flush(false)
	for ks.LazyFree(time.Second) {
	}
	if now := ks.UsedBytes(); now != empty {
		t.Errorf("%d bytes are left", now-empty)
	}
	if err := ks.Arena().Check(); err != nil {
		t.Error(err)
	}
}

func checkFrozenStreams(f *Frozen, want map[string]string) error {
	n := 0
	var err error
	f.DB(0).Each(func(it Item) bool {
		n++
		if got := renderStream(it.Value().Stream()); got != want[string(it.Key())] {
			err = fmt.Errorf("frozen %.10s: got\n%.2000s\nwant\n%.2000s", it.Key(), got, want[string(it.Key())])
		}
		return err == nil
	})
	if err == nil && n != len(want) {
		err = fmt.Errorf("%d frozen keys, want %d", n, len(want))
	}
	return err
}

// checkStream checks the trees, the counters of nodes and the account of the entry.
func checkStream(t *testing.T, entry Entry) {
	t.Helper()
	a := entry.db.ks.a
	s := entry.Stream()
	if err := btree.Open(a, &streamNodes, s.nodes).Check(nil); err != nil {
		t.Fatal(err)
	}
	if err := btree.Open(a, &streamNames, s.groups).Check(nil); err != nil {
		t.Fatal(err)
	}
	for _, it := range items(s.nodeTree()) {
		live, deleted := nodeCounts(a, it.Ref)
		p, _ := element(a, it.Ref).packed(a, nil)
		var r nodeReader
		for r.open(p, idOf(it.W), false); r.forward(); {
			if r.live() {
				live--
			} else {
				deleted--
			}
		}
		if live != 0 || deleted != 0 {
			t.Fatalf("node %v: counts are off by %d and %d", it.W, live, deleted)
		}
	}
	db, all := entry.db, int64(0)
	db.Each(func(e Entry) bool {
		all += e.Bytes()
		return true
	})
	if all != db.bytes {
		t.Fatalf("entries take %d bytes, the database says %d", all, db.bytes)
	}
}

// What Redis's radix tree would look like, by hand.
func TestStreamRadixNodes(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []StreamID
		want int
	}{
		{"none", nil, 1},
		{"one", []StreamID{{1, 1}}, 2},
		{"parted at the last byte", []StreamID{{1, 1}, {1, 2}}, 4},
		{"parted at the first", []StreamID{{1, 1}, {1 << 63, 1}}, 5},
		{"three in a row", []StreamID{{1, 1}, {1, 2}, {1, 3}}, 5},
		{"two branches", []StreamID{{1, 1}, {1, 2}, {2, 0}, {2, 9}}, 10},
	} {
		ks := newTest(t, 1)
		l := DefaultLimits()
		l.StreamEntries = 1
		ks.SetLimits(l)
		e, _ := ks.DB(0).EditStream([]byte("s"))
		e.Create()
		for _, id := range c.ids {
			e.Append(id, [][]byte{[]byte("a"), []byte("b")})
		}
		if got := e.View().RadixNodes(); got != c.want {
			t.Errorf("%s: %d nodes, want %d", c.name, got, c.want)
		}
		e.Done()
	}
}

// An entry costs no memory of the Go heap.
func TestStreamAppendAllocs(t *testing.T) {
	ks := newTest(t, 1)
	key, args := []byte("s"), [][]byte{[]byte("field"), bytes.Repeat([]byte("v"), 50)}
	id := StreamID{1, 0}
	add := func() {
		e, _ := ks.DB(0).EditStream(key)
		e.Create()
		id.Seq++
		e.Append(id, args)
		e.Done()
	}
	for range 1000 {
		add()
	}
	if n := testing.AllocsPerRun(1000, add); n > 0 {
		t.Errorf("%v allocations an entry", n)
	}
}
