package resp

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(*Writer)
		resp2 string
		resp3 string // empty: the same
	}{
		{"OK", (*Writer).OK, "+OK\r\n", ""},
		{"status", func(w *Writer) { w.Simple("QUEUED") }, "+QUEUED\r\n", ""},
		{"error", func(w *Writer) { w.Error("ERR no such key") }, "-ERR no such key\r\n", ""},
		{"error with line ends", func(w *Writer) { w.Error("ERR a\r\nb\nc\r\n") }, "-ERR a  b c\r\n", ""},
		{"int", func(w *Writer) { w.Int(7) }, ":7\r\n", ""},
		{"int of two digits", func(w *Writer) { w.Int(42) }, ":42\r\n", ""},
		{"negative int", func(w *Writer) { w.Int(-1) }, ":-1\r\n", ""},
		{"smallest int", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ""},
		{"largest int", func(w *Writer) { w.Int(math.MaxInt64) }, ":9223372036854775807\r\n", ""},
		{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\n\x00")) }, "$4\r\na\r\n\x00\r\n", ""},
		{"empty bulk", func(w *Writer) { w.Bulk(nil) }, "$0\r\n\r\n", ""},
		{"bulk of a string", func(w *Writer) { w.BulkString("hello world") }, "$11\r\nhello world\r\n", ""},
		{"bulk of an int", func(w *Writer) { w.BulkInt(-12) }, "$3\r\n-12\r\n", ""},
		{"bulk in parts", func(w *Writer) { w.BulkHeader(3); w.Raw([]byte("a")); w.Raw([]byte("bc")); w.BulkEnd() }, "$3\r\nabc\r\n", ""},
		{"raw", func(w *Writer) { w.Raw([]byte("+PONG\r\n")) }, "+PONG\r\n", ""},
		{"null", (*Writer).Null, "$-1\r\n", "_\r\n"},
		{"null array", (*Writer).NullArray, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.Array(3) }, "*3\r\n", ""},
		{"large array", func(w *Writer) { w.Array(1000000) }, "*1000000\r\n", ""},
		{"empty array", (*Writer).EmptyArray, "*0\r\n", ""},
		{"map", func(w *Writer) { w.Map(6) }, "*12\r\n", "%6\r\n"},
		{"set", func(w *Writer) { w.Set(10) }, "*10\r\n", "~10\r\n"},
		{"push", func(w *Writer) { w.Push(3) }, "*3\r\n", ">3\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"double", func(w *Writer) { w.Double(3.141) }, "$5\r\n3.141\r\n", ",3.141\r\n"},
		{"whole double", func(w *Writer) { w.Double(10) }, "$2\r\n10\r\n", ",10\r\n"},
		{"infinity", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"big number", func(w *Writer) { w.BigNumber("1234567999999999999999999999999999999") },
			"$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "This is a verbatim\nstring") },
			"$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.resp3 == "" {
				c.resp3 = c.resp2
			}
			for proto, want := range map[int]string{0: c.resp2, 2: c.resp2, 3: c.resp3} {
				w := Writer{Proto: proto, Buf: []byte("before")}
				c.write(&w)
				if got := string(w.Buf); got != "before"+want {
					t.Errorf("RESP%d: %q, want %q", proto, got, want)
				}
			}
		})
	}
}

func TestAttribute(t *testing.T) {
	w := Writer{Proto: 3}
	w.Attribute(1)
	if string(w.Buf) != "|1\r\n" {
		t.Errorf("%q", w.Buf)
	}
	defer func() {
		if recover() == nil {
			t.Error("an attribute in RESP2 went through")
		}
	}()
	w.Proto = 2
	w.Attribute(1)
}

func TestHeadersAfterwards(t *testing.T) {
	for proto, want := range map[int]string{
		2: "+x\r\n*12\r\n*2\r\n*2\r\n:1\r\n:2\r\n",
		3: "+x\r\n*12\r\n~2\r\n%1\r\n:1\r\n:2\r\n",
	} {
		w := Writer{Proto: proto}
		w.Simple("x")
		at := len(w.Buf)
		w.Int(1)
		w.Int(2)
		w.MapAt(at, 1)
		w.SetAt(at, 2)
		w.ArrayAt(at, 12)
		if got := string(w.Buf); got != want {
			t.Errorf("RESP%d: %q, want %q", proto, got, want)
		}
	}
	w := Writer{}
	w.ArrayAt(0, 0)
	if string(w.Buf) != "*0\r\n" {
		t.Errorf("%q", w.Buf)
	}
}

func TestAppendCommand(t *testing.T) {
	got := AppendCommand([]byte("x"), []byte("SET"), []byte(""), bytes.Repeat([]byte("v"), 12))
	if want := "x*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nvvvvvvvvvvvv\r\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w := Writer{Buf: make([]byte, 0, 4096)}
	value := []byte(strings.Repeat("v", 64))
	for w.Proto = 2; w.Proto <= 3; w.Proto++ {
		if got := testing.AllocsPerRun(100, func() {
			w.Buf = w.Buf[:0]
			w.OK()
			w.Error("ERR wrong\nhere")
			w.Int(123456)
			w.Bulk(value)
			w.BulkInt(-77)
			w.Null()
			w.Map(12)
			w.Set(12)
			w.Double(0.1)
			w.Double(1e300)
			w.Verbatim("txt", "abc")
			w.Bool(true)
			w.ArrayAt(10, 100)
		}); got != 0 {
			t.Errorf("RESP%d: %v allocations", w.Proto, got)
		}
	}
}
