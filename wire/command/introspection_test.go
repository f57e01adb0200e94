package command_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/command"
	"frankenredis/wire/engine"
)

// COMMAND GETKEYSANDFLAGS finds in every command that has a row the keys that a real server finds, or refuses with it: in arguments of
// all lengths, with counts that are too large, too small or no numbers, and with the keywords of the key specs in all places but the
// last, where nothing is left for them to name.
func TestKeysAsARealServer(t *testing.T) {
	peer := startPeer(t, "redict-server")
	peer.context = func(int) string { return "" }
	bed := newBed(t, "", false, time.Now)
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, seed))
	check := func(s *engine.Spec) {
		if strings.HasPrefix(s.Name, "fr.") {
			return // ours
		}
		words := []string{"0", "1", "2", "3", "x", "-1", "", "get", "STORE", "storedist", "keys", "streams", "withscores"}
		for _, k := range s.Keys {
			if k.Keyword != "" {
				words = append(words, k.Keyword, strings.ToLower(k.Keyword))
			}
		}
		wrong := 0
		for range 150 {
			args := append([]string{"COMMAND", "GETKEYSANDFLAGS"}, strings.Split(s.FullName(), "|")...)
			n := s.Arity
			if n < 0 {
				n = -n + rnd.IntN(7) - 1 // one too few as well
			}
			for len(args) < n+2 {
				if rnd.IntN(3) > 0 {
					args = append(args, fmt.Sprintf("k%d", len(args)))
				} else {
					args = append(args, words[rnd.IntN(len(words))])
				}
			}
			if last := len(args) - 1; slices.ContainsFunc(s.Keys, func(k engine.KeySpec) bool { return strings.EqualFold(k.Keyword, args[last]) }) {
				args[last] = "k"
			}
			got, want := bed.do(0, args...), peer.do(0, args...)
			if got != want {
				if wrong++; wrong <= 3 {
					t.Errorf("seed %d, %q:\n got %q\nwant %q", seed, args[2:], got, want)
				}
			}
		}
	}
	for _, s := range command.Table().All() {
		if len(s.Sub) == 0 {
			check(s)
		}
		for i := range s.Sub {
			check(&s.Sub[i])
		}
	}
}
