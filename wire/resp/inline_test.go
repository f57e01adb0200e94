package resp

import (
	"bytes"
	"slices"
	"testing"
)

func TestSplitArgs(t *testing.T) {
	const bad = "unbalanced"
	for _, c := range []struct {
		name, line string
		want       []string
	}{
		{"empty", "", nil},
		{"spaces", " \t\r\n\v\f", nil},
		{"words", "  set  k\tv ", []string{"set", "k", "v"}},
		{"vertical tab stays within a word", "a\vb\fc", []string{"a\vb\fc"}},
		{"vertical tab between words", "a \v b\v", []string{"a", "b\v"}},
		{"carriage return ends a word", "a\rb", []string{"a", "b"}},
		{"double quotes", `"a b" "c"`, []string{"a b", "c"}},
		{"escapes", `"\n\r\t\b\a\\\"\q"`, []string{"\n\r\t\b\a\\\"q"}},
		{"hexadecimal", `"\x41\xfF\x00"`, []string{"A\xff\x00"}},
		{"hexadecimal with one digit", `"\x4"`, []string{"x4"}},
		{"hexadecimal without digits", `"\xzz"`, []string{"xzz"}},
		{"hexadecimal at the end", `"\x4`, []string{bad}},
		{"upper case X is no escape", `"\X41"`, []string{"X41"}},
		{"single quotes", `'a "b\n' 'it\'s' '\\x'`, []string{`a "b\n`, "it's", `\\x`}},
		{"single quotes know no escaped backslash", `'\\'`, []string{bad}},
		{"backslash outside quotes", `a\nb \x41 a\ b`, []string{`a\nb`, `\x41`, `a\`, "b"}},
		{"quote begins within a word", `foo"bar baz" a'b c'`, []string{"foobar baz", "ab c"}},
		{"empty words", `"" ''`, []string{"", ""}},
		{"text behind double quotes", `"a"b`, []string{bad}},
		{"text behind single quotes", `'a'b`, []string{bad}},
		{"quotes behind quotes", `""''`, []string{bad}},
		{"vertical tab behind quotes", "\"a\"\vb", []string{"a", "b"}},
		{"double quote open", `"a`, []string{bad}},
		{"single quote open", `'a`, []string{bad}},
		{"escaped quote is no end", `"a\"`, []string{bad}},
		{"escaped single quote is no end", `'a\'`, []string{bad}},
		{"backslash at the end of quotes", `"a\`, []string{bad}},
		{"double quote alone", `"`, []string{bad}},
		{"single quote in double quotes", `"it's"`, []string{"it's"}},
		{"high bytes", "\xff\x80 \"\xfe\"", []string{"\xff\x80", "\xfe"}},
		{"zero byte ends the line", "a\x00b c", []string{"a"}},
		{"zero byte in quotes", "\"a\x00\"", []string{bad}},
		{"zero byte behind a backslash", "\"a\\\x00\"", []string{bad}},
		{"zero byte behind quotes", "\"a\"\x00b", []string{"a"}},
		{"good words before bad ones", `a b "c`, []string{bad}},
	} {
		t.Run(c.name, func(t *testing.T) {
			argv, ok := SplitArgs([]byte(c.line), nil)
			if words, same := SplitWords(c.line); same != ok || ok && !slices.EqualFunc(argv, words, func(a []byte, b string) bool { return string(a) == b }) {
				t.Errorf("as bytes %q %v, as a string %q %v", argv, ok, words, same)
			}
			if slices.Equal(c.want, []string{bad}) {
				if ok {
					t.Fatalf("got %q", argv)
				}
				return
			}
			if !ok || !slices.EqualFunc(argv, c.want, func(a []byte, b string) bool { return string(a) == b }) {
				t.Errorf("got %q %v, want %q", argv, ok, c.want)
			}
		})
	}
}

func TestSplitArgsAppends(t *testing.T) {
	argv, ok := SplitArgs([]byte("b c"), [][]byte{[]byte("a")})
	if !ok || string(bytes.Join(argv, []byte(","))) != "a,b,c" {
		t.Errorf("%q %v", argv, ok)
	}
}

// splitByState splits with one state machine that looks at one byte at a time and copies: slower, and written
// another way, it has to come to the same words.
func splitByState(line string) (words []string, ok bool) {
	const (
		between = iota
		word
		double
		single
		closed // a quote ended: a space has to follow
	)
	if i := bytes.IndexByte([]byte(line), 0); i >= 0 {
		line = line[:i]
	}
	state := between
	var w []byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		rest := line[i+1:]
		switch state {
		case between, closed:
			if isSpace(c) {
				state = between
				continue
			}
			if state == closed {
				return nil, false
			}
			w, state = nil, word
			i--
		case word:
			switch c {
			case ' ', '\n', '\r', '\t':
				words = append(words, string(w))
				state = between
			case '"':
				state = double
			case '\'':
				state = single
			default:
				w = append(w, c)
			}
		case double, single:
			switch {
			case state == double && c == '"', state == single && c == '\'':
				words = append(words, string(w))
				state = closed
			case state == double && c == '\\' && len(rest) >= 3 && rest[0] == 'x' && isHex(rest[1]) && isHex(rest[2]):
				w = append(w, hexValue(rest[1])*16+hexValue(rest[2]))
				i += 3
			case state == double && c == '\\' && len(rest) >= 1:
				w = append(w, unescape(rest[0]))
				i++
			case state == single && c == '\\' && len(rest) >= 1 && rest[0] == '\'':
				w = append(w, '\'')
				i++
			default:
				w = append(w, c)
			}
		}
	}
	switch state {
	case word:
		words = append(words, string(w))
	case double, single:
		return nil, false
	}
	return words, true
}

func FuzzSplitArgs(f *testing.F) {
	for _, s := range []string{"set k v", `"a\x41\n" 'b\'c'`, `a"b`, `""''`, "a\vb \v", "\"\\", "a\x00\"", `foo"bar"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, ok := SplitArgs([]byte(line), nil)
		want, valid := splitByState(line)
		if ok != valid {
			t.Fatalf("%q: %v, want %v", line, ok, valid)
		}
		if ok && !slices.EqualFunc(got, want, func(a []byte, b string) bool { return string(a) == b }) {
			t.Fatalf("%q: %q, want %q", line, got, want)
		}
	})
}
