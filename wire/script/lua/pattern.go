package lua

import "strings"

// Limits of a match.
const (
	maxCaptures  = 32
	maxRecursion = 20000 // pattern items nested or in a row that may be tried again
)

// What a capture's length says before it is one.
const (
	captureOpen     = -1
	capturePosition = -2
)

// patternSpecials are the characters that make a pattern more than a string to look for.
const patternSpecials = "^$*+?.([%-"

// matcher matches one pattern, as Lua 5.1 defines them, by trying everything. Each comparison counts as an instruction,
// so that the hook can end a match that would take too long.
type matcher struct {
	l        *State
	src, pat string
	level    int // captures begun
	depth    int
	captures [maxCaptures]struct{ start, size int }
}

// newMatcher: a pattern ends with its first NUL.
func newMatcher(l *State, src, pat string) *matcher {
	pat, _, _ = strings.Cut(pat, "\x00")
	return &matcher{l: l, src: src, pat: pat}
}

// classEnd returns where the single character class at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.l.Errorf("malformed pattern (ends with '%%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for { // a ']' that comes first is a member
			if p >= len(m.pat) {
				m.l.Errorf("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			p++
			if c == '%' && p < len(m.pat) {
				p++
			}
			if p < len(m.pat) && m.pat[p] == ']' {
				return p + 1
			}
		}
	}
	return p
}

// inClass matches c with the letter behind a '%'.
func inClass(c, class byte) bool {
	var in bool
	switch class | 0x20 {
	case 'a':
		in = isAlpha(c)
	case 'c':
		in = c < ' ' || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > ' ' && c < 127 && !isAlnum(c)
	case 's':
		in = isSpace(c)
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlnum(c)
	case 'x':
		in = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return c == class
	}
	if !isAlpha(class) {
		return c == class
	}
	return in == (class >= 'a')
}

// inSet matches c with the set from p, at its '[', to the ']' at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	in := true
	p++
	if m.pat[p] == '^' {
		in = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return in
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// single matches the character at s with the class from p to end.
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// match matches the pattern from p on with the text from s on and returns where the match ends, or -1.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxRecursion {
		m.l.Errorf("pattern too complex")
	}
	defer func() { m.depth-- }()
	for p < len(m.pat) {
		m.l.step(1)
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.begin(s, p+2, capturePosition)
			}
			return m.begin(s, p+1, captureOpen)
		case ')':
			return m.end(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 >= len(m.pat) {
				break
			}
			switch next := m.pat[p+1]; {
			case next == 'b':
				if s = m.balance(s, p+2); s < 0 {
					return -1
				}
				p += 4
				continue
			case next == 'f':
				p += 2
				if p >= len(m.pat) || m.pat[p] != '[' {
					m.l.Errorf("missing '[' after '%%f' in pattern")
				}
				end := m.classEnd(p)
				if !m.frontier(s, p, end) {
					return -1
				}
				p = end
				continue
			case isDigit(next):
				if s = m.again(s, next); s < 0 {
					return -1
				}
				p += 2
				continue
			}
		}
		end := m.classEnd(p)
		suffix := byte(0)
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		switch suffix {
		case '?':
			if m.single(s, p, end) {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.most(s, p, end)
		case '+':
			if !m.single(s, p, end) {
				return -1
			}
			return m.most(s+1, p, end)
		case '-':
			return m.least(s, p, end)
		default:
			if !m.single(s, p, end) {
				return -1
			}
			s++
			p = end
		}
	}
	return s
}

// most repeats a class as often as it can and then gives back.
func (m *matcher) most(s, p, end int) int {
	n := 0
	for m.single(s+n, p, end) {
		n++
	}
	m.l.step(n)
	for ; n >= 0; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

// least repeats a class no more than needed.
func (m *matcher) least(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) begin(s, p, size int) int {
	if m.level >= maxCaptures {
		m.l.Errorf("too many captures")
	}
	m.captures[m.level].start, m.captures[m.level].size = s, size
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) end(s, p int) int {
	i := m.level - 1
	for ; i >= 0; i-- {
		if m.captures[i].size == captureOpen {
			break
		}
	}
	if i < 0 {
		m.l.Errorf("invalid pattern capture")
	}
	m.captures[i].size = s - m.captures[i].start
	r := m.match(s, p)
	if r < 0 {
		m.captures[i].size = captureOpen
	}
	return r
}

// balance matches %bxy, whose x is at p.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.l.Errorf("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	open, closing := m.pat[p], m.pat[p+1]
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case closing:
			if depth--; depth == 0 {
				m.l.step(i - s)
				return i + 1
			}
		case open:
			depth++
		}
	}
	m.l.step(len(m.src) - s)
	return -1
}

// frontier matches between a character outside of the set and one in it; around the text there are NULs.
func (m *matcher) frontier(s, p, end int) bool {
	var before, at byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		at = m.src[s]
	}
	return !m.inSet(before, p, end-1) && m.inSet(at, p, end-1)
}

// again matches what a capture has matched.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.captures[i].size == captureOpen {
		m.l.Errorf("invalid capture index")
	}
	c := m.captures[i]
	if c.size < 0 || !strings.HasPrefix(m.src[s:], m.src[c.start:c.start+c.size]) {
		return -1
	}
	return s + c.size
}

// capture returns capture i of a match from s to e; without captures the first is the whole match.
func (m *matcher) capture(i, s, e int) Value {
	if i >= m.level {
		if i > 0 {
			m.l.Errorf("invalid capture index")
		}
		return m.l.NewString(m.src[s:e])
	}
	switch c := m.captures[i]; c.size {
	case captureOpen:
		m.l.Errorf("unfinished capture")
		return Nil
	case capturePosition:
		return Int(c.start + 1)
	default:
		return m.l.NewString(m.src[c.start : c.start+c.size])
	}
}

// pushCaptures pushes all captures, or the whole match if there are none and whole is set.
func (m *matcher) pushCaptures(s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	m.l.need(n)
	for i := range n {
		m.l.Push(m.capture(i, s, e))
	}
	return n
}
