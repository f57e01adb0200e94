package kv

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// benchKey is a key of 16 bytes.
func benchKey(buf []byte, i int) []byte {
	buf = append(buf[:0], "key:000000000000"...)
	for p := 15; i > 0; p, i = p-1, i/10 {
		buf[p] = byte('0' + i%10)
	}
	return buf
}

// loaded is a keyspace with n keys of 16 bytes and values of 64.
func loaded(b testing.TB, n int) *Keyspace {
	ks := New(Options{Databases: 1, RandomSeed: 1})
	ks.SetNow(1_700_000_000_000)
	val, buf := make([]byte, 64), make([]byte, 0, 16)
	for i := range n {
		binary.LittleEndian.PutUint64(val, uint64(i))
		ks.DB(0).SetString(benchKey(buf, i), val, false)
	}
	return ks
}

func BenchmarkSmall(b *testing.B) {
	const n = 1 << 20
	ks := loaded(b, n)
	defer ks.Close()
	db := ks.DB(0)
	rnd := rand.New(rand.NewPCG(1, 1))
	buf, val, dst := make([]byte, 0, 16), make([]byte, 64), make([]byte, 0, 64)
	b.Run("Lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := db.Lookup(benchKey(buf, rnd.IntN(n)), 0); !ok {
				b.Fatal("lost")
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e, _ := db.Lookup(benchKey(buf, rnd.IntN(n)), 0)
			dst = e.AppendString(dst[:0])
		}
	})
	b.Run("GetHot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e, _ := db.Lookup(benchKey(buf, rnd.IntN(100)), 0)
			dst = e.AppendString(dst[:0])
		}
	})
	b.Run("Set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			db.SetString(benchKey(buf, rnd.IntN(n)), val, false)
		}
	})
	b.Run("SetHot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			db.SetString(benchKey(buf, rnd.IntN(100)), val, false)
		}
	})
	b.Run("SetDelete", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			key := benchKey(buf, n+i%1000)
			db.SetString(key, val, false)
			db.Delete(key)
		}
	})
	b.Run("SetStringExpire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			db.SetStringExpire(benchKey(buf, rnd.IntN(n)), val, ks.Now()+1000)
		}
	})
	b.Run("Incr", func(b *testing.B) {
		b.ReportAllocs()
		key := []byte("counter")
		db.SetInt(key, 0, false)
		for b.Loop() {
			e, _ := db.Lookup(key, 0)
			v, _ := e.Int()
			db.SetInt(key, v+1, true)
		}
	})
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		key, tail := []byte("log"), []byte("0123456789")
		for i := 0; b.Loop(); i++ {
			if i%1_000_000 == 0 {
				db.Delete(key)
			}
			db.AppendString(key, tail)
		}
	})
	b.Run("SetRangeBig", func(b *testing.B) {
		b.ReportAllocs()
		key := []byte("big")
		db.SetRange(key, 64<<20-1, []byte{1})
		for b.Loop() {
			db.SetRange(key, rnd.IntN(64<<20-64), val)
		}
	})
}

// BenchmarkFootprint reports what 3 million keys of 16 bytes with values of 64 cost, and what a freeze and a garbage
// collection take with them loaded.
func BenchmarkFootprint(b *testing.B) {
	const n = 3_000_000
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		ks := loaded(b, n)
		load := time.Since(start)
		runtime.GC()
		start = time.Now()
		runtime.GC()
		gc := time.Since(start)
		runtime.ReadMemStats(&after)
		start = time.Now()
		f := ks.Freeze()
		freeze := time.Since(start)
		start = time.Now()
		seen, buf := 0, []byte(nil)
		f.DB(0).Each(func(it Item) bool {
			buf = it.AppendString(append(buf[:0], it.Key()...))
			seen++
			return true
		})
		each := time.Since(start)
		f.Close()
		if seen != n {
			b.Fatalf("saw %d of %d", seen, n)
		}
		s := ks.Arena().Stats()
		b.ReportMetric(float64(ks.UsedBytes())/n, "used-B/key")
		b.ReportMetric(float64(s.PageBytes+int64(after.HeapAlloc)-int64(before.HeapAlloc))/n, "all-B/key")
		b.ReportMetric(float64(gc.Microseconds()), "gc-us")
		b.ReportMetric(float64(freeze.Microseconds()), "freeze-us")
		b.ReportMetric(float64(load.Nanoseconds())/n, "load-ns/key")
		b.ReportMetric(float64(each.Nanoseconds())/n, "each-ns/key")
		ks.Close()
		b.StartTimer()
	}
}
