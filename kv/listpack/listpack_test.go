package listpack

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// build is a listpack of strings.
func build(items ...string) []byte {
	p := New(nil)
	for _, s := range items {
		p = Append(p, []byte(s))
	}
	return p
}

// values walks a listpack forward.
func values(p []byte) []string {
	var items []string
	for at := First(p); at != None; at = Next(p, at) {
		items = append(items, string(AppendValue(nil, p, at)))
	}
	return items
}

// entries is the hex of everything between header and end mark.
func entries(p []byte) string { return hex.EncodeToString(p[headerLen : len(p)-1]) }

func TestEmpty(t *testing.T) {
	p := New(nil)
	if got := hex.EncodeToString(p); got != "070000000000ff" {
		t.Errorf("%s", got)
	}
	if !Validate(p, nil) || Len(p) != 0 || First(p) != None || Last(p) != None || Seek(p, 0) != None || Seek(p, -1) != None {
		t.Error("not empty")
	}
	if Find(p, First(p), nil, 0) != None {
		t.Error("found something")
	}
}

func TestEncoding(t *testing.T) {
	for _, c := range []struct{ value, entry string }{
		{"0", "0001"},
		{"127", "7f01"},
		{"128", "c08002"},
		{"-1", "dfff02"},
		{"4095", "cfff02"},
		{"-4096", "d00002"},
		{"4096", "f1001003"},
		{"-4097", "f1ffef03"},
		{"32767", "f1ff7f03"},
		{"-32768", "f1008003"},
		{"32768", "f200800004"},
		{"-32769", "f2ff7fff04"},
		{"8388607", "f2ffff7f04"},
		{"-8388608", "f200008004"},
		{"8388608", "f30000800005"},
		{"-8388609", "f3ffff7fff05"},
		{"2147483647", "f3ffffff7f05"},
		{"-2147483648", "f30000008005"},
		{"2147483648", "f4000000800000000009"},
		{"-2147483649", "f4ffffff7fffffffff09"},
		{"9223372036854775807", "f4ffffffffffffff7f09"},
		{"-9223372036854775808", "f4000000000000008009"},
		{"", "8001"},
		{"a", "816102"},
		{"-", "812d02"},
		{"-0", "822d3003"},
		{"00", "82303003"},
		{"01", "82303103"},
		{"+1", "822b3103"},
		{" 1", "82203103"},
		{"1 ", "82312003"},
		{"1a", "82316103"},
		{"1.0", "83312e3004"},
		{"--1", "832d2d3104"},
		{"9223372036854775808", "933932323333373230333638353437373538303814"},
		{"-9223372036854775809", "942d3932323333373230333638353437373538303915"},
		{"18446744073709551616", "94" + hex.EncodeToString([]byte("18446744073709551616")) + "15"},
		{"99999999999999999999", "94" + hex.EncodeToString([]byte("99999999999999999999")) + "15"},
	} {
		p := build(c.value)
		if got := entries(p); got != c.entry {
			t.Errorf("%q: %s, want %s", c.value, got, c.entry)
		}
		if got := values(p); len(got) != 1 || got[0] != c.value {
			t.Errorf("%q: read as %q", c.value, got)
		}
		if got := EntrySize([]byte(c.value)); 2*got != len(c.entry) {
			t.Errorf("%q: EntrySize %d", c.value, got)
		}
		if n, err := strconv.ParseInt(c.value, 10, 64); err == nil && strconv.FormatInt(n, 10) == c.value {
			q := AppendInt(New(nil), n)
			if entries(q) != c.entry || EntrySizeInt(n)*2 != len(c.entry) {
				t.Errorf("AppendInt %d: %s, EntrySizeInt %d", n, entries(q), EntrySizeInt(n))
			}
			if s, got, isInt := Get(q, First(q)); s != nil || got != n || !isInt {
				t.Errorf("Get: %q %d %v, want %d", s, got, isInt, n)
			}
		} else if s, _, isInt := Get(p, First(p)); isInt || string(s) != c.value {
			t.Errorf("Get: %q %v, want %q", s, isInt, c.value)
		}
	}
}

// A long string: what stands before it and behind it.
func TestStringLengths(t *testing.T) {
	for _, c := range []struct {
		n          int
		head, back string
	}{
		{63, "bf", "40"},
		{64, "e040", "42"},
		{125, "e07d", "7f"},
		{126, "e07e", "0180"},
		{4095, "efff", "2081"},
		{4096, "f000100000", "2085"},
		{16377, "f0f93f0000", "7ffe"},     // body 16382
		{16378, "f0fa3f0000", "00ffff"},   // body 16383: two bytes could tell, Redis takes three
		{16379, "f0fb3f0000", "018080"},   // body 16384
		{2097145, "f0f9ff1f00", "7ffffe"}, // body 2097150
		{2097146, "f0faff1f00", "00ffffff"},
		{2097147, "f0fbff1f00", "01808080"},
	} {
		s := strings.Repeat("x", c.n)
		p := build("a", s, "b")
		e := Seek(p, 1)
		size := entryLen(p, e)
		if head := hex.EncodeToString(p[e : e+len(c.head)/2]); head != c.head {
			t.Errorf("%d: begins %s, want %s", c.n, head, c.head)
		}
		if back := hex.EncodeToString(p[e+size-len(c.back)/2 : e+size]); back != c.back {
			t.Errorf("%d: ends %s, want %s", c.n, back, c.back)
		}
		if size != EntrySize([]byte(s)) || size != len(c.head)/2+c.n+len(c.back)/2 {
			t.Errorf("%d: %d bytes, EntrySize %d", c.n, size, EntrySize([]byte(s)))
		}
		if !Validate(p, nil) || Prev(p, Last(p)) != e || Prev(p, e) != First(p) || Find(p, First(p), []byte(s), 0) != e {
			t.Errorf("%d: lost", c.n)
		}
	}
	if n := backSize(268435454); n != 4 {
		t.Errorf("%d", n)
	}
	if n := backSize(268435455); n != 5 {
		t.Errorf("%d", n)
	}
}

func TestChange(t *testing.T) {
	abc := func() []byte { return build("a", "10", "c") }
	for _, c := range []struct {
		name string
		got  []byte
		want []string
	}{
		{"append", Append(abc(), []byte("d")), []string{"a", "10", "c", "d"}},
		{"append integer", AppendInt(abc(), -5), []string{"a", "10", "c", "-5"}},
		{"prepend", Prepend(abc(), []byte("d")), []string{"d", "a", "10", "c"}},
		{"prepend integer", PrependInt(abc(), 1<<40), []string{"1099511627776", "a", "10", "c"}},
		{"insert before", Insert(abc(), Seek(abc(), 1), []byte("d")), []string{"a", "d", "10", "c"}},
		{"insert after", InsertAfter(abc(), Seek(abc(), 1), []byte("d")), []string{"a", "10", "d", "c"}},
		{"insert after the last", InsertAfter(abc(), Last(abc()), []byte("d")), []string{"a", "10", "c", "d"}},
		{"replace longer", Replace(abc(), Seek(abc(), 1), []byte("longer")), []string{"a", "longer", "c"}},
		{"replace shorter", Replace(abc(), Seek(abc(), 0), nil), []string{"", "10", "c"}},
		{"replace last", ReplaceInt(abc(), Last(abc()), 99), []string{"a", "10", "99"}},
		{"delete", Delete(abc(), Seek(abc(), 1), 1), []string{"a", "c"}},
		{"delete nothing", Delete(abc(), Seek(abc(), 1), 0), []string{"a", "10", "c"}},
		{"delete too many", Delete(abc(), Seek(abc(), 1), 10), []string{"a"}},
		{"delete all", Delete(abc(), First(abc()), 3), nil},
		{"delete range", DeleteRange(abc(), 0, 2), []string{"c"}},
		{"delete range from the end", DeleteRange(abc(), -2, 1), []string{"a", "c"}},
		{"delete range too far", DeleteRange(abc(), 3, 1), []string{"a", "10", "c"}},
		{"delete range too far from the end", DeleteRange(abc(), -4, 1), []string{"a", "10", "c"}},
		{"delete range of none", DeleteRange(abc(), 0, 0), []string{"a", "10", "c"}},
		{"delete range beyond the end", DeleteRange(abc(), 1, math.MaxInt), []string{"a"}},
		{"merge", Merge(abc(), build("x", "y")), []string{"a", "10", "c", "x", "y"}},
		{"merge nothing", Merge(abc(), New(nil)), []string{"a", "10", "c"}},
		{"merge into nothing", Merge(New(nil), abc()), []string{"a", "10", "c"}},
	} {
		if string(c.got) != string(build(c.want...)) {
			t.Errorf("%s: %q (% x), want %q", c.name, values(c.got), c.got, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	p := build("f", "v", "10", "11", "", "10", "v", "10")
	// A string that spells an integer, and an integer in a longer form than needed, as other programs may write them.
	foreign := forge(8, "8131", "f10a00", "e0016e", "f4ffffffffffffffff")
	for _, c := range []struct {
		name     string
		p        []byte
		from     int
		s        string
		skip     int
		want     int // index, -1: none
		validate bool
	}{
		{name: "first", p: p, s: "f", want: 0},
		{name: "value", p: p, s: "v", want: 1},
		{name: "integer", p: p, s: "10", want: 2},
		{name: "no integer", p: p, s: "010", want: -1},
		{name: "empty", p: p, s: "", want: 4},
		{name: "none", p: p, s: "x", want: -1},
		{name: "from later", p: p, from: 3, s: "10", want: 5},
		{name: "keys only", p: p, s: "v", skip: 1, want: 6},
		{name: "values only", p: p, from: 1, s: "v", skip: 1, want: 1},
		{name: "values only, integer", p: p, from: 1, s: "10", skip: 1, want: 5},
		{name: "skip two", p: p, s: "11", skip: 2, want: 3},
		{name: "skip beyond the end", p: p, from: 1, s: "x", skip: 100, want: -1},
		{name: "foreign string of digits", p: foreign, s: "1", want: 0},
		{name: "foreign integer", p: foreign, s: "10", want: 1},
		{name: "foreign long head", p: foreign, s: "n", want: 2},
		{name: "foreign minus one", p: foreign, s: "-1", want: 3},
	} {
		if !Validate(c.p, nil) {
			t.Fatalf("%s: not valid: % x", c.name, c.p)
		}
		want := None
		if c.want >= 0 {
			want = Seek(c.p, c.want)
		}
		if got := Find(c.p, Seek(c.p, c.from), []byte(c.s), c.skip); got != want {
			t.Errorf("%s: at %d, want %d", c.name, got, want)
		}
	}
	if Find(p, None, []byte("f"), 0) != None {
		t.Error("found from nowhere")
	}
}

// forge is a listpack of bodies in hex, to each of which the back length is added.
func forge(capacity int, bodies ...string) []byte {
	p := append(make([]byte, 0, capacity), New(nil)...)
	p = p[:headerLen]
	for _, b := range bodies {
		body, err := hex.DecodeString(b)
		if err != nil {
			panic(err)
		}
		back := make([]byte, backSize(len(body)))
		putBack(back, len(body))
		p = append(append(p, body...), back...)
	}
	p = append(p, endMark)
	setTotal(p)
	setCount(p, len(bodies))
	return p
}

// With 65535 entries and more the header does not tell how many.
func TestUncounted(t *testing.T) {
	p := make([]byte, 0, 3*70000)
	p = New(p)
	for i := range 65534 {
		p = AppendInt(p, int64(i%100))
	}
	header := func(p []byte, want int) {
		t.Helper()
		if got := binary.LittleEndian.Uint16(p[4:]); int(got) != want {
			t.Errorf("header says %d, want %d", got, want)
		}
	}
	header(p, 65534)
	one := build("x")
	if q := Merge(slices.Clone(p), one); Len(q) != 65535 {
		t.Errorf("%d entries merged", Len(q))
	} else {
		header(q, 65535)
	}
	p = Append(p, []byte("last"))
	header(p, 65535)
	p = Prepend(p, []byte("first"))
	header(p, 65535)
	if n := Len(p); n != 65536 || !Validate(p, nil) {
		t.Errorf("%d entries", n)
	}
	for _, c := range []struct {
		i    int
		want string
	}{{0, "first"}, {1, "0"}, {-1, "last"}, {-65536, "first"}, {-2, "33"}, {65535, "last"}} {
		at := Seek(p, c.i)
		if at == None || string(AppendValue(nil, p, at)) != c.want {
			t.Errorf("Seek %d: %d, want %q", c.i, at, c.want)
		}
	}
	if Seek(p, 65536) != None || Seek(p, -65537) != None {
		t.Error("found beyond the ends")
	}
	Recount(p)
	header(p, 65535)
	p = DeleteRange(p, -3, 3)
	header(p, 65535)
	if n := Len(p); n != 65533 {
		t.Errorf("%d entries", n)
	}
	if q := Merge(slices.Clone(p), one); Len(q) != 65534 {
		t.Errorf("%d entries merged", Len(q))
	} else {
		header(q, 65534)
	}
	Recount(p)
	header(p, 65533)
	if !Validate(p, nil) {
		t.Error("not valid")
	}
}

func TestMemory(t *testing.T) {
	buf := make([]byte, 0, 1<<10)
	p := New(buf)
	for i := range 50 {
		p = Append(p, fmt.Appendf(nil, "element %d", i))
	}
	if &p[0] != &buf[:1][0] {
		t.Error("moved though there was room")
	}
	s := []byte("something else")
	if n := testing.AllocsPerRun(100, func() {
		p = Insert(p, Seek(p, 7), s)
		p = Replace(p, Seek(p, 7), s[:3])
		p = Delete(p, Seek(p, 7), 1)
		if Find(p, First(p), s, 0) != None {
			t.Error("found")
		}
		Validate(p, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !Safe(p, MaxBytes-len(p)) || Safe(p, MaxBytes-len(p)+1) || Safe(p, math.MaxUint32) {
		t.Error("Safe")
	}
}
