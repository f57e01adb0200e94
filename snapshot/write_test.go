package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/snapshot/crc64"
)

// fill makes a keyspace with every form of string.
func fill(t testing.TB, n int) *kv.Keyspace {
	t.Helper()
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	ks.SetNow(1_700_000_000_000)
	for db, key := range []string{"a", "12", "-7", "00", strings.Repeat("long key ", 12)} {
		d := ks.DB(db % 3)
		for _, v := range []string{"", "x", "5", "-129", "32768", "2147483647", "2147483648", "-9223372036854775808",
			"9223372036854775808", "007", "12345678901", "-0", "+1", " 1", strings.Repeat("v", 20), strings.Repeat("v", 21),
			strings.Repeat("abc", 3000), strings.Repeat("0123456789abcdef", 20_000)} {
			d.SetString(fmt.Append([]byte(key), len(v), v[:min(len(v), 5)]), []byte(v), false)
		}
		d.SetString([]byte(key), []byte("plain"), false)
		d.SetExpire([]byte(key), kv.Millis(1_800_000_000_000+db))
	}
	for i := range n {
		ks.DB(5).SetString(fmt.Appendf(nil, "key:%d", i), fmt.Appendf(nil, "value %d", i*i), false)
	}
	return ks
}

// write makes a snapshot of the keyspace in memory.
func write(t testing.TB, ks *kv.Keyspace, m Meta) []byte {
	t.Helper()
	f := ks.Freeze()
	defer f.Close()
	var out bytes.Buffer
	size, err := Write(&out, f, m)
	if err != nil || size != int64(out.Len()) {
		t.Fatalf("size %d of %d, %v", size, out.Len(), err)
	}
	return out.Bytes()
}

// content shows a keyspace the way readAll shows a snapshot, less the encodings.
func content(ks *kv.Keyspace) (lines []string) {
	for i := range ks.Len() {
		ks.DB(i).Each(func(e kv.Entry) bool {
			it := Item{DB: i, Key: bytes.Clone(e.Key()), Value: e.AppendString(nil), ExpireMs: NoExpiry, Idle: -1, Freq: -1}
			if at, ok := e.Expire(); ok {
				it.ExpireMs = int64(at)
			}
			lines = append(lines, show(it))
			return true
		})
	}
	slices.Sort(lines)
	return lines
}

// load puts a snapshot into a new keyspace.
func load(t testing.TB, raw []byte) (*kv.Keyspace, *Info) {
	t.Helper()
	ks := kv.New(kv.Options{})
	t.Cleanup(ks.Close)
	ks.SetExpireMode(kv.ExpireIgnore)
	rd := NewReader(bytes.NewReader(raw), Options{Databases: ks.Len()})
	defer rd.Close()
	var b Batch
	for {
		err := rd.Next(&b)
		for _, it := range b.Items {
			if db := ks.DB(it.DB); it.IsInt {
				db.SetInt(it.Key, it.Int, false)
			} else {
				db.SetString(it.Key, it.Value, false)
			}
			if it.ExpireMs != NoExpiry {
				ks.DB(it.DB).SetExpire(it.Key, kv.Millis(it.ExpireMs))
			}
		}
		if err == io.EOF {
			return ks, rd.Info()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriteAndReadBack(t *testing.T) {
	ks := fill(t, 10_000)
	for _, m := range []Meta{{}, {NoCompress: true}, {NoChecksum: true}, {Version: 10}, {Version: 9}, {AOFBase: true, UsedMemory: 1 << 40}} {
		raw := write(t, ks, m)
		back, info := load(t, raw)
		if got, want := content(back), content(ks); !slices.Equal(got, want) {
			t.Fatalf("%+v: %d keys, want %d", m, len(got), len(want))
		}
		if (info.Checksum == 0) != m.NoChecksum {
			t.Errorf("%+v: checksum %x", m, info.Checksum)
		}
		if len(info.Sizes) != 4 || info.Sizes[3] != (DBSize{5, 10_000, 0}) || info.Sizes[0].Expires != 2 {
			t.Errorf("%+v: sizes %v", m, info.Sizes)
		}
	}
}

func TestMeta(t *testing.T) {
	id := strings.Repeat("0123456789", 4)
	raw := write(t, fill(t, 0), Meta{Created: time.Unix(1_700_000_000, 0), UsedMemory: 1 << 33, AOFBase: true,
		Replication: &Replication{ID: id, Offset: 1 << 40, DB: 3}, Functions: [][]byte{[]byte("#!lua name=a\n")}})
	_, info := load(t, raw)
	want := []AuxField{{"redis-ver", "7.2.4"}, {"redis-bits", "64"}, {"ctime", "1700000000"}, {"used-mem", "8589934592"},
		{"repl-stream-db", "3"}, {"repl-id", id}, {"repl-offset", "1099511627776"}, {"aof-base", "1"}}
	if !slices.Equal(info.Aux, want) || info.Version != 11 || string(info.Functions[0]) != "#!lua name=a\n" {
		t.Errorf("%+v", info)
	}
}

func TestAccessInformation(t *testing.T) {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	ks.SetNow(1_700_000_000_000)
	ks.DB(0).SetString([]byte("k"), []byte("v"), false)
	ks.SetNow(1_700_000_100_000)
	for _, c := range []struct {
		access Access
		want   string
	}{{AccessNone, `0 "k"="v"`}, {AccessIdle, `0 "k"="v" idle 100`}} {
		lines, _, _, err := readAll(bytes.NewReader(write(t, ks, Meta{Access: c.access})), Options{})
		if err != nil || lines[0] != c.want {
			t.Errorf("%v: %s, %v", c.access, lines[0], err)
		}
	}
	ks.SetPolicy(true, 10, 1)
	ks.DB(0).Delete([]byte("k"))
	ks.DB(0).SetString([]byte("k"), []byte("v"), false)
	lines, _, _, err := readAll(bytes.NewReader(write(t, ks, Meta{Access: AccessFreq})), Options{})
	if err != nil || lines[0] != `0 "k"="v" freq 5` {
		t.Errorf("%s, %v", lines[0], err)
	}
}

// An empty keyspace is 89 bytes of aux fields and end, as Redis writes for its first base.
func TestEmpty(t *testing.T) {
	var out bytes.Buffer
	if _, err := Write(&out, nil, Meta{AOFBase: true, Created: time.Unix(1_700_000_000, 0), UsedMemory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	lines, info, _, err := readAll(bytes.NewReader(out.Bytes()), Options{})
	if err != nil || len(lines) != 0 || len(info.Sizes) != 0 || out.Len() != 88 {
		t.Errorf("%d bytes, %v, %+v", out.Len(), err, info)
	}
	ks := kv.New(kv.Options{})
	defer ks.Close()
	if got := write(t, ks, Meta{AOFBase: true, Created: time.Unix(1_700_000_000, 0), UsedMemory: 1 << 20}); !bytes.Equal(got, out.Bytes()) {
		t.Errorf("an empty keyspace: %q", got)
	}
}

// failingWriter takes n bytes and then fails, or takes less than it is given.
type failingWriter struct {
	n     int
	short bool
}

var errDiskFull = errors.New("disk full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) <= w.n {
		w.n -= len(p)
		return len(p), nil
	}
	if w.short {
		return w.n, nil
	}
	return w.n, errDiskFull
}

func TestWriteErrors(t *testing.T) {
	ks := fill(t, 20_000)
	f := ks.Freeze()
	defer f.Close()
	for _, n := range []int{0, 10, 150_000, 400_000} {
		if size, err := Write(&failingWriter{n: n}, f, Meta{}); !errors.Is(err, errDiskFull) || size > int64(n) {
			t.Errorf("full after %d: %d, %v", n, size, err)
		}
		if _, err := Write(&failingWriter{n: n, short: true}, f, Meta{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("short after %d: %v", n, err)
		}
	}
	if _, err := Write(io.Discard, f, Meta{Version: 8}); err == nil {
		t.Error("version 8 was written")
	}
	var seen []int64
	stop := errors.New("stop")
	if _, err := Write(io.Discard, f, Meta{Progress: func(keys int64) error {
		if seen = append(seen, keys); keys > 5000 {
			return stop
		}
		return nil
	}}); err != stop || len(seen) < 4 {
		t.Errorf("%v after %v", err, seen)
	}
}

// The file of Redis 7.0.15, loaded and written again, has the same bytes for each key.
func TestSameBytesAsRedis(t *testing.T) {
	raw, err := os.ReadFile("testdata/redis-7.0.15-strings.rdb")
	if err != nil {
		t.Fatal(err)
	}
	ks, info := load(t, raw)
	ks.SetPolicy(true, 10, 1)
	// Loading under LRU left LRU clocks; the counters Redis saved are set now.
	for _, r := range records(t, raw) {
		ks.DB(r.db).SetFreq([]byte(r.key), 5)
	}
	back := write(t, ks, Meta{Version: 10, Access: AccessFreq, Functions: info.Functions})
	theirs, ours := records(t, raw), records(t, back)
	if len(theirs) != len(ours) {
		t.Fatalf("%d keys, want %d", len(ours), len(theirs))
	}
	for i := range theirs {
		if theirs[i] != ours[i] {
			t.Errorf("%q: %q, want %q", theirs[i].key, ours[i].bytes, theirs[i].bytes)
		}
	}
}

// record is one key's bytes in a snapshot.
type record struct {
	db         int
	key, bytes string
}

// records cuts a snapshot into its keys, sorted.
func records(t testing.TB, raw []byte) (out []record) {
	t.Helper()
	rd := NewReader(bytes.NewReader(raw), Options{})
	defer rd.Close()
	for {
		var b Batch
		err := rd.Next(&b)
		for _, it := range b.Items {
			out = append(out, record{it.DB, string(it.Key), string(raw[it.Pos:it.End])})
		}
		if err == io.EOF {
			slices.SortFunc(out, func(a, b record) int { return strings.Compare(fmt.Sprint(a.db, a.key), fmt.Sprint(b.db, b.key)) })
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	const keys = 100_000
	for i := range keys {
		sum := crc64.Checksum(fmt.Append(nil, i))
		ks.DB(0).SetString(fmt.Appendf(nil, "key:%012d", i), fmt.Appendf(nil, "%016x%016x%016x%016x", sum, sum*3, sum*5, sum*7), false)
	}
	f := ks.Freeze()
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		if n, err := Write(io.Discard, f, Meta{}); err != nil {
			b.Fatal(err)
		} else {
			b.SetBytes(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}

func ExampleWrite() {
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	ks.DB(0).SetString([]byte("greeting"), []byte("hello"), false)
	view := ks.Freeze() // from here on the keyspace may change
	defer view.Close()
	var file bytes.Buffer
	size, err := Write(&file, view, Meta{Created: time.Unix(1_700_000_000, 0)})
	fmt.Println(size == int64(file.Len()), err, string(file.Bytes()[:9]))
	// Output: true <nil> REDIS0011
}

// pieceWriter is told the pieces that are written and the yields between them.
type pieceWriter struct{ longest, pieces, yields int }

func (w *pieceWriter) Write(p []byte) (int, error) {
	w.longest = max(w.longest, len(p))
	w.pieces++
	return len(p), nil
}

// A snapshot in the background yields behind each piece and each few keys, however long a string is.
func TestYield(t *testing.T) {
	const keys, long = 10 * yieldEvery, 10 << 20
	ks := fill(t, keys)
	ks.DB(0).SetString([]byte("long"), make([]byte, long), false)
	for _, commands := range []bool{false, true} {
		w := &pieceWriter{}
		m := Meta{NoCompress: true, Yield: func() { w.yields++ }}
		f := ks.Freeze()
		var err error
		if commands {
			_, err = WriteCommands(w, f, m)
		} else {
			_, err = Write(w, f, m)
		}
		f.Close()
		if want := w.pieces + keys/yieldEvery; err != nil || w.longest > 256<<10 || w.pieces < long/(256<<10) || w.yields < want {
			t.Errorf("commands %v: pieces of up to %d bytes, %d pieces and %d yields, %v; want %d yields", commands, w.longest, w.pieces, w.yields, err, want)
		}
	}
}
