package recovery

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/snapshot"
	"frankenredis/snapshot/crc64"
)

const benchKeys = 1_000_000

// BenchmarkBoot loads a million keys of 16 bytes with values of 64 into a keyspace, from a snapshot and from a log.
func BenchmarkBoot(b *testing.B) {
	dir := b.TempDir()
	value := func(i int) []byte {
		sum := crc64.Checksum(fmt.Append(nil, i))
		return fmt.Appendf(nil, "%016x%016x%016x%016x", sum, sum*3, sum*5, sum*7)
	}
	makeBenchFiles(b, dir, value)
	seed := dict.Seed{1, 2, 3}
	hash := func(key []byte) uint64 { return dict.Hash(&seed, key) }
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"snapshot", func(o *Options) {}},
		{"snapshot ordered", func(o *Options) { o.Hash = hash }},
		{"snapshot decoded only", func(o *Options) { o.LoadItems = func([]snapshot.Item) error { return nil } }},
		{"log", func(o *Options) { o.AOF = true }},
		{"log decoded only", func(o *Options) { o.AOF = true; o.Apply = func([]Command) error { return nil } }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ks := kv.New(kv.Options{HashSeed: seed})
				ks.SetExpireMode(kv.ExpireIgnore)
				o := Options{Dir: dir,
					LoadItems: func(items []snapshot.Item) error {
						for i := range items {
							ks.DB(items[i].DB).SetString(items[i].Key, items[i].Value, false)
						}
						return nil
					},
					Apply: func(batch []Command) error {
						for i := range batch {
							ks.DB(batch[i].DB).SetString(batch[i].Args[1], batch[i].Args[2], false)
						}
						return nil
					}}
				c.change(&o)
				res, err := Boot(o)
				if err != nil {
					b.Fatal(err)
				}
				if res.Lock != nil {
					res.Lock.Close()
				}
				ks.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func makeBenchFiles(b *testing.B, dir string, value func(int) []byte) {
	b.Helper()
	ks := kv.New(kv.Options{})
	defer ks.Close()
	folder := filepath.Join(dir, "appendonlydir")
	if err := os.Mkdir(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	files(b, dir, map[string]string{aof + ".manifest": "file appendonly.aof.1.incr.aof seq 1 type i\n"})
	incr, err := os.Create(filepath.Join(dir, incr1))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(incr)
	for i := range benchKeys {
		key := fmt.Sprintf("key:%012d", i)
		ks.DB(0).SetString([]byte(key), value(i), false)
		fmt.Fprint(w, frame("SET", key, string(value(i))))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	incr.Close()
	f, err := os.Create(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		b.Fatal(err)
	}
	view := ks.Freeze()
	defer view.Close()
	if _, err := snapshot.Write(f, view, snapshot.Meta{}); err != nil {
		b.Fatal(err)
	}
	f.Close()
}
