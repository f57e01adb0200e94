package resp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func str(s string) Value    { return Value{Kind: BulkKind, Str: s} }
func integer(n int64) Value { return Value{Kind: IntKind, Int: n} }

var replies = []struct {
	name, input string
	want        Value
}{
	{"status", "+OK\r\n", Value{Kind: SimpleKind, Str: "OK"}},
	{"empty status", "+\r\n", Value{Kind: SimpleKind}},
	{"error", "-ERR no\r\n", Value{Kind: ErrorKind, Str: "ERR no"}},
	{"int", ":-42\r\n", integer(-42)},
	{"bulk", "$4\r\na\r\nb\r\n", str("a\r\nb")},
	{"empty bulk", "$0\r\n\r\n", str("")},
	{"null bulk", "$-1\r\n", Value{Kind: BulkKind, Null: true}},
	{"null array", "*-1\r\n", Value{Kind: ArrayKind, Null: true}},
	{"null", "_\r\n", Value{Kind: NullKind, Null: true}},
	{"empty array", "*0\r\n", Value{Kind: ArrayKind}},
	{"array", "*3\r\n$1\r\na\r\n:1\r\n+OK\r\n", Value{Kind: ArrayKind, Elems: []Value{str("a"), integer(1), {Kind: SimpleKind, Str: "OK"}}}},
	{"nested", "*2\r\n*1\r\n*0\r\n*1\r\n:2\r\n", Value{Kind: ArrayKind, Elems: []Value{
		{Kind: ArrayKind, Elems: []Value{{Kind: ArrayKind}}}, {Kind: ArrayKind, Elems: []Value{integer(2)}}}}},
	{"true", "#t\r\n", Value{Kind: BoolKind, Bool: true}},
	{"false", "#f\r\n", Value{Kind: BoolKind}},
	{"double", ",3.25\r\n", Value{Kind: DoubleKind, Str: "3.25", Float: 3.25}},
	{"double with exponent", ",1e-7\r\n", Value{Kind: DoubleKind, Str: "1e-7", Float: 1e-7}},
	{"infinity", ",-inf\r\n", Value{Kind: DoubleKind, Str: "-inf", Float: math.Inf(-1)}},
	{"double out of range", ",1e400\r\n", Value{Kind: DoubleKind, Str: "1e400", Float: math.Inf(1)}},
	{"big number", "(-123456789012345678901234567890\r\n", Value{Kind: BigKind, Str: "-123456789012345678901234567890"}},
	{"bulk error", "!7\r\nERR a\r\n\r\n", Value{Kind: BulkErrorKind, Str: "ERR a\r\n"}},
	{"verbatim", "=7\r\nmkd:a\nb\r\n", Value{Kind: VerbatimKind, Format: "mkd", Str: "a\nb"}},
	{"empty verbatim", "=4\r\ntxt:\r\n", Value{Kind: VerbatimKind, Format: "txt"}},
	{"map", "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n", Value{Kind: MapKind, Elems: []Value{str("a"), integer(1), str("b"), integer(2)}}},
	{"empty map", "%0\r\n", Value{Kind: MapKind}},
	{"set", "~1\r\n$1\r\na\r\n", Value{Kind: SetKind, Elems: []Value{str("a")}}},
	{"push", ">2\r\n$7\r\nmessage\r\n$1\r\nx\r\n", Value{Kind: PushKind, Elems: []Value{str("message"), str("x")}}},
	{"attribute", "|1\r\n+ttl\r\n:9\r\n$1\r\na\r\n", Value{Kind: BulkKind, Str: "a",
		Attributes: []Value{{Kind: SimpleKind, Str: "ttl"}, integer(9)}}},
	{"attribute of an array", "|1\r\n+a\r\n:1\r\n*1\r\n:2\r\n", Value{Kind: ArrayKind, Elems: []Value{integer(2)},
		Attributes: []Value{{Kind: SimpleKind, Str: "a"}, integer(1)}}},
	{"attribute of an element", "*2\r\n:1\r\n|1\r\n+a\r\n#t\r\n:2\r\n", Value{Kind: ArrayKind, Elems: []Value{integer(1),
		{Kind: IntKind, Int: 2, Attributes: []Value{{Kind: SimpleKind, Str: "a"}, {Kind: BoolKind, Bool: true}}}}}},
	{"attribute of the last element, an array", "*1\r\n|1\r\n+a\r\n+b\r\n*0\r\n", Value{Kind: ArrayKind, Elems: []Value{
		{Kind: ArrayKind, Attributes: []Value{{Kind: SimpleKind, Str: "a"}, {Kind: SimpleKind, Str: "b"}}}}}},
	{"two attributes", "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n", Value{Kind: IntKind, Int: 3,
		Attributes: []Value{{Kind: SimpleKind, Str: "a"}, integer(1), {Kind: SimpleKind, Str: "b"}, integer(2)}}},
	{"empty attribute", "|0\r\n:3\r\n", integer(3)},
	{"attribute within an attribute", "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n", Value{Kind: IntKind, Int: 3,
		Attributes: []Value{{Kind: SimpleKind, Str: "a"},
			{Kind: IntKind, Int: 2, Attributes: []Value{{Kind: SimpleKind, Str: "b"}, integer(1)}}}}},
}

func TestReplies(t *testing.T) {
	for _, c := range replies {
		t.Run(c.name, func(t *testing.T) {
			check := func(how string, src io.Reader) {
				t.Helper()
				var r ReplyReader
				for i := range 2 {
					got, err := r.Receive(src)
					if err != nil || !reflect.DeepEqual(got, c.want) {
						t.Fatalf("%s, reply %d: %+v, %v\nwant %+v", how, i, got, err, c.want)
					}
				}
				if _, err := r.Receive(src); err != io.EOF {
					t.Errorf("%s, at the end: %v", how, err)
				}
			}
			twice := c.input + c.input
			check("at once", strings.NewReader(twice))
			check("byte by byte", iotest.OneByteReader(strings.NewReader(twice)))
			for i := range twice {
				check("cut", io.MultiReader(strings.NewReader(twice[:i]), strings.NewReader(twice[i:])))
			}
			for i := 1; i < len(c.input); i++ {
				var r ReplyReader
				if v, err := r.Receive(strings.NewReader(c.input[:i])); err != io.ErrUnexpectedEOF {
					t.Fatalf("%d bytes: %+v, %v", i, v, err)
				}
			}
		})
	}
}

func TestNaN(t *testing.T) {
	var r ReplyReader
	r.Feed([]byte(",nan\r\n"))
	if v, ok, err := r.Next(); !ok || err != nil || !math.IsNaN(v.Float) {
		t.Errorf("%+v %v %v", v, ok, err)
	}
}

func TestBadReplies(t *testing.T) {
	for _, input := range []string{
		"\r\n", "\n", "OK\r\n", "+OK\n", "x1\r\n", "\x00\r\n",
		":\r\n", ":a\r\n", ":1.5\r\n", ":9223372036854775808\r\n",
		"$\r\n", "$-2\r\n", "$a\r\n", "$1\r\nab\r\n", "$1\r\na\n\n", "$1\r\na\rb", "$9223372036854775808\r\n",
		"!-1\r\n", "=-1\r\n", "=3\r\ntxt\r\n", "=5\r\ntext:\r\n",
		"*-2\r\n", "*a\r\n", "*9223372036854775808\r\n", "%-1\r\n", "~-1\r\n", ">-1\r\n", "|-1\r\n",
		"_a\r\n", "#\r\n", "#true\r\n", ",\r\n", ",0x1p-2\r\n", ",1_0\r\n", ",infinity\r\n", ",1.2.3\r\n",
		"(\r\n", "(-\r\n", "(12a\r\n", "*1\r\n+OK\n",
	} {
		for _, chunk := range []int{1, 1000} {
			var r ReplyReader
			var err error
			for _, p := range pieces([]byte(input), chunk) {
				r.Feed(p)
				if _, _, err = r.Next(); err != nil {
					break
				}
			}
			if !errors.Is(err, ErrBadReply) {
				t.Errorf("%q: %v", input, err)
			}
			r.Feed([]byte("+OK\r\n"))
			if v, ok, again := r.Next(); ok || again != err {
				t.Errorf("%q: after the error %+v, %v", input, v, again)
			}
		}
	}
}

func TestReplyLimits(t *testing.T) {
	small := ReplyReader{MaxBulk: 10, MaxDepth: 3, MaxElements: 6}
	for _, c := range []struct {
		name, input string
		r           ReplyReader
		err         error
	}{
		{"bulk fits", "$10\r\n0123456789\r\n", small, nil},
		{"bulk", "$11\r\n", small, ErrReplyLimit},
		{"verbatim", "=11\r\n", small, ErrReplyLimit},
		{"line fits", "+01234567\r\n", small, nil},
		{"line", "+0123456789\r\n", small, ErrReplyLimit},
		{"line without end", "+0123456789", small, ErrReplyLimit},
		{"depth fits", "*1\r\n*1\r\n*1\r\n:1\r\n", small, nil},
		{"depth", "*1\r\n*1\r\n*1\r\n*1\r\n", small, ErrReplyLimit},
		{"depth counts only what has elements", "*1\r\n*1\r\n*1\r\n*0\r\n", small, nil},
		{"depth of attributes", "|1\r\n|1\r\n|1\r\n|1\r\n", small, ErrReplyLimit},
		{"elements fit", "*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", small, nil},
		{"elements", "*7\r\n", small, ErrReplyLimit},
		{"pairs fit", "%3\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", small, nil},
		{"pairs", "%4\r\n", small, ErrReplyLimit},
		{"elements of all levels", "*2\r\n*2\r\n:1\r\n:1\r\n*3\r\n", small, ErrReplyLimit},
		{"attributes add up", "|1\r\n:1\r\n:1\r\n|1\r\n:1\r\n:1\r\n*3\r\n", small, ErrReplyLimit},
		{"default bulk", "$536870913\r\n", ReplyReader{}, ErrReplyLimit},
		{"default bulk near 2^63", "$9223372036854775807\r\n", ReplyReader{}, ErrReplyLimit},
		{"no limit near 2^63", "$9223372036854775807\r\n", ReplyReader{MaxBulk: math.MaxInt64}, ErrReplyLimit},
		{"default elements", "*16777217\r\n", ReplyReader{}, ErrReplyLimit},
		{"pairs near 2^63", "%9223372036854775807\r\n", ReplyReader{MaxElements: math.MaxInt64}, ErrReplyLimit},
		{"default depth", strings.Repeat("*1\r\n", 129), ReplyReader{}, ErrReplyLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.r
			r.Feed([]byte(c.input))
			_, ok, err := r.Next()
			if !errors.Is(err, c.err) || ok != (c.err == nil) {
				t.Errorf("%v, %v", ok, err)
			}
			if c.err != nil && !strings.Contains(err.Error(), "at byte ") {
				t.Errorf("no position: %v", err)
			}
		})
	}
	t.Run("limits are for each reply", func(t *testing.T) {
		r := small
		for range 10 {
			r.Feed([]byte("*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"))
			if _, ok, err := r.Next(); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	})
}

func TestReplyClaimsTakeNoMemory(t *testing.T) {
	took := allocated(func() {
		for range 100 {
			var r ReplyReader
			r.Feed([]byte("*1\r\n*16000000\r\n$500000000\r\nab"))
			if _, ok, err := r.Next(); ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	})
	if took > 1<<20 {
		t.Errorf("%d bytes", took)
	}
}

func TestLargeReply(t *testing.T) {
	value := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	w := Writer{Proto: 3}
	w.Array(2)
	w.Bulk(value)
	w.Bulk(value[1:])
	w.OK()
	var r ReplyReader
	src := bytes.NewReader(w.Buf)
	v, err := r.Receive(src)
	if err != nil || len(v.Elems) != 2 || v.Elems[0].Str != string(value) || v.Elems[1].Str != string(value[1:]) {
		t.Fatal(err, len(v.Elems))
	}
	if v, err = r.Receive(src); err != nil || v.Str != "OK" {
		t.Fatal(v, err)
	}
	r.compact()
	if cap(r.buf) > replyKept {
		t.Errorf("keeps a buffer of %d bytes", cap(r.buf))
	}
}

func TestTake(t *testing.T) {
	var r ReplyReader
	r.Feed([]byte("+FULLRESYNC\r\n$5\r\nREDIS"))
	if v, ok, err := r.Next(); !ok || err != nil || v.Str != "FULLRESYNC" {
		t.Fatal(v, ok, err)
	}
	if got := r.Buffered(); got != 9 {
		t.Errorf("Buffered %d", got)
	}
	if got := string(r.Take()); got != "$5\r\nREDIS" {
		t.Errorf("took %q", got)
	}
	r.Feed([]byte(":1\r\n"))
	if v, ok, err := r.Next(); !ok || err != nil || v.Int != 1 {
		t.Fatal(v, ok, err)
	}
}

func TestErr(t *testing.T) {
	for _, v := range []Value{{Kind: ErrorKind, Str: "ERR x"}, {Kind: BulkErrorKind, Str: "ERR x"}} {
		if err := v.Err(); err != ReplyError("ERR x") || err.Error() != "ERR x" {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if err := str("ERR x").Err(); err != nil {
		t.Error(err)
	}
}

// TestWriterAndReplyReader checks that what a Writer writes is what a ReplyReader reads.
func TestWriterAndReplyReader(t *testing.T) {
	w := Writer{Proto: 3}
	w.Attribute(1)
	w.Simple("a")
	w.Int(1)
	w.Map(2)
	w.BulkString("k")
	w.Double(0.1)
	w.Set(1)
	w.Bool(true)
	w.Push(3)
	w.Verbatim("txt", "v")
	w.BigNumber("12345678901234567890")
	w.Array(2)
	w.Null()
	w.NullArray()
	var r ReplyReader
	r.Feed(w.Buf)
	got, ok, err := r.Next()
	want := Value{
		Kind:       MapKind,
		Attributes: []Value{{Kind: SimpleKind, Str: "a"}, integer(1)},
		Elems: []Value{
			str("k"), {Kind: DoubleKind, Str: "0.1", Float: 0.1},
			{Kind: SetKind, Elems: []Value{{Kind: BoolKind, Bool: true}}},
			{Kind: PushKind, Elems: []Value{
				{Kind: VerbatimKind, Format: "txt", Str: "v"},
				{Kind: BigKind, Str: "12345678901234567890"},
				{Kind: ArrayKind, Elems: []Value{{Kind: NullKind, Null: true}, {Kind: NullKind, Null: true}}},
			}},
		},
	}
	if !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, %v\nwant %+v", got, ok, err, want)
	}
}
