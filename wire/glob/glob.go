// Package glob matches Redis's patterns: KEYS, SCAN MATCH, PSUBSCRIBE, ACL key patterns, CONFIG GET.
//
//	?        any byte
//	*        any number of bytes
//	[abc]    one of these bytes
//	[a-c]    a byte of this range; the bounds may stand in either order
//	[^a-c]   any other byte
//	\x       x itself, also within brackets
//
// Patterns are bytes, not characters, and no pattern is malformed. What Redis makes of odd ones is part of its
// behaviour, and kept here (source: Redis 7.2.4 src/util.c stringmatchlen; compared with a server, see the tests):
//
//   - Nothing but the empty pattern matches the empty string, not even "*". Commands that take "*" for everything
//     (KEYS, SCAN) see to that themselves.
//   - A class without its closing bracket ends with the pattern: "[ab" is "[ab]", "[^" matches any byte.
//   - A closing bracket right after the opening one closes: "[]" matches nothing, "[^]" anything.
//   - A range takes the byte behind the hyphen whatever it is: "[a-]" is an open class from ']' to 'a'.
//   - A backslash at the very end, or at the end of an open class, stands for itself.
//   - Bounds of a range compare as signed bytes, so 0x80 to 0xff come before 0x00.
//   - Without regard to case only the letters of ASCII are folded. Bounds are put in order before they are folded, so
//     "[Z-a]" matches nothing then; an escaped byte within brackets is compared as it is.
//
// Redis tries the rest of a pattern anew for each star, and in 7.2.4 recursively. Here only the last star is ever tried
// again, which finds a match if there is one: what an earlier star matched can only make the rest of the string shorter.
// So a match takes at most len(pattern)*len(s) steps and no stack.
package glob

// Match reports whether the whole of s matches pattern. nocase takes upper and lower case letters of ASCII for the same.
// It does not allocate and may be called from anywhere.
func Match(pattern, s []byte, nocase bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	p, i := 0, 0
	star, tried := -1, 0 // behind the last star in pattern, and where in s the rest of pattern was tried last
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p = skipStars(pattern, p)
			if p == len(pattern) {
				return true
			}
			star, tried = p, i
			continue
		}
		if p < len(pattern) {
			if next, ok := matchOne(pattern, p, s[i], nocase); ok {
				p, i = next, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		tried++
		p, i = star, tried
	}
	return skipStars(pattern, p) == len(pattern)
}

// skipStars returns the first position from p on that has no star.
func skipStars(pattern []byte, p int) int {
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p
}

// matchOne compares c with the element of pattern at p, which is not a star, and returns the position behind that element.
func matchOne(pattern []byte, p int, c byte, nocase bool) (int, bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, c, nocase)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, equal(pattern[p], c, nocase)
}

// matchClass compares c with the class that has its first byte at p, and returns the position behind the class.
func matchClass(pattern []byte, p int, c byte, nocase bool) (int, bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	match := false
	for p < len(pattern) && pattern[p] != ']' {
		switch left := len(pattern) - p; {
		case left >= 2 && pattern[p] == '\\':
			match = match || pattern[p+1] == c
			p += 2
		case left >= 3 && pattern[p+1] == '-':
			match = match || inRange(pattern[p], pattern[p+2], c, nocase)
			p += 3
		default:
			match = match || equal(pattern[p], c, nocase)
			p++
		}
	}
	return min(p+1, len(pattern)), match != not
}

func inRange(from, to, c byte, nocase bool) bool {
	if int8(from) > int8(to) {
		from, to = to, from
	}
	if nocase {
		from, to, c = lower(from), lower(to), lower(c)
	}
	return int8(from) <= int8(c) && int8(c) <= int8(to)
}

func equal(a, b byte, nocase bool) bool {
	return a == b || nocase && lower(a) == lower(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
