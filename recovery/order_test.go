package recovery

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/snapshot"
)

// A large snapshot arrives in runs ordered by hash, each key once, with the value it has.
func TestLargeSnapshotsComeOrdered(t *testing.T) {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	value := func(i int) []byte {
		switch {
		case i%1000 == 0:
			return bytes.Repeat([]byte{byte(i), 'L'}, 40_000) // memory of its own
		case i%100 == 0:
			return bytes.Repeat([]byte{byte(i), 'M'}, 1000) // stays where it was read
		case i%10 == 0:
			return fmt.Append(nil, i) // an integer
		}
		return fmt.Appendf(nil, "value %d %x", i, i*i*i)
	}
	const keys = 150_000
	for i := range keys {
		ks.DB(i*2/keys*3).SetString(fmt.Appendf(nil, "key:%d", i), value(i), false)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	view := ks.Freeze()
	size, err := snapshot.Write(f, view, snapshot.Meta{NoCompress: true})
	view.Close()
	if err != nil || size < orderFrom {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	seed := dict.Seed{1, 2, 3}
	hash := func(key []byte) uint64 { return dict.Hash(&seed, key) }
	seen := make(map[string]bool, keys)
	steps, last := 0, uint64(0)
	o := runBoot(t, dir, func(o *Options) {
		o.AOF, o.Hash = false, hash
		o.LoadItems = func(items []snapshot.Item) error {
			for i := range items {
				it := &items[i]
				var n int
				if _, err := fmt.Sscanf(string(it.Key), "key:%d", &n); err != nil || seen[string(it.Key)] || it.DB != n*2/keys*3 {
					t.Fatalf("db %d key %q: %v", it.DB, it.Key, err)
				}
				seen[string(it.Key)] = true
				got := it.Value
				if it.IsInt {
					got = fmt.Append(nil, it.Int)
				}
				if !bytes.Equal(got, value(n)) {
					t.Fatalf("%q: %d bytes %.40q", it.Key, len(got), got)
				}
				if it.Hash != hash(it.Key) {
					t.Fatalf("%q: hash %x", it.Key, it.Hash)
				}
				if it.Hash < last {
					steps++
				}
				last = it.Hash
			}
			return nil
		}
	})
	if o.err != nil || len(seen) != keys || o.res.Keys != keys {
		t.Fatalf("%v, %d keys", o.err, len(seen))
	}
	// Neighbours within a bucket of the one pass may stand either way: that is about one key in four.
	if steps > keys/3 {
		t.Errorf("%d of %d keys stand behind a greater one", steps, keys)
	}
}
