package kv

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Collections as tables, in data that is cached: what their operations cost beside memory.
func BenchmarkTable(b *testing.B) {
	ks := New(Options{Databases: 1, RandomSeed: 1})
	defer ks.Close()
	ks.SetNow(1_700_000_000_000)
	db := ks.DB(0)
	member := func(i int) []byte { return []byte("member:" + strconv.Itoa(i)) }
	editList := func() ListEdit {
		l, err := db.EditList([]byte("list"))
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	l := editList()
	for i := range 20_000 {
		l.Expect(1, 1<<20)
		l.PushTail(member(i))
	}
	l.Done()
	s, _ := db.EditSet([]byte("set"), member(0), 200)
	for i := range 300 {
		s.Add(member(i))
	}
	s.Done()
	w, _ := db.EditSet([]byte("words"), member(0), 0)
	for i := range 100 {
		w.Add(member(i))
	}
	w.Done()
	n, _ := db.EditSet([]byte("ints"), []byte("0"), 0)
	for i := range 300 {
		n.Add([]byte(strconv.Itoa(i)))
	}
	n.Done()
	z, _ := db.EditZSet([]byte("zset"), 1000, 10)
	for i := range 1000 {
		z.Add(member(i), float64(i))
	}
	z.Done()
	x, _ := db.EditStream([]byte("stream"))
	x.Create()
	x.Done()
	v := []byte("xxx")
	building := int64(0) // cpuTime of what is not measured
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			from := cpuTime(b)
			building = 0
			f(b)
			b.ReportMetric(float64(cpuTime(b)-from-building)/float64(b.N), "cpu-ns/op")
		})
	}
	pushPop := func(tail bool) func(b *testing.B) {
		return func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				l := editList()
				switch {
				case i&1 != 0:
					l.Take(1, tail, func(Elem) {})
				case tail:
					l.PushTail(v)
				default:
					l.PushHead(v)
				}
				l.Shrink()
				l.Done()
			}
		}
	}
	run("PushPopHead", pushPop(false))
	run("PushPopTail", pushPop(true))
	run("StreamAppend", func(b *testing.B) {
		args := [][]byte{[]byte("field"), []byte("value")}
		for id := (StreamID{1, 0}); b.Loop(); id.Seq++ {
			x, _ := db.EditStream([]byte("stream"))
			x.Append(id, args)
			x.Trim(StreamTrim{Most: 10_000, Nodes: true})
			x.Done()
		}
	})
	for _, name := range []string{"set", "words", "ints"} {
		run("SetIntersect/"+name, func(b *testing.B) {
			e, _ := db.Lookup([]byte(name), 0)
			set, n := e.Set(), 0
			count := func(Elem) bool { n++; return true }
			for b.Loop() {
				if set.Joins(set) {
					db.JoinSets(set, set, true, count)
					continue
				}
				x := db.ProbeSet(set)
				x.Expect(set.Len())
				set.Each(func(m Elem) bool { return !x.Has(m) || count(m) })
				x.Close()
			}
		})
	}
	run("ZSetDeleteRange", func(b *testing.B) {
		const members = 100_000
		left := 0
		db.Delete([]byte("removed"))
		for b.Loop() {
			if left == 0 {
				b.StopTimer()
				from := cpuTime(b)
				z, _ := db.EditZSet([]byte("removed"), 0, 0)
				for i := range members {
					z.Add(member(i), float64(i*7919%members))
				}
				z.Done()
				left = members
				building += cpuTime(b) - from
				b.StartTimer()
			}
			z, _ := db.EditZSet([]byte("removed"), 0, 0)
			z.DeleteRange(0, 1000)
			z.Done()
			left -= 1000
		}
	})
	run("ZSetRange10", func(b *testing.B) {
		e, _ := db.Lookup([]byte("zset"), 0)
		n := 0
		for b.Loop() {
			e.ZSet().Range(500, 510, false, false, func(m Elem, _ float64) { n += m.Len() })
		}
	})
	run("ZSetMove", func(b *testing.B) {
		rnd := rand.New(rand.NewPCG(1, 1))
		for b.Loop() {
			z, _ := db.EditZSet([]byte("zset"), 0, 0)
			m := member(rnd.IntN(1000))
			was, _ := z.Score(m)
			z.Move(m, was, rnd.Float64()*1000)
			z.Done()
		}
	})
	run("ListRange100", func(b *testing.B) {
		e, _ := db.Lookup([]byte("list"), 0)
		n := 0
		for b.Loop() {
			e.List().Range(0, 100, func(m Elem) { n += m.Len() })
		}
	})
}

// cpuTime is the processor time of the process: unlike the clock it tells little of what else the machine does.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkPopScored takes the lowest member of a sorted set of 100,000 and gives it back.
func BenchmarkPopScored(b *testing.B) {
	ks := New(Options{Databases: 1})
	defer ks.Close()
	db, key := ks.DB(0), []byte("z")
	member := func(i int) []byte { return []byte("element:" + strconv.Itoa(i)) }
	z, err := db.EditZSet(key, 100_000, 10)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100_000 {
		z.Add(member(i), float64(i))
	}
	z.Done()
	buf := make([]byte, 0, 64)
	for b.Loop() {
		z, err := db.EditZSet(key, 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		cur := z.At(0)
		buf = cur.Member().Append(buf[:0])
		score := cur.Score()
		z.DeleteRange(0, 1)
		z.Add(buf, score)
		z.Done()
	}
}
