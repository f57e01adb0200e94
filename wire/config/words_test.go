package config

import (
	"slices"
	"strings"
	"testing"

	"frankenredis/wire/resp"
)

func FuzzWordList(f *testing.F) {
	f.Add("a b", "\"\\\x00\n'")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, words := range [][]string{{a}, {a, b}} {
			quoted := make([]string, len(words))
			for i, w := range words {
				quoted[i] = resp.Quote(w)
			}
			if back, ok := resp.SplitWords(strings.Join(quoted, " ")); !ok || !slices.Equal(back, words) {
				t.Fatalf("%q came back as %q", words, back)
			}
			list := wordList(words)
			back, ok := resp.SplitWords(list)
			if len(words) == 1 && ok && len(back) == 1 && back[0] != "" {
				back, ok = resp.SplitWords(back[0])
			}
			if !ok || !slices.Equal(back, words) {
				t.Fatalf("%q was written %s and came back as %q", words, list, back)
			}
		}
	})
}
