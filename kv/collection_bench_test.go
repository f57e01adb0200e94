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
	z, _ := db.EditZSet([]byte("zset"), 1000, 10)
	for i := range 1000 {
		z.Add(member(i), float64(i))
	}
	z.Done()
	x, _ := db.EditStream([]byte("stream"))
	x.Create()
	x.Done()
	v := []byte("xxx")
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			from := cpuTime(b)
			f(b)
			b.ReportMetric(float64(cpuTime(b)-from)/float64(b.N), "cpu-ns/op")
		})
	}
	pushPop := func(tail bool) func(b *testing.B) {
		return func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				l := editList()
				switch {
				case i&1 != 0:
					l.Take(tail, func(Elem) {})
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
	run("SetIntersect300", func(b *testing.B) {
		e, _ := db.Lookup([]byte("set"), 0)
		set, n := e.Set(), 0
		x := db.ProbeSet(set)
		for b.Loop() {
			set.Each(func(m Elem) bool {
				if x.Has(m) {
					n++
				}
				return true
			})
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
