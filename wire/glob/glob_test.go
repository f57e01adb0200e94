package glob

import (
	"strings"
	"testing"
	"time"
)

// The rows that ignore no case were compared with KEYS of redis-server 7.0.15, the others with CONFIG GET.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, pattern, s string
		nocase, want     bool
	}{
		{"empty", "", "", false, true},
		{"empty pattern", "", "a", false, false},
		{"literal", "abc", "abc", false, true},
		{"literal, string longer", "abc", "abcd", false, false},
		{"literal, string shorter", "abc", "ab", false, false},
		{"case counts", "abc", "aBc", false, false},
		{"case does not count", "abC", "aBc", true, true},

		{"any byte", "h?llo", "hello", false, true},
		{"any byte, none there", "hello?", "hello", false, false},
		{"any byte is not empty", "?", "", false, false},
		{"any byte is a byte", "?", "é", false, false},

		{"star", "*", "abc", false, true},
		{"star and the empty string", "*", "", false, false},
		{"stars and the empty string", "**", "", false, false},
		{"star at the end matches nothing", "abc*", "abc", false, true},
		{"stars at the end", "abc***", "abc", false, true},
		{"star at the beginning matches nothing", "*abc", "abc", false, true},
		{"star within matches nothing", "a*bc", "abc", false, true},
		{"star within", "a*c", "abbbc", false, true},
		{"star needs what follows", "a*c", "abbb", false, false},
		{"second star", "*ab*ab*", "xabyabz", false, true},
		{"back to the last star", "*aab", "aaaab", false, true},
		{"star then any byte", "*?", "a", false, true},
		{"stars and any bytes", "*?*?*", "a", false, false},
		{"end is anchored", "*a", "ab", false, false},
		{"star without regard to case", "*LEN", "slowlog-max-len", true, true},

		{"class", "h[ae]llo", "hello", false, true},
		{"class without it", "h[ae]llo", "hillo", false, false},
		{"negated class", "h[^e]llo", "hallo", false, true},
		{"negated class with it", "h[^e]llo", "hello", false, false},
		{"exclamation mark does not negate", "[!a]", "b", false, false},
		{"caret elsewhere", "[a^]", "^", false, true},
		{"range", "h[a-c]llo", "hbllo", false, true},
		{"range, beyond", "h[a-c]llo", "hdllo", false, false},
		{"range in reverse", "h[c-a]llo", "hbllo", false, true},
		{"two ranges", "[a-c0-9]", "5", false, true},
		{"negated range", "[^a-c]", "b", false, false},
		{"hyphen last", "[a-]", "a", false, true},
		{"hyphen last takes the bracket", "[a-]", "^", false, true},
		{"hyphen first", "[-a]", "-", false, true},
		{"range of high bytes", "[\x80-\xff]", "\x90", false, true},
		{"range from low to high is signed", "[\x01-\xff]", "\x00", false, true},
		{"range from low to high is signed, beyond", "[\x01-\xff]", "a", false, false},
		{"class without regard to case", "[A]", "a", true, true},
		{"range without regard to case", "[A-C]", "b", true, true},
		{"bounds are ordered before folding", "[Z-a]", "q", true, false},
		{"escaped byte in a class keeps its case", "[\\A]", "a", true, false},
		{"empty class", "[]", "a", false, false},
		{"empty negated class", "[^]", "a", false, true},
		{"class never closed", "[ab", "b", false, true},
		{"class never closed, no match", "[ab", "c", false, false},
		{"bracket alone", "[", "[", false, false},
		{"bracket and caret alone", "[^", "a", false, true},
		{"class closed by its escape", "[\\]]", "]", false, true},
		{"class left open by its escape", "[\\]", "]", false, true},
		{"backslash ends an open class", "[a\\", "\\", false, true},
		{"star in a class", "[*]", "*", false, true},
		{"star in a class is no star", "[*]", "a", false, false},

		{"escaped star", "a\\*", "a*", false, true},
		{"escaped star is no star", "a\\*", "ab", false, false},
		{"escaped letter", "\\a", "a", false, true},
		{"escaped letter without regard to case", "\\A", "a", true, true},
		{"escaped backslash", "\\\\", "\\", false, true},
		{"backslash at the end", "a\\", "a\\", false, true},
		{"backslash at the end, nothing there", "a\\", "a", false, false},
		{"zero byte", "a\x00*", "a\x00b", false, true},
		{"high bytes are not folded", "\xc4", "\xe4", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Match([]byte(c.pattern), []byte(c.s), c.nocase); got != c.want {
				t.Errorf("Match(%q, %q, %v) = %v", c.pattern, c.s, c.nocase, got)
			}
		})
	}
}

// recursive tries every length for every star. It takes time exponential in their number.
func recursive(pattern, s []byte, nocase bool) bool {
	if len(s) == 0 {
		return skipStars(pattern, 0) == len(pattern)
	}
	if len(pattern) == 0 {
		return false
	}
	if pattern[0] == '*' {
		return recursive(pattern[1:], s, nocase) || recursive(pattern, s[1:], nocase)
	}
	next, ok := matchOne(pattern, 0, s[0], nocase)
	return ok && recursive(pattern[next:], s[1:], nocase)
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("a*b?[^c-d]\\*"), []byte("aabxe*"), false)
	f.Add([]byte("*a*a*b"), []byte("aaaaab"), true)
	f.Add([]byte("[\xff-\x01"), []byte("\x80"), true)
	f.Fuzz(func(t *testing.T, pattern, s []byte, nocase bool) {
		got := Match(pattern, s, nocase)
		if len(s) == 0 {
			if got != (len(pattern) == 0) {
				t.Fatalf("Match(%q, empty) = %v", pattern, got)
			}
			return
		}
		stars := 0
		for _, c := range pattern {
			if c == '*' {
				stars++
			}
		}
		if stars > 4 || len(s) > 30 {
			return
		}
		if want := recursive(pattern, s, nocase); got != want {
			t.Fatalf("Match(%q, %q, %v) = %v, want %v", pattern, s, nocase, got, want)
		}
	})
}

func TestNoBlowUp(t *testing.T) {
	began := time.Now()
	s := []byte(strings.Repeat("a", 10000))
	for _, pattern := range []string{
		strings.Repeat("a*", 1000) + "b",
		strings.Repeat("*a", 1000) + "b",
		strings.Repeat("*?", 1000) + "b",
		strings.Repeat("*[ab]", 500) + "[^a]",
		strings.Repeat("*", 100000) + "b",
	} {
		if Match([]byte(pattern), s, false) {
			t.Errorf("%.20q... matches", pattern)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func BenchmarkMatch(b *testing.B) {
	key := []byte("user:000000001234:session")
	for _, pattern := range []string{"user:*", "*:session", "user:*1234*", "user:??????????34:session"} {
		b.Run(pattern, func(b *testing.B) {
			p := []byte(pattern)
			b.ReportAllocs()
			for b.Loop() {
				if !Match(p, key, false) {
					b.Fatal("no match")
				}
			}
		})
	}
}
