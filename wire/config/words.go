package config

import (
	"strings"

	"frankenredis/wire/resp"
)

// wordList writes words so that a parameter of several words reads the same ones back, quoting only where it must.
func wordList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if back, ok := resp.SplitWords(w); !ok || len(back) != 1 || back[0] != w || w[0] == '#' {
			out[i] = resp.Quote(w)
		}
	}
	if len(words) == 1 && out[0] != words[0] {
		return resp.Quote(out[0]) // a single word is split once more
	}
	return strings.Join(out, " ")
}
