package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"frankenredis/kv"
)

// fillTypes makes a keyspace with a value of each type in each encoding, and returns it with the names of its keys. Streams lose
// nothing in version 9 unless their name says so.
func fillTypes(t testing.TB) *kv.Keyspace {
	t.Helper()
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	ks.SetNow(1_700_000_000_000)
	db := ks.DB(0)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db.SetString([]byte("string"), []byte("value"), false)
	sizes := map[string]int{"small": 7, "large": 3000}
	for size, n := range sizes {
		value := func(i int) []byte { return []byte(strings.Repeat(fmt.Sprint(i*i*i), i%5)) }
		h, err := db.EditHash([]byte("hash " + size))
		must(err)
		for i := range n {
			h.Set(fmt.Append(nil, "f", i), value(i))
		}
		h.Done()
		s, err := db.EditSet([]byte("set "+size), []byte("x"), n)
		must(err)
		for i := range n {
			s.Add(fmt.Append(nil, "m", i*7))
		}
		s.Done()
		z, err := db.EditZSet([]byte("zset "+size), n, 0)
		must(err)
		for i := range n {
			z.Add(fmt.Append(nil, i%3, "m", i), float64(i*i)/4)
		}
		z.Done()
		l, err := db.EditList([]byte("list " + size))
		must(err)
		for i := range n {
			l.Expect(1, len(value(i)))
			l.PushTail(value(i))
		}
		l.Done()
		s, err = db.EditSet([]byte("numbers "+size), []byte("1"), 0)
		must(err)
		for i := range n {
			s.Add(fmt.Append(nil, i*100_000))
		}
		s.Done()
	}
	big := []byte(strings.Repeat("plain element ", 1000))
	ks.SetPackedThreshold(1 << 10)
	l, err := db.EditList([]byte("list plain"))
	must(err)
	for _, v := range []string{"a", "17", string(big), "b"} {
		l.Expect(1, len(v))
		l.PushTail([]byte(v))
	}
	l.Done()
	for _, name := range []string{"stream", "stream with groups", "stream added", "stream active"} {
		e, err := db.EditStream([]byte(name))
		must(err)
		e.Create()
		for i := range 300 {
			e.Append(kv.StreamID{Ms: uint64(i + 1)}, [][]byte{[]byte("f"), fmt.Append(nil, i)})
		}
		switch name {
		case "stream added":
			e.Delete(kv.StreamID{Ms: 3})
		case "stream with groups", "stream active":
			g, _ := e.CreateGroup([]byte("g"), kv.StreamID{Ms: 300}, 300)
			c, _ := e.CreateConsumer(g, []byte("c"), 1_700_000_000_000, 1_700_000_000_000)
			e.Deliver(g, c, kv.StreamID{Ms: 7}, 1_700_000_000_000, 3)
			e.Active(c, 1_700_000_000_000)
			if name == "stream active" {
				e.Active(c, 1_700_000_000_001)
			}
		}
		e.Done()
	}
	return ks
}

// storeAll puts a snapshot of any types into a new keyspace.
func storeAll(t testing.TB, raw []byte) *kv.Keyspace {
	t.Helper()
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	ks.SetExpireMode(kv.ExpireIgnore)
	ks.SetPackedThreshold(1 << 10)
	rd := NewReader(bytes.NewReader(raw), Options{})
	defer rd.Close()
	var b Batch
	for {
		err := rd.Next(&b)
		for i := range b.Items {
			it := &b.Items[i]
			if err := it.Store(ks.DB(it.DB), it.Key, it.ExpireMs); err != nil {
				t.Fatalf("%q: %v", it.Key, err)
			}
		}
		if err == io.EOF {
			return ks
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// dumps is the DUMP of each key, tables sorted by what they say.
func dumps(ks *kv.Keyspace) map[string]string {
	all := map[string]string{}
	for i := range ks.Len() {
		ks.DB(i).Each(func(e kv.Entry) bool {
			name, v := fmt.Sprint(i, " ", string(e.Key())), e.Value()
			if !v.Encoding().IsPacked() && (v.Type() == kv.Hash || v.Type() == kv.Set) {
				var lines []string
				if v.Type() == kv.Hash {
					v.Hash().Each(func(f, w kv.Elem) bool {
						lines = append(lines, fmt.Sprintf("%q=%q", f.Bytes(nil), w.Bytes(nil)))
						return true
					})
				} else {
					v.Set().Each(func(m kv.Elem) bool {
						lines = append(lines, fmt.Sprintf("%q", m.Bytes(nil)))
						return true
					})
				}
				slices.Sort(lines)
				all[name] = v.Encoding().String() + strings.Join(lines, " ")
			} else {
				all[name] = string(AppendDump(nil, e, false))
			}
			return true
		})
	}
	return all
}

// What an older version holds comes back as it was, and no type is newer than the version.
func TestOldVersionsHoldAll(t *testing.T) {
	ks := fillTypes(t)
	want := dumps(ks)
	if len(want) != 16 {
		t.Fatalf("%d keys", len(want))
	}
	for version, newest := range map[int]byte{9: typeStream, 10: typeStream2, 11: typeStream3} {
		raw := write(t, ks, Meta{Version: version})
		types := map[byte]bool{}
		for _, r := range records(t, raw) {
			types[r.bytes[0]] = true
			if r.bytes[0] > newest {
				t.Errorf("version %d: %s has type %d", version, r.key, r.bytes[0])
			}
		}
		if version == 9 && (!types[typeList] || !types[typeListQuicklist] || !types[typeHashZiplist] || !types[typeZSetZiplist]) {
			t.Errorf("types %v", types)
		}
		got := dumps(storeAll(t, raw))
		for key, dump := range want {
			lossy := version < 11 && key == "0 stream active" || version < 10 && key == "0 stream added"
			if same := got[key] == dump; same == lossy {
				t.Errorf("version %d: %s: the same is %v", version, key, same)
			}
		}
	}
}

// A packed value that may be no ziplist is a table, and a list is written element by element.
func TestTablesInsteadOfZiplists(t *testing.T) {
	ks := fillTypes(t)
	var out bytes.Buffer
	e := newEncoder(&out, true, true)
	e.version = 9
	e.raw([]byte(magic + "0009"))
	for key, typ := range map[string]byte{"hash small": typeHash, "zset small": typeZSet2, "list small": typeList, "list plain": typeList} {
		entry, _ := ks.DB(0).Lookup([]byte(key), 0)
		e.key(typ, []byte(key), NoExpiry, -1, -1)
		e.value(typ, entry.Value(), nil)
	}
	if err := e.end(); err != nil {
		t.Fatal(err)
	}
	want := dumps(ks)
	for key, dump := range dumps(storeAll(t, out.Bytes())) {
		if dump != want[key] {
			t.Errorf("%s is another value", key)
		}
	}
}
