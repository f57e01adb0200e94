package resp

import (
	"bytes"
	"reflect"
	"testing"
)

// model parses input as Redis does that gets it byte by byte: a plain reading of the rules, without state, that works
// on all bytes at once and knows the limits of an authenticated client only.
func model(input []byte) (out outcome) {
	pos := 0
	fail := func(text string) outcome { out.Err = text; return out }
	// line returns what stands between pos and the end byte, or why there is none.
	line := func(end byte, tooBig string) (text []byte, found bool, err string) {
		rest := input[pos:]
		n := bytes.IndexByte(rest, end)
		if zero := bytes.IndexByte(rest, 0); n < 0 || zero >= 0 && zero < n {
			if len(rest) > maxLine {
				return nil, false, tooBig
			}
			return nil, false, ""
		}
		if n > maxLine {
			return nil, false, tooBig
		}
		return rest[:n], true, ""
	}
	for {
		out.Left = len(input) - pos
		if out.Left == 0 {
			return out
		}
		if input[pos] != '*' {
			text, found, err := line('\n', "too big inline request")
			if !found {
				return fail(err)
			}
			pos += len(text) + 1
			words, ok := splitByState(string(text))
			if !ok {
				return fail("unbalanced quotes in request")
			}
			if len(words) > 0 {
				argv := make([][]byte, len(words))
				for i, w := range words {
					argv[i] = []byte(w)
				}
				out.Commands = append(out.Commands, show(argv, true))
			}
			continue
		}
		text, found, err := line('\r', "too big mbulk count string")
		if !found {
			return fail(err)
		}
		if pos+len(text)+1 == len(input) {
			return out
		}
		count, ok := ParseInt(text[1:])
		if !ok || count > 2147483647 {
			return fail("invalid multibulk length")
		}
		pos += len(text) + 2
		var argv [][]byte
		for ; count > 0; count-- {
			if pos == len(input) {
				return out
			}
			text, found, err := line('\r', "too big bulk count string")
			if !found {
				return fail(err)
			}
			if pos+len(text)+1 == len(input) {
				return out
			}
			if c := input[pos]; c != '$' {
				if c == '\r' || c == '\n' {
					c = ' '
				}
				return fail("expected '$', got '" + string([]byte{c}) + "'")
			}
			n, ok := ParseInt(text[1:])
			if !ok || n < 0 || n > 512<<20 {
				return fail("invalid bulk length")
			}
			pos += len(text) + 2
			if int64(len(input)-pos) < n+2 {
				return out
			}
			argv = append(argv, input[pos:pos+int(n)])
			pos += int(n) + 2
		}
		if len(argv) > 0 {
			out.Commands = append(out.Commands, show(argv, false))
		}
	}
}

func TestModel(t *testing.T) {
	for _, c := range requests {
		got, want := parse(t, nil, []byte(c.input)), model([]byte(c.input))
		if want.Err != "" {
			got.Left = want.Left
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, model %+v", c.name, got, want)
		}
	}
}

// FuzzReader compares the Reader with the model, for reads of any sizes. Inputs are stretched, so that large arguments
// and long lines are within reach: the byte pair 0xfe n stands for n*300 times the letter a.
func FuzzReader(f *testing.F) {
	for _, c := range requests {
		f.Add([]byte(c.input), uint16(0))
		f.Add([]byte(c.input), uint16(3))
	}
	f.Add([]byte("*2\r\n$45000\r\n\xfe\x96\r\n$3\r\nabc\r\n"+ping), uint16(1000))
	f.Add([]byte("*3\r\n$30000\r\n\xfe\x64\r\n$300000\r\n\xfe\xfa\xfe\xfa\xfe\xfa\xfe\xfa\r\n$0\r\n\r\n"), uint16(20000))
	f.Add([]byte("PING \xfe\xda\xfe\x01\r\n"), uint16(7000))
	f.Fuzz(func(t *testing.T, packed []byte, size uint16) {
		input := stretch(packed)
		if len(input) > 1<<20 {
			return
		}
		step := int(size)
		if step == 0 || len(input)/step > 20000 {
			step = len(input) + 1
		}
		want := model(input)
		var chunks [][]byte
		if len(input) > 0 {
			chunks = pieces(bytes.Clone(input), step)
		}
		got := parse(t, nil, chunks...)
		if want.Err != "" {
			got.Left = want.Left
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d bytes a read: %+v, model %+v", step, got, want)
		}
	})
}

func stretch(packed []byte) []byte {
	var out []byte
	for i := 0; i < len(packed); i++ {
		if packed[i] == 0xfe && i+1 < len(packed) {
			out = append(out, bytes.Repeat([]byte{'a'}, int(packed[i+1])*300)...)
			i++
			continue
		}
		out = append(out, packed[i])
	}
	return out
}

// FuzzReplyReader checks that replies come out the same wherever reads end, within the limits.
func FuzzReplyReader(f *testing.F) {
	for _, c := range replies {
		f.Add([]byte(c.input), uint8(1))
		f.Add([]byte(c.input), uint8(5))
	}
	f.Fuzz(func(t *testing.T, input []byte, size uint8) {
		read := func(step int) (values []Value, errText string, left int) {
			r := ReplyReader{MaxBulk: 1 << 16, MaxDepth: 5, MaxElements: 1000}
			if len(input) == 0 {
				return nil, "", 0
			}
			for _, p := range pieces(input, step) {
				r.Feed(p)
				for {
					v, ok, err := r.Next()
					if err != nil {
						return values, err.Error(), 0
					}
					if !ok {
						break
					}
					if d := depth(v); d > 6 {
						t.Fatalf("depth %d", d)
					}
					values = append(values, v)
				}
			}
			return values, "", r.Buffered()
		}
		wantValues, wantErr, wantLeft := read(len(input) + 1)
		values, err, left := read(int(size) + 1)
		if err != wantErr || left != wantLeft || len(values) != len(wantValues) {
			t.Fatalf("%d replies %q %d, want %d %q %d", len(values), err, left, len(wantValues), wantErr, wantLeft)
		}
		for i := range values {
			if !sameValue(values[i], wantValues[i]) {
				t.Fatalf("reply %d: %+v, want %+v", i, values[i], wantValues[i])
			}
		}
	})
}

// depth is the number of levels of v: 1 for a reply without elements.
func depth(v Value) int {
	d := 0
	for _, e := range v.Elems {
		d = max(d, depth(e))
	}
	return d + 1
}

// sameValue is DeepEqual, save that a NaN equals a NaN.
func sameValue(a, b Value) bool {
	if a.Float != a.Float && b.Float != b.Float {
		a.Float, b.Float = 0, 0
	}
	same := func(x, y []Value) bool {
		for i := range x {
			if i >= len(y) || !sameValue(x[i], y[i]) {
				return false
			}
		}
		return len(x) == len(y)
	}
	if !same(a.Elems, b.Elems) || !same(a.Attributes, b.Attributes) {
		return false
	}
	a.Elems, b.Elems, a.Attributes, b.Attributes = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}
