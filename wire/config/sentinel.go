package config

import (
	"slices"
	"strings"

	"frankenredis/wire/resp"
)

// sentinelPort is where a Sentinel listens unless port says otherwise.
const sentinelPort = 26379

// SentinelLine is one sentinel directive.
type SentinelLine struct {
	Number int      // of the line, from 1
	Text   string   // the whole line
	Words  []string // those behind sentinel
}

// Refuse makes the error of a directive that is wrong for the given reason.
func (l SentinelLine) Refuse(reason string) *FatalError { return fatalBlock(l.Number, l.Text, reason) }

// Sentinel returns the sentinel directives in order.
func (s *Store) Sentinel() []SentinelLine { return slices.Clone(s.sentinel) }

// sentinelName is how a rewrite knows a sentinel directive: by its option too, so that each finds its place again.
func sentinelName(words []string) string {
	if len(words) < 2 {
		return "sentinel"
	}
	return "sentinel " + strings.ToLower(words[1])
}

// putSentinel replaces sentinel directives; lines come without the leading word. Those of one option keep their order.
func (w *rewriter) putSentinel(lines []string, force bool) {
	var names []string
	byName := make(map[string][]line)
	for _, l := range lines {
		text := "sentinel " + l
		words, _ := resp.SplitWords(text)
		name := sentinelName(words)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], line{text, force})
	}
	for _, name := range names {
		w.put(name, byName[name])
	}
}

// dropSentinel empties the lines of sentinel directives that are left.
func (w *rewriter) dropSentinel() {
	for name := range w.places {
		if name == "sentinel" || strings.HasPrefix(name, "sentinel ") {
			w.drop(name)
		}
	}
}
