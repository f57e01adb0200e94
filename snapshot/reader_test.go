package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"frankenredis/snapshot/crc64"
)

// readAll reads a whole snapshot and shows its keys, one a line, in order.
func readAll(r io.Reader, o Options) (lines []string, info *Info, end int64, err error) {
	rd := NewReader(r, o)
	defer rd.Close()
	var b Batch
	for {
		err := rd.Next(&b)
		for _, it := range b.Items {
			lines = append(lines, show(it))
		}
		if err == io.EOF {
			return lines, rd.Info(), rd.Pos(), nil
		}
		if err != nil {
			return lines, rd.Info(), rd.Pos(), err
		}
	}
}

func show(it Item) string {
	s := fmt.Sprintf("%d %q=", it.DB, it.Key)
	if it.IsInt {
		s += fmt.Sprint(it.Int)
	} else if len(it.Value) > 70 {
		s += fmt.Sprintf("%d bytes %016x", len(it.Value), crc64.Checksum(it.Value))
	} else {
		s += fmt.Sprintf("%q", it.Value)
	}
	if it.Compressed {
		s += " lzf"
	}
	if it.ExpireMs != NoExpiry {
		s += fmt.Sprintf(" expire %d", it.ExpireMs)
	}
	if it.Idle >= 0 {
		s += fmt.Sprintf(" idle %d", it.Idle)
	}
	if it.Freq >= 0 {
		s += fmt.Sprintf(" freq %d", it.Freq)
	}
	return s
}

// finish ends a hand-made snapshot with its checksum.
func finish(body string) []byte {
	p := append([]byte(body), opEOF)
	return binary.LittleEndian.AppendUint64(p, crc64.Checksum(p))
}

// A file that Redis 7.0.15 wrote under allkeys-lfu with every encoding of strings in it.
func TestReadsRedisFile(t *testing.T) {
	raw, err := os.ReadFile("testdata/redis-7.0.15-strings.rdb")
	if err != nil {
		t.Fatal(err)
	}
	lines, info, end, err := readAll(bytes.NewReader(raw), Options{})
	if err != nil || end != int64(len(raw)) {
		t.Fatalf("end %d of %d, %v", end, len(raw), err)
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{
		`0 "int8"=-5 freq 5`, `0 "int16"=1000 freq 5`, `0 "int32"=-70000 freq 5`, `0 "int64"="12345678901" freq 5`,
		`0 "empty"="" freq 5`, `0 "short"="hello" freq 5`, `0 "digits20"="12345678901234567890" freq 5`,
		`0 "padded"="007" freq 5`, `0 "long"="Frankenstein Frankenstein Frankenstein Frankenstein Frankenstein" lzf freq 5`,
		`0 "123"="numeric-key" freq 5`, `0 "big"=20001 bytes`, `3 "other"="db" expire 4102444800123 freq 5`,
		`15 "last"="one" freq 5`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s in\n%s", want, got)
		}
	}
	if info.Version != 10 || info.Keys != 14 || len(info.Functions) != 1 || !bytes.HasPrefix(info.Functions[0], []byte("#!lua name=lib")) {
		t.Errorf("info %+v", info)
	}
	if v, ok := info.AuxValue("redis-ver"); !ok || v != "7.0.15" {
		t.Errorf("redis-ver %q", v)
	}
	if v, _ := info.AuxValue("redis-bits"); v != "64" {
		t.Errorf("redis-bits %q", v)
	}
	want := []DBSize{{0, 12, 1}, {3, 1, 1}, {15, 1, 0}}
	if fmt.Sprint(info.Sizes) != fmt.Sprint(want) {
		t.Errorf("sizes %v, want %v", info.Sizes, want)
	}
	if _, ok := info.AuxValue("none"); ok {
		t.Error("an aux field that is not there was found")
	}
}

func TestReadsEveryVersion(t *testing.T) {
	for version := MinVersion; version <= MaxVersion; version++ {
		body := fmt.Sprintf("REDIS%04d\xfe\x02\xfd\x10\x00\x00\x00\x00\x01k\x01v\x00\xc1\x07\x00\x40\x03abc", version)
		raw := finish(body)
		if version < checksumSince {
			raw = raw[:len(raw)-8]
		}
		lines, info, end, err := readAll(bytes.NewReader(append(raw, "tail"...)), Options{})
		if err != nil || end != int64(len(raw)) || info.Version != version {
			t.Fatalf("version %d: end %d, %v", version, end, err)
		}
		if got := strings.Join(lines, ", "); got != `2 "k"="v" expire 16000, 2 "7"="abc"` {
			t.Fatalf("version %d: %s", version, got)
		}
	}
}

func TestReadsAllOpcodes(t *testing.T) {
	body := "REDIS0012" +
		"\xfa\x03a-b\xc0\x05" + // aux with an integer as value
		"\xf7\x81" + "\x12\x34\x56\x78\x9a\xbc\x04\x01" + "\x02\x01" + // module aux, when: before the keys
		"\x01\x05" + "\x02\x80\x00\x00\x00\x07" + "\x03abcd" + "\x04abcdefgh" + "\x05\x02hi" + "\x05\xc0\x01" + "\x05\xc3\x02\x05\x00a" + "\x00" +
		"\xf5\x05#!lua" +
		"\xfe\x00\xfb\x02\x01\xf4\x01\x02\x00" +
		"\xfc\x01\x00\x00\x00\x00\x00\x00\x00\xf8\x05\x00\x01a\x01b" + // expiry, idle
		"\xf9\xff\x00\xc0\x0a\xc2\x00\x00\x00\x80" + // frequency; an integer as key
		"\xfc\xfe\xff\xff\xff\xff\xff\xff\xff\x00\x01c\x00" + "\xfd\xff\xff\xff\xff\x00\x01d\x00" + // expiries before 1970
		"\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01e\x00" + "\xfd\x01\x00\x00\x00" // none, and one of no key
	lines, info, _, err := readAll(bytes.NewReader(finish(body)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines, ", "); got != `0 "a"="b" expire 1 idle 5, 0 "10"=-2147483648 freq 255, 0 "c"="" expire 0, 0 "d"="" expire 0, 0 "e"=""` {
		t.Error(got)
	}
	if fmt.Sprint(info.Modules) != "[EjRWeJq8B]" || fmt.Sprint(info.Aux) != "[{a-b 5}]" || string(info.Functions[0]) != "#!lua" {
		t.Errorf("%+v", info)
	}
}

// A tool passes over values of modules' types; whatever their pieces, what stands behind them is found.
func TestSkipsModules(t *testing.T) {
	raw := finish("REDIS0011\xfd\x10\x00\x00\x00\x07\x01m\x81\x12\x34\x56\x78\x9a\xbc\x04\x01\x02\x05\x05\x02hi\x00\x00\x01k\x01v")
	rd := NewReader(bytes.NewReader(raw), Options{SkipModules: true})
	defer rd.Close()
	var b Batch
	if err := rd.Next(&b); err != nil || len(b.Items) != 2 {
		t.Fatal(b.Items, err)
	}
	if m, k := b.Items[0], b.Items[1]; m.Module != "EjRWeJq8B" || m.ExpireMs != 16000 || k.Module != "" || string(k.Value) != "v" || k.ExpireMs != NoExpiry {
		t.Errorf("%+v, %+v", m, k)
	}
	_, losses, done := convert(t, raw, 11)
	if fmt.Sprint(losses) != "[0 m: "+LostModuleValue+": EjRWeJq8B]" || done.Keys != 1 {
		t.Errorf("converted: %q, %+v", losses, done)
	}
}

// What cannot be read is an error of the right kind that says where, and for a key which.
func TestErrors(t *testing.T) {
	const head = "REDIS0011"
	whole := string(finish(head + "\xfe\x00\x00\x01k\x01v"))
	for _, c := range []struct {
		name, in string
		kind     error
		pos      int64
		text     string
	}{
		{"nothing", "", ErrTruncated, 0, "input ends at 0"},
		{"another file", "RADIS0011", ErrSignature, 0, `"RADIS"`},
		{"version 0", "REDIS0000", ErrVersion, 0, "version 0"},
		{"version 13", "REDIS0013", ErrVersion, 0, "version 13"},
		{"version no number", "REDISx011", ErrVersion, 0, "version 0"},
		{"module type", head + "\xfe\x01\x07\x06mymod!\x00", ErrUnsupported, 11, `db 1 key "mymod!": The RDB file contains module data I can't load: no matching module type 'AAAAAAAAA'`},
		{"old module type", head + "\xfe\x01\x06\x06mymod!\x00", ErrUnsupported, 11, "Pre-release module format not supported"},
		{"stream after expiry", head + "\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x15\x01s", ErrTruncated, 9, `key "s": the input ends at 21`},
		{"unknown type", head + "\x63", ErrCorrupt, 9, "type 99"},
		{"database too high", head + "\xfe\x10\x00\x01k\x01v", ErrDatabase, 9, "database 16 of 16"},
		{"length form", head + "\x00\x82abc", ErrCorrupt, 9, "malformed length"},
		{"string encoding", head + "\x00\xc4", ErrCorrupt, 9, "encoding 4"},
		{"encoded count", head + "\xfe\xc0\x01", ErrCorrupt, 9, "malformed length"},
		{"value too long", head + "\x00\x01k\x80\x7f\xff\xff\xff", ErrCorrupt, 9, `key "k"`},
		{"value of 2^63", head + "\x00\x01k\x81\xff\xff\xff\xff\xff\xff\xff\xff", ErrCorrupt, 9, "at most"},
		{"value cut", head + "\x00\x01k\x40\xffabc", ErrTruncated, 9, "input ends at 17"},
		{"impossible lzf", head + "\x00\x01k\xc3\x02\x50\x00\x00a", ErrCorrupt, 9, "cannot be"},
		{"bad lzf", head + "\x00\x01k\xc3\x02\x05\x20\x05", ErrCorrupt, 9, "malformed LZF"},
		{"function of a candidate", head + "\xf6\x01a", ErrUnsupported, 9, "Pre-release"},
		{"module piece", head + "\xf7\x01\x03\x01", ErrCorrupt, 9, "kind 3"},
		{"module piece inside", head + "\xf7\x01\x02\x01\x09", ErrCorrupt, 9, "kind 9"},
		{"no end", head + "\x00\x01k\x01v", ErrTruncated, 14, "input ends at 14"},
		{"no checksum", whole[:len(whole)-1], ErrTruncated, 16, "input ends"},
		{"wrong checksum", whole[:len(whole)-1] + "\x00", ErrChecksum, 16, "computed"},
	} {
		_, _, _, err := readAll(strings.NewReader(c.in), Options{Databases: 16, MaxString: 1 << 20})
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, c.kind) || e.Pos != c.pos && c.pos != 0 || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v (pos %d)", c.name, err, e.Pos)
		}
	}
}

// A file cut anywhere is an error; a file with any bit changed is an error, or the change is one that its reader does
// not need: nothing is served that differs.
func TestCutAndFlip(t *testing.T) {
	raw, err := os.ReadFile("testdata/redis-7.0.15-strings.rdb")
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, _, _, err := readAll(bytes.NewReader(raw[:n]), Options{}); err == nil {
			t.Fatalf("cut at %d: no error", n)
		} else if e := new(Error); !errors.As(err, &e) || e.Pos > int64(n) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	for n := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[n] ^= 1 << bit
			_, info, _, err := readAll(bytes.NewReader(bad), Options{})
			// Versions below 5 have no checksum, that is how old files are: 10 is two bits away from all of them.
			if err == nil && info.Version >= checksumSince {
				t.Fatalf("bit %d of byte %d: no error", bit, n)
			}
		}
	}
}

func TestChecksumRules(t *testing.T) {
	good := finish("REDIS0011\x00\x01k\x01v")
	none := append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...)
	wrong := append(bytes.Clone(good[:len(good)-8]), "12345678"...)
	if _, info, _, err := readAll(bytes.NewReader(none), Options{}); err != nil || info.Checksum != 0 {
		t.Errorf("zero means none: %v", err)
	}
	if _, _, _, err := readAll(bytes.NewReader(wrong), Options{SkipChecksum: true}); err != nil {
		t.Errorf("skipped: %v", err)
	}
	if _, _, _, err := readAll(bytes.NewReader(wrong), Options{}); !errors.Is(err, ErrChecksum) {
		t.Errorf("wrong: %v", err)
	}
}

// Elements that lie across the blocks of reading ahead, in every way, and a reader that gives little at a time.
func TestBlockBoundaries(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for _, base := range []int{16 << 10, 16<<10 + blockBytes} {
		for delta := -70; delta <= 10; delta++ {
			e := newEncoder(io.Discard, true, true)
			var out bytes.Buffer
			e.w = &out
			e.raw([]byte("REDIS0011"))
			fill := base + delta - 9 - 8 - 16
			e.opcode(typeString)
			e.str([]byte("fill"))
			value := make([]byte, fill)
			for i := range value {
				value[i] = byte(rnd.Uint32())
			}
			e.length(uint64(fill))
			e.raw(value)
			e.key(typeString, []byte("key"), 123456789, 77777, -1)
			e.number(-123456)
			e.key(typeString, []byte("key2"), 5, -1, 9)
			e.str(bytes.Repeat([]byte("ab"), 50))
			if err := e.end(); err != nil {
				t.Fatal(err)
			}
			lines, _, end, err := readAll(bytes.NewReader(out.Bytes()), Options{})
			if err != nil || len(lines) != 3 || end != int64(out.Len()) ||
				lines[1] != `0 "key"=-123456 expire 123456789 idle 77777` || !strings.HasSuffix(lines[2], "lzf expire 5 freq 9") {
				t.Fatalf("base %d delta %d: %v %q", base, delta, err, lines[1:])
			}
		}
	}
	raw := finish("REDIS0011\x00\x01k\x01v")
	if _, _, _, err := readAll(iotest.OneByteReader(bytes.NewReader(raw)), Options{}); err != nil {
		t.Error(err)
	}
	failing := io.MultiReader(bytes.NewReader(raw[:12]), iotest.ErrReader(io.ErrNoProgress))
	if _, _, _, err := readAll(failing, Options{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("the reader's own error: %v", err)
	}
}

// Items stay as they are until their batch is used again.
func TestBatchOwnsItsBytes(t *testing.T) {
	var out bytes.Buffer
	e := newEncoder(&out, false, true)
	e.raw([]byte("REDIS0011"))
	const keys = 5000
	for i := range keys {
		e.key(typeString, fmt.Appendf(nil, "key:%d", i), NoExpiry, -1, -1)
		e.str(bytes.Repeat([]byte{byte(i) | 0x80}, i%300))
		e.settle()
	}
	e.key(typeString, []byte("large"), NoExpiry, -1, -1)
	e.str(bytes.Repeat([]byte("x"), 3*batchBytes))
	if err := e.end(); err != nil {
		t.Fatal(err)
	}
	rd := NewReader(&out, Options{})
	defer rd.Close()
	var batches []*Batch
	for {
		b := new(Batch)
		if err := rd.Next(b); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	n := 0
	for _, b := range batches {
		for _, it := range b.Items {
			if n == keys {
				if string(it.Key) != "large" || len(it.Value) != 3*batchBytes {
					t.Fatalf("%q, %d bytes", it.Key, len(it.Value))
				}
				break
			}
			if string(it.Key) != fmt.Sprintf("key:%d", n) || !bytes.Equal(it.Value, bytes.Repeat([]byte{byte(n) | 0x80}, n%300)) {
				t.Fatalf("key %d: %q", n, it.Key)
			}
			n++
		}
	}
	if n != keys || len(batches) < 10 {
		t.Fatalf("%d keys in %d batches", n, len(batches))
	}
}

// A length of gigabytes over a short input must not allocate gigabytes.
func TestLyingLengthsCostNothing(t *testing.T) {
	for _, in := range []string{
		"REDIS0011\x00\x80\xf0\x00\x00\x00abc",
		"REDIS0011\x00\x01k\xc3\x80\x70\x00\x00\x00\x80\xf0\x00\x00\x00abc",
		"REDIS0011\xfa\x80\xf0\x00\x00\x00abc",
	} {
		var b Batch
		rd := NewReader(strings.NewReader(in), Options{})
		err := rd.Next(&b)
		rd.Close()
		if !errors.Is(err, ErrTruncated) {
			t.Errorf("%q: %v", in, err)
		}
		if cap(rd.packed) > 1<<20 {
			t.Errorf("%q: %d bytes held", in, cap(rd.packed))
		}
	}
}

func FuzzReader(f *testing.F) {
	raw, err := os.ReadFile("testdata/redis-7.0.15-strings.rdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(finish("REDIS0012\xfe\x00\xfb\x02\x01\xf4\x01\x02\x00\x00\x01k\xc3\x02\x05\x00a"))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _, end, err := readAll(bytes.NewReader(p), Options{MaxString: 1 << 20, SkipChecksum: true})
		if err == nil && end > int64(len(p)) {
			t.Fatalf("end %d of %d", end, len(p))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	var out bytes.Buffer
	e := newEncoder(&out, true, true)
	e.raw([]byte("REDIS0011"))
	rnd := rand.New(rand.NewPCG(1, 1))
	const keys = 100_000
	value := make([]byte, 64)
	for i := range keys {
		for j := range value {
			value[j] = byte(rnd.Uint32())
		}
		e.key(typeString, fmt.Appendf(nil, "key:%012d", i), NoExpiry, -1, -1)
		e.str(value)
		e.settle()
	}
	if err := e.end(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(out.Len()))
	b.ReportAllocs()
	var batch Batch
	for b.Loop() {
		rd := NewReader(bytes.NewReader(out.Bytes()), Options{})
		for {
			if err := rd.Next(&batch); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		rd.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}

func ExampleReader() {
	file := "REDIS0011\xfe\x00\x00\x08greeting\x05hello\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	r := NewReader(strings.NewReader(file), Options{})
	defer r.Close()
	var b Batch
	for {
		err := r.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, it := range b.Items {
			fmt.Printf("db %d: %s = %s\n", it.DB, it.Key, it.Value)
		}
	}
	fmt.Println("version", r.Info().Version)
	// Output:
	// db 0: greeting = hello
	// version 11
}
