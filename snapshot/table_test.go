package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"frankenredis/kv"
	"frankenredis/kv/dict"
)

// tables makes a hash, a set and a sorted set of n elements each, and a few small ones of each type with long elements.
func tables(t *testing.T, n int) *kv.Keyspace {
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	db := ks.DB(0)
	make := func(key string, n int, long int) {
		tail := bytes.Repeat([]byte("x"), long)
		h, _ := db.EditHash([]byte("hash" + key))
		s, members := kv.SetEdit{}, [][]byte(nil)
		for i := range n {
			members = append(members, append(fmt.Appendf(nil, "m%d", i), tail...))
			h.Set(members[i], fmt.Append(nil, i))
		}
		h.Done()
		s, _ = db.EditSet([]byte("set"+key), members[0], n)
		for _, m := range members {
			s.Add(m)
		}
		s.Done()
		z, _ := db.EditZSet([]byte("zset"+key), n, len(members[0]))
		for i, m := range members {
			z.Add(m, float64(i*7919%1009))
		}
		z.Done()
	}
	make("large", n, 0)
	make("long", 10, 100)
	make("huge", 10, 100_000)
	db.SetExpire([]byte("hashlarge"), 1<<50)
	return ks
}

// TestTables reads large and small tables with and without the hashes of their elements, in which case the parts are of other sizes, and stores
// them: each is what it was, in the encoding that commands would have given it.
func TestTables(t *testing.T) {
	const n = runElems + 7777
	from := tables(t, n)
	raw := write(t, from, Meta{})
	seed := dict.Seed{}
	for _, hash := range []func([]byte) uint64{nil, func(p []byte) uint64 { return dict.Hash(&seed, p) }} {
		rd := NewReader(bytes.NewReader(raw), Options{Hash: hash})
		to := kv.New(kv.Options{})
		b := NewBatch(8192, 4<<20)
		parts := 0
		for {
			err := rd.Next(b)
			for i := range b.Items {
				it := &b.Items[i]
				c := it.Coll
				if c != nil && c.Packed == nil && c.Pack == nil && (len(c.Order) != 0) != (hash != nil) {
					t.Fatalf("%s: an order of %d, hashes %t", it.Key, len(c.Order), hash != nil)
				}
				if c != nil && (c.Part || c.More) {
					parts++
				}
				if err := it.StoreNew(to.DB(0), to.DB(0).Hash(it.Key)); err != nil {
					t.Fatal(err)
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rd.Close()
		if few := 3*n/partElems > parts; few != (hash != nil) {
			t.Errorf("%d parts, hashes %t", parts, hash != nil)
		}
		from.DB(0).Each(func(was kv.Entry) bool {
			is, found := to.DB(0).Lookup(was.Key(), kv.NoTouch)
			if !found || is.Encoding() != was.Encoding() || is.Type() != was.Type() {
				t.Errorf("%s: found %t, encoding %v, not %v", was.Key(), found, is.Encoding(), was.Encoding())
				return false
			}
			a, timedA := was.Expire()
			if b, timedB := is.Expire(); a != b || timedA != timedB {
				t.Errorf("%s: expiry %d, not %d", was.Key(), b, a)
			}
			count := 0
			same := func(ok bool) bool {
				count++
				if !ok {
					t.Errorf("%s: element %d differs", was.Key(), count)
				}
				return ok
			}
			var x, y [20]byte
			switch was.Type() {
			case kv.Hash:
				was.Hash().Each(func(f, v kv.Elem) bool {
					got, found := is.Hash().Get(f.Bytes(x[:]))
					return same(found && got.Is(v.Bytes(y[:])))
				})
				same(is.Hash().Len() == was.Hash().Len())
			case kv.Set:
				was.Set().Each(func(m kv.Elem) bool { return same(is.Set().Has(m.Bytes(x[:]))) })
				same(is.Set().Len() == was.Set().Len())
			case kv.ZSet:
				a, b := was.ZSet().At(0), is.ZSet().At(0)
				for ; a.Valid() && same(b.Valid() && a.Score() == b.Score() && a.Member().Is(b.Member().Bytes(x[:]))); a.Next() {
					b.Next()
				}
				same(is.ZSet().Len() == was.ZSet().Len())
			}
			return true
		})
		to.Close()
	}
}
