package lua

import "strings"

func openString(l *State) {
	t := l.NewTable(0, 16)
	l.Register(t, map[string]Function{
		"byte":    stringByte,
		"char":    stringChar,
		"dump":    func(l *State) int { l.CheckFunction(1); l.Errorf("unable to dump given function"); return 0 },
		"find":    func(l *State) int { return stringFind(l, true) },
		"format":  stringFormat,
		"gmatch":  stringGmatch,
		"gsub":    stringGsub,
		"len":     func(l *State) int { return l.pushNumber(float64(len(l.CheckString(1)))) },
		"lower":   func(l *State) int { return l.pushText(mapASCII(l.CheckString(1), 'A', 'Z')) },
		"match":   func(l *State) int { return stringFind(l, false) },
		"rep":     stringRep,
		"reverse": stringReverse,
		"sub":     stringSub,
		"upper":   func(l *State) int { return l.pushText(mapASCII(l.CheckString(1), 'a', 'z')) },
	})
	t.SetField("gfind", t.GetField("gmatch"))
	l.Globals().SetField("string", t.Value())
	l.g.strings = l.NewTable(0, 1)
	l.g.strings.SetField("__index", t.Value())
}

// mapASCII changes the case of the letters from lo to hi.
func mapASCII(s string, lo, hi byte) string {
	for i := range len(s) {
		if s[i] >= lo && s[i] <= hi {
			b := []byte(s)
			for j, c := range b {
				if c >= lo && c <= hi {
					b[j] = c ^ 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// position counts from the end if it is negative.
func position(pos, size int) int {
	if pos < 0 {
		pos += size + 1
	}
	return max(pos, 0)
}

func stringByte(l *State) int {
	s := l.CheckString(1)
	from := position(l.OptInteger(2, 1), len(s))
	to := position(l.OptInteger(3, from), len(s))
	from, to = max(from, 1), min(to, len(s))
	if from > to {
		return 0
	}
	if !l.Need(to - from + 1) {
		l.Errorf("stack overflow (string slice too long)")
	}
	for i := from; i <= to; i++ {
		l.Push(Int(int(s[i-1])))
	}
	return to - from + 1
}

func stringChar(l *State) int {
	n := l.ArgCount()
	b := make([]byte, n)
	for i := range b {
		c := l.CheckInt(i + 1)
		if c < 0 || c > 255 {
			l.ArgError(i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	return l.pushText(string(b))
}

func stringSub(l *State) int {
	s := l.CheckString(1)
	from := max(position(l.CheckInteger(2), len(s)), 1)
	to := min(position(l.OptInteger(3, -1), len(s)), len(s))
	if from > to {
		return l.pushText("")
	}
	if to-from+1 == len(s) && l.Arg(1).isString() {
		l.Push(l.Arg(1))
		return 1
	}
	// A copy, for a short piece must not keep a long string alive.
	return l.pushText(strings.Clone(s[from-1 : to]))
}

func stringReverse(l *State) int {
	s := l.CheckString(1)
	b := make([]byte, len(s))
	for i := range b {
		b[i] = s[len(s)-1-i]
	}
	return l.pushText(string(b))
}

func stringRep(l *State) int {
	s := l.CheckString(1)
	n := l.CheckInt(2)
	if n <= 0 || s == "" {
		return l.pushText("")
	}
	if n > l.g.MaxString/len(s) {
		panic(l.g.memoryError())
	}
	l.g.charge(n * len(s))
	l.g.used -= n * len(s) // the string itself counts
	return l.pushText(strings.Repeat(s, n))
}

func stringFind(l *State, find bool) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	start := min(max(position(l.OptInteger(3, 1), len(s))-1, 0), len(s))
	plain, _, _ := strings.Cut(pat, "\x00")
	if find && (l.Arg(4).IsTrue() || !strings.ContainsAny(plain, patternSpecials)) {
		if at := strings.Index(s[start:], pat); at >= 0 {
			l.Push(Int(start + at + 1))
			l.Push(Int(start + at + len(pat)))
			return 2
		}
		l.Push(Nil)
		return 1
	}
	m := newMatcher(l, s, pat)
	first := 0
	if strings.HasPrefix(pat, "^") {
		first = 1
	}
	for at := start; at <= len(s); at++ {
		m.level = 0
		if end := m.match(at, first); end >= 0 {
			if !find {
				return m.pushCaptures(at, end, true)
			}
			l.Push(Int(at + 1))
			l.Push(Int(end))
			return 2 + m.pushCaptures(at, end, false)
		}
		if first == 1 {
			break
		}
	}
	l.Push(Nil)
	return 1
}

func stringGmatch(l *State) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	at := 0
	l.Push(l.NewFunction(func(l *State) int {
		m := newMatcher(l, s, pat)
		for ; at <= len(s); at++ {
			m.level = 0
			if end := m.match(at, 0); end >= 0 {
				from := at
				at = end
				if end == from {
					at++
				}
				return m.pushCaptures(from, end, true)
			}
		}
		return 0
	}).Value())
	return 1
}

func stringGsub(l *State) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	with := l.Arg(3)
	switch with.Kind() {
	case KindNumber, KindString, KindFunction, KindTable:
	default:
		l.ArgError(3, "string/function/table expected")
	}
	limit := l.OptInt(4, len(s)+1)
	m := newMatcher(l, s, pat)
	first := 0
	if strings.HasPrefix(pat, "^") {
		first = 1
	}
	b := builder{g: l.g}
	count, at := 0, 0
	for count < limit {
		m.level = 0
		end := m.match(at, first)
		if end >= 0 {
			count++
			m.replace(&b, with, at, end)
		}
		if end > at {
			at = end
		} else if at < len(s) {
			b.addByte(s[at])
			at++
		} else {
			break
		}
		if first == 1 {
			break
		}
	}
	b.add(s[at:])
	l.Push(l.NewString(b.text.String()))
	return 1 + l.pushNumber(float64(count))
}

// replace adds what comes in place of the match from s to e.
func (m *matcher) replace(b *builder, with Value, s, e int) {
	var v Value
	switch with.Kind() {
	case KindTable:
		v = m.l.index(with, m.capture(0, s, e), noOperand)
	case KindFunction:
		at := m.l.top
		m.l.need(1)
		m.l.Push(with)
		m.pushCaptures(s, e, true)
		m.l.call(at, 1)
		m.l.top--
		v = m.l.stack[m.l.top]
	default:
		text, _ := with.toText()
		m.expand(b, text, s, e)
		return
	}
	if !v.IsTrue() {
		b.add(m.src[s:e])
		return
	}
	text, ok := v.toText()
	if !ok {
		m.l.Errorf("invalid replacement value (a %s)", v.Kind())
	}
	b.add(text)
}

// expand adds a replacement with its %0 to %9.
func (m *matcher) expand(b *builder, with string, s, e int) {
	for i := 0; i < len(with); i++ {
		if with[i] != '%' {
			b.addByte(with[i])
			continue
		}
		i++
		switch {
		case i >= len(with):
			b.addByte(0)
		case !isDigit(with[i]):
			b.addByte(with[i])
		case with[i] == '0':
			b.add(m.src[s:e])
		default:
			text, _ := m.capture(int(with[i]-'1'), s, e).toText()
			b.add(text)
		}
	}
}
