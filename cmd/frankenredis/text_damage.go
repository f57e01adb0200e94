package main

import (
	"bytes"
	"fmt"
)

// damageOfText says what shows that a text is damaged and not edited; "": nothing does. was is what it was, nil if that is not known.
// A changed digit may be an edit as well as a flipped bit, so not all damage shows.
func damageOfText(was, is []byte) string {
	switch {
	case len(is) == 0:
		return "it is empty"
	case !plain(is) && plain(was):
		return "it has bytes that no text has"
	case highBit(was, is):
		return "a byte has its highest bit set"
	case len(is) < len(was) && bytes.HasPrefix(was, is) && is[len(is)-1] != '\n' && was[len(is)] != '\n':
		return "it ends within a line"
	}
	return brokenDigits(was, is)
}

// plain tells whether p has none of the bytes that nobody writes into a text.
func plain(p []byte) bool {
	return !bytes.ContainsFunc(p, func(c rune) bool { return c < ' ' && (c < '\t' || c > '\r') || c == 0x7f })
}

// highBit tells whether a byte of ASCII in was has become, in its place, the one with the highest bit set.
func highBit(was, is []byte) bool {
	if len(was) != len(is) {
		return false
	}
	for i, c := range was {
		if c < 0x80 && is[i] == c|0x80 {
			return true
		}
	}
	return false
}

// brokenDigits finds a node's id or a password's hash of which some digits are others: nobody edits those, they are replaced whole, and two of them have a
// digit in 16 in common.
func brokenDigits(was, is []byte) string {
	const most = 256 // new words that are looked at
	before, looked := map[string]bool{}, 0
	for i, w := range longWords(was) {
		before[w] = true
		// What became of it where it stood need not be a word any more.
		if len(is) == len(was) {
			if broken := brokenWord(w, string(is[i:i+len(w)])); broken != "" {
				return broken
			}
		}
	}
	for _, v := range longWords(is) {
		if before[v] {
			continue
		}
		for w := range before {
			if broken := brokenWord(w, v); broken != "" {
				return broken
			}
		}
		if looked++; looked == most {
			break
		}
	}
	return ""
}

// brokenWord says that w is an id or a hash and v what is left of it; "": it is not so.
func brokenWord(w, v string) string {
	n, differ := differences(w, v)
	if len(w) != len(v) || !hexadecimal(w) || differ == 0 || differ >= n/2 {
		return ""
	}
	return fmt.Sprintf("of %.16s..., an id or a hash, %d of %d digits are others", w, differ, n)
}

// longWords are the runs of 32 letters and digits or more in p, by position.
func longWords(p []byte) map[int]string {
	const least = 32
	words := map[int]string{}
	start := 0
	for i := 0; i <= len(p); i++ {
		if i < len(p) && (p[i] >= '0' && p[i] <= '9' || p[i] >= 'a' && p[i] <= 'z' || p[i] >= 'A' && p[i] <= 'Z') {
			continue
		}
		if i-start >= least {
			words[start] = string(p[start:i])
		}
		start = i + 1
	}
	return words
}

func hexadecimal(w string) bool {
	for i := range len(w) {
		if c := w[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// differences counts the places in which two words of the same length differ.
func differences(a, b string) (length, differ int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			differ++
		}
	}
	return len(a), differ
}
