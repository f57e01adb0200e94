package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"frankenredis/kv"
	"frankenredis/kv/listpack"
	"frankenredis/snapshot/crc64"
)

// signed gives a value a footer.
func signed(value []byte) []byte {
	p := append(bytes.Clone(value), Version, 0)
	return binary.LittleEndian.AppendUint64(p, crc64.Checksum(p))
}

// restored stores a payload in a keyspace of its own.
func restored(t testing.TB, payload []byte) (*kv.DB, error) {
	ks := kv.New(kv.Options{Databases: 1})
	t.Cleanup(ks.Close)
	return ks.DB(0), restoreTo(ks.DB(0), payload)
}

// restoreTo stores a payload under the key k, whatever was there.
func restoreTo(db *kv.DB, payload []byte) error {
	items, err := ParseDump(payload, Options{})
	if err != nil {
		return err
	}
	db.Delete([]byte("k"))
	for i := range items {
		if err := items[i].Store(db, []byte("k"), NoExpiry); err != nil {
			return err
		}
	}
	return nil
}

func redump(db *kv.DB, compress bool) []byte {
	e, _ := db.Lookup([]byte("k"), 0)
	return AppendDump(nil, e, compress)
}

// makeStream makes a stream with everything there is: several nodes, deleted entries, groups with and without consumers, more
// pending entries than one part holds.
func makeStream(t testing.TB, entries int) *kv.DB {
	ks := kv.New(kv.Options{Databases: 1})
	t.Cleanup(ks.Close)
	e, err := ks.DB(0).EditStream([]byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	e.Create()
	for i := range entries {
		e.Append(kv.StreamID{Ms: uint64(1 + i/3), Seq: uint64(1 + i)}, [][]byte{[]byte("a"), fmt.Append(nil, i), []byte("b"), []byte("text")}[:2+i%7/6*2])
	}
	e.Delete(kv.StreamID{Ms: 2, Seq: 5})
	names := []string{"g", "", "12", "other"}
	if entries > 100 {
		names[3] = strings.Repeat("long", 2000)
	}
	for _, name := range names {
		g, _ := e.CreateGroup([]byte(name), kv.StreamID{Ms: 5, Seq: 7}, int64(len(name))-1)
		if name == "12" {
			continue
		}
		for i, consumer := range []string{"c", "", "7", "idle"} {
			c, _ := e.CreateConsumer(g, []byte(consumer), 1_700_000_000_000, kv.NeverActive)
			for j := 0; j < entries && i < 3; j++ {
				if j%3 == i {
					e.Deliver(g, c, kv.StreamID{Ms: uint64(1 + j/3), Seq: uint64(1 + j)}, kv.Millis(1_700_000_000_000+j), int64(j%5))
				}
			}
		}
	}
	e.Done()
	return ks.DB(0)
}

func TestStreamRoundTrip(t *testing.T) {
	for _, entries := range []int{0, 1, 7, 250, 2500} {
		for _, compress := range []bool{false, true} {
			db := makeStream(t, entries)
			p := redump(db, compress)
			again, err := restored(t, p)
			if err != nil {
				t.Fatalf("%d entries: %v", entries, err)
			}
			if got := redump(again, compress); !bytes.Equal(got, p) {
				t.Errorf("%d entries: another dump: %d bytes, was %d", entries, len(got), len(p))
			}
			if items, _ := ParseDump(p, Options{}); entries == 2500 && len(items) < 5 {
				t.Errorf("a large stream came in %d parts", len(items))
			}
		}
	}
}

// A stream comes through a file as well, in parts that share batches with other keys.
func TestStreamFile(t *testing.T) {
	db := makeStream(t, 2500)
	want := redump(db, false)
	file := new(bytes.Buffer)
	enc := newEncoder(file, true, true)
	enc.raw([]byte(magic + "0011"))
	e, _ := db.Lookup([]byte("k"), 0)
	for _, key := range []string{"k", "l"} {
		enc.key(typeStream3, []byte(key), NoExpiry, -1, -1)
		enc.value(typeStream3, e.Value(), nil)
	}
	if err := enc.end(); err != nil {
		t.Fatal(err)
	}
	to := kv.New(kv.Options{Databases: 1})
	defer to.Close()
	r := NewReader(file, Options{})
	defer r.Close()
	var b Batch
	for {
		err := r.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Items {
			if err := b.Items[i].Store(to.DB(0), b.Items[i].Key, NoExpiry); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, key := range []string{"k", "l"} {
		e, found := to.DB(0).Lookup([]byte(key), 0)
		if !found || !bytes.Equal(AppendDump(nil, e, false), want) {
			t.Errorf("%s is another stream now", key)
		}
	}
}

// node is a node of entries that are all there, with ids beyond the node's.
func testNode(live, deleted int64, entries ...[]int64) []byte {
	p := listpack.AppendInt(listpack.AppendInt(listpack.New(nil), live), deleted)
	p = listpack.AppendInt(listpack.Append(listpack.AppendInt(p, 1), []byte("f")), 0)
	for _, e := range entries {
		for _, n := range e {
			p = listpack.AppendInt(p, n)
		}
	}
	return p
}

func rawID(ms, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq)
}

// streamPayload puts a payload together.
func streamPayload(typ byte, parts ...any) []byte {
	p := []byte{typ}
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			p = appendLen(p, uint64(part))
		case string:
			p = append(appendLen(p, uint64(len(part))), part...)
		case []byte: // an id or time as it stands
			p = append(p, part...)
		}
	}
	return signed(p)
}

// What stands at a wrong place, or twice, or not at all is refused before anything is stored.
func TestStreamDamage(t *testing.T) {
	one := string(testNode(1, 0, []int64{2, 0, 0, 7, 4}))
	id, time := rawID(1, 1), make([]byte, 8)
	head := []any{1, string(id), one, 1, 1, 1, 1, 1, 0, 0, 1}
	with := func(more ...any) []any { return append(append([]any{}, head...), more...) }
	node := func(p []byte, length int) []any {
		return []any{1, string(id), string(p), length, 9, 9, 1, 1, 0, 0, 1, 0}
	}
	for _, c := range []struct {
		name  string
		parts []any
		bad   string // empty: it is good
	}{
		{"no groups", with(0), ""},
		{"a group", with(1, "g", 1, 1, 1, 0, 0), ""},
		{"a pending entry", with(1, "g", 1, 1, 1, 1, id, time, 3, 1, "c", time, time, 1, id), ""},
		{"pending, not there any more", with(1, "g", 1, 1, 1, 1, rawID(0, 7), time, 3, 1, "c", time, time, 1, rawID(0, 7)), ""},
		{"pending without a consumer", with(1, "g", 1, 1, 1, 1, id, time, 3, 0), "without a consumer"},
		{"pending without a consumer, group behind", with(2, "g", 1, 1, 1, 1, id, time, 3, 0, "h", 1, 1, 1, 0, 0), "without a consumer"},
		{"pending twice", with(1, "g", 1, 1, 1, 2, id, time, 3, id, time, 3, 1, "c", time, time, 1, id), "twice"},
		{"owned, not pending", with(1, "g", 1, 1, 1, 0, 1, "c", time, time, 1, id), "not pending"},
		{"owned by two", with(1, "g", 1, 1, 1, 1, id, time, 3, 2, "c", time, time, 1, id, "d", time, time, 1, id), "another one"},
		{"owned twice", with(1, "g", 1, 1, 1, 1, id, time, 3, 1, "c", time, time, 2, id, id), "another one"},
		{"two consumers of a name", with(1, "g", 1, 1, 1, 0, 2, "c", time, time, 0, "c", time, time, 0), "twice"},
		{"two groups of a name", with(2, "g", 1, 1, 1, 0, 0, "g", 1, 1, 1, 0, 0), "twice"},
		{"length", []any{1, string(id), one, 2, 1, 1, 1, 1, 0, 0, 1, 0}, "says that it has 2"},
		{"last id", []any{1, string(id), one, 1, 1, 0, 1, 1, 0, 0, 1, 0}, "behind the last id"},
		{"short id", []any{1, "abc", one, 1, 1, 1, 1, 1, 0, 0, 1, 0}, "id of a node"},
		{"nodes in wrong order", []any{2, string(id), one, string(rawID(1, 0)), one, 2, 2, 2, 1, 1, 0, 0, 2, 0}, "out of order"},
		{"a node twice", []any{2, string(id), one, string(id), one, 2, 2, 2, 1, 1, 0, 0, 2, 0}, "out of order"},
		{"two entries", node(testNode(2, 0, []int64{2, 0, 0, 7, 4}, []int64{2, 1, 0, 7, 4}), 2), ""},
		{"other fields", node(testNode(1, 0, []int64{0, 0, 0, 1, 5, 6, 6}), 1), ""},
		{"a deleted entry", node(testNode(1, 1, []int64{3, 0, 0, 7, 4}, []int64{2, 1, 0, 7, 4}), 1), ""},
		{"all deleted", node(testNode(0, 1, []int64{3, 0, 0, 7, 4}), 0), ""},
		{"deleted, not counted", node(testNode(2, 0, []int64{3, 0, 0, 7, 4}, []int64{2, 1, 0, 7, 4}), 2), "counts"},
		{"entries in wrong order", node(testNode(2, 0, []int64{2, 0, 1, 7, 4}, []int64{2, 0, 0, 7, 4}), 2), "out of order"},
		{"an entry twice", node(testNode(2, 0, []int64{2, 0, 1, 7, 4}, []int64{2, 0, 1, 7, 4}), 2), "out of order"},
		{"an entry before its node", node(testNode(1, 0, []int64{2, 0, -1, 7, 4}), 1), "out of order"},
		{"unknown flag", node(testNode(1, 0, []int64{6, 0, 0, 7, 4}), 1), "breaks the format"},
		{"wrong lp-count", node(testNode(1, 0, []int64{2, 0, 0, 7, 5}), 1), "breaks the format"},
		{"an entry too many", node(testNode(1, 0, []int64{2, 0, 0, 7, 4}, []int64{2, 1, 0, 7, 4}), 1), "breaks the format"},
		{"an entry too few", node(testNode(2, 0, []int64{2, 0, 0, 7, 4}), 2), "breaks the format"},
		{"a huge count", node(testNode(1<<62, 0, []int64{2, 0, 0, 7, 4}), 1), "breaks the format"},
		{"many fields", node(testNode(1, 0, []int64{0, 0, 0, 1 << 62, 5, 6, 6}), 1), "breaks the format"},
		{"an empty node", node(listpack.New(nil), 0), "breaks the format"},
		{"no listpack", node([]byte("nonsense"), 1), "breaks the format"},
	} {
		_, err := restored(t, streamPayload(typeStream3, c.parts...))
		if c.bad == "" && err != nil || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.bad)
		}
	}
}

// Streams as servers before 7.0 and 7.2 wrote them, without the counters and times that came later.
func TestStreamOldTypes(t *testing.T) {
	one := string(testNode(1, 1, []int64{3, 0, 0, 7, 4}, []int64{2, 1, 0, 7, 4}))
	time := binary.LittleEndian.AppendUint64(nil, 1234)
	db, err := restored(t, streamPayload(typeStream, 1, string(rawID(1, 1)), one, 1, 2, 1, 2, "g", 2, 1, 1, rawID(2, 1), time, 1, 1, "c", time, 1, rawID(2, 1),
		"h", 1, 1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	e, _ := db.Lookup([]byte("k"), 0)
	s := e.Stream()
	if i := s.Info(); i.Added != 1 || (i.First != kv.StreamID{Ms: 2, Seq: 1}) || !i.MaxDeleted.Zero() {
		t.Errorf("type 15: %+v", i)
	}
	g, _ := s.Group([]byte("g"))
	h, _ := s.Group([]byte("h"))
	c, _ := g.Consumer([]byte("c"))
	if g.Read() != 1 || h.Read() != 0 || c.Active() != 1234 || c.Pending() != 1 {
		t.Errorf("type 15: read %d and %d, active %d", g.Read(), h.Read(), c.Active())
	}
	// DUMP of redis-server 7.0.15: two entries, one of them deleted, a group.
	p, err := hex.DecodeString(redis70Stream)
	if err != nil {
		t.Fatal(err)
	}
	if db, err = restored(t, p); err != nil {
		t.Fatal(err)
	}
	e, _ = db.Lookup([]byte("k"), 0)
	s = e.Stream()
	g, found := s.Group([]byte("g"))
	if i := s.Info(); !found || i.Length != 1 || i.Added != 2 || (i.MaxDeleted != kv.StreamID{Ms: 1, Seq: 1}) || g.Pending() != 1 || g.Read() != 1 {
		t.Errorf("type 19: %+v, group %v", i, found)
	}
	if c, found := g.Consumer([]byte("c")); !found || c.Active() != c.Seen() {
		t.Errorf("type 19: consumer %v", found)
	}
}

const redis70Stream = "13011000000000000000010000000000000001c3232806280000000f000160000781610200010301002001058162020401022015800a0101ff01020102010101020101670101010100000000000000010000000000000001cf0c8415a201000001010163cf0c8415a201000001000000000000000100000000000000010a000d47e7cf1d080662"

// Whatever the bytes are, they are refused or make a stream that can be dumped, and a dump of it is the same again.
func FuzzStream(f *testing.F) {
	for _, n := range []int{0, 1, 30} {
		p := redump(makeStream(f, n), false)
		f.Add(p[1 : len(p)-dumpFooter])
	}
	ks := kv.New(kv.Options{Databases: 1})
	f.Cleanup(ks.Close)
	db := ks.DB(0)
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, typ := range []byte{typeStream, typeStream2, typeStream3} {
			if restoreTo(db, signed(append([]byte{typ}, value...))) != nil {
				continue
			}
			first := redump(db, false)
			if err := restoreTo(db, first); err != nil {
				t.Fatalf("our own dump: %v", err)
			}
			if !bytes.Equal(redump(db, false), first) {
				t.Fatal("another dump")
			}
		}
	})
}

// A flipped bit in every byte, and a cut at every byte, behind a good checksum end the same way.
func TestStreamFlips(t *testing.T) {
	p := redump(makeStream(t, 8), false)
	p = p[:len(p)-dumpFooter]
	refused := 0
	ks := kv.New(kv.Options{Databases: 1})
	t.Cleanup(ks.Close)
	db := ks.DB(0)
	for i := 1; i < len(p); i++ {
		bit := i * 5 % 8
		q := bytes.Clone(p)
		q[i] ^= 1 << bit
		if err := restoreTo(db, signed(q)); err == nil {
			err = restoreTo(db, redump(db, true))
			if err != nil {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		} else if refused++; !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrDuplicate) {
			t.Fatalf("bit %d of byte %d: %v", bit, i, err)
		}
		if err := restoreTo(db, signed(p[:i])); err == nil {
			t.Fatalf("cut at %d: accepted", i)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}
