package resp

import "testing"

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"a\"\\\n\r\t\a\b\x00\x7f\xffé ": `"a\"\\\n\r\t\a\b\x00\x7f\xff\xc3\xa9 "`,
		"":                              `""`,
		"plain":                         `"plain"`,
	} {
		if got := Quote(word); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A word that is written is the one that is read back.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "a b", "it's", "\"\\\x00\n", "\v", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, line := range []string{Quote(word), string(AppendWord(nil, word)), string(AppendWord(nil, word)) + " next"} {
			if words, ok := SplitWords(line); !ok || words[0] != word {
				t.Fatalf("%q was written %s and read as %q", word, line, words)
			}
		}
	})
}
