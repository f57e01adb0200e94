package config

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitArgs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
		bad  bool
	}{
		{line: ""},
		{line: " \t\v\f\r"},
		{line: "a", want: []string{"a"}},
		{line: "  a\tb  c ", want: []string{"a", "b", "c"}},
		{line: `"" ''`, want: []string{"", ""}},
		{line: `"a b" 'c d'`, want: []string{"a b", "c d"}},
		{line: `"\n\r\t\b\a\\\"\q\x41\xZZ"`, want: []string{"\n\r\t\b\a\\\"qAxZZ"}},
		{line: `'\n\'x'`, want: []string{`\n'x`}},
		{line: `a"b"`, want: []string{"ab"}},
		{line: `a'b' c`, want: []string{"ab", "c"}},
		{line: `"a"b`, bad: true},
		{line: `'a''b'`, bad: true},
		{line: `"a`, bad: true},
		{line: `"a\"`, bad: true},
		{line: `"\`, bad: true},
		{line: `'a\'`, bad: true},
		{line: `a\ b`, want: []string{`a\`, "b"}},
		{line: "a\x00b", want: []string{"a"}},
		{line: "\x00", want: nil},
		{line: `"\x00"`, want: []string{"\x00"}},
		{line: `"\x4"`, want: []string{"x4"}},
		{line: "é \xff", want: []string{"é", "\xff"}},
	} {
		got, ok := SplitArgs(c.line)
		if ok == c.bad || !slices.Equal(got, c.want) {
			t.Errorf("SplitArgs(%q) = %q, %v; want %q", c.line, got, ok, c.want)
		}
	}
}

func TestQuote(t *testing.T) {
	if got, want := Quote("a\"\\\n\r\t\a\b\x00\x7f\xffé "), `"a\"\\\n\r\t\a\b\x00\x7f\xff\xc3\xa9 "`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a b", "\"\\\x00\n'")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, words := range [][]string{{a}, {a, b}} {
			quoted := make([]string, len(words))
			for i, w := range words {
				quoted[i] = Quote(w)
			}
			if back, ok := SplitArgs(strings.Join(quoted, " ")); !ok || !slices.Equal(back, words) {
				t.Fatalf("%q came back as %q", words, back)
			}
			list := wordList(words)
			back, ok := SplitArgs(list)
			if len(words) == 1 && ok && len(back) == 1 && back[0] != "" {
				back, ok = SplitArgs(back[0])
			}
			if !ok || !slices.Equal(back, words) {
				t.Fatalf("%q was written %s and came back as %q", words, list, back)
			}
		}
	})
}
