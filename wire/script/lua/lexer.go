package lua

import (
	"fmt"
	"strings"
)

// token is a character or one of the names below.
type token int

const (
	tokAnd token = iota + 257
	tokBreak
	tokDo
	tokElse
	tokElseif
	tokEnd
	tokFalse
	tokFor
	tokFunction
	tokIf
	tokIn
	tokLocal
	tokNil
	tokNot
	tokOr
	tokRepeat
	tokReturn
	tokThen
	tokTrue
	tokUntil
	tokWhile
	tokConcat
	tokDots
	tokEq
	tokGe
	tokLe
	tokNe
	tokNumber
	tokName
	tokString
	tokEOF
	tokNone token = 0 // in errors: name no token
)

var tokenNames = []string{"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local",
	"nil", "not", "or", "repeat", "return", "then", "true", "until", "while", "..", "...", "==", ">=", "<=", "~=",
	"<number>", "<name>", "<string>", "<eof>"}

var reserved = func() map[string]token {
	words := map[string]token{}
	for i, name := range tokenNames[:tokConcat-tokAnd] {
		words[name] = tokAnd + token(i)
	}
	return words
}()

func (t token) String() string {
	switch {
	case t >= tokAnd:
		return tokenNames[t-tokAnd]
	case t < ' ' || t == 127:
		return fmt.Sprintf("char(%d)", int(t))
	default:
		return string([]byte{byte(t)})
	}
}

// lexeme is a token with its value.
type lexeme struct {
	token token
	num   float64
	text  string
}

const eof = -1

// lexer cuts source into tokens.
type lexer struct {
	src      string
	pos      int // behind cur
	cur      int // a byte or eof
	line     int
	lastLine int // of the token before the current one
	now      lexeme
	ahead    lexeme
	raw      []byte // the current token as written, for messages
	chunk    string
}

// syntaxError is what lexer and parser panic with; [State.Load] recovers it.
type syntaxError string

func newLexer(src, chunk string) *lexer {
	x := &lexer{src: src, chunk: chunk, line: 1, lastLine: 1, ahead: lexeme{token: tokEOF}}
	x.step()
	return x
}

// fail reports what is wrong, naming t.
func (x *lexer) fail(what string, t token) {
	msg := fmt.Sprintf("%s:%d: %s", chunkTitle(x.chunk, 80), x.line, what)
	if t != tokNone {
		near := t.String()
		if t == tokName || t == tokString || t == tokNumber {
			near, _, _ = strings.Cut(string(x.raw), "\x00")
		}
		msg += " near '" + near + "'"
	}
	panic(syntaxError(msg))
}

func (x *lexer) failHere(what string) { x.fail(what, x.now.token) }

func (x *lexer) step() {
	if x.pos < len(x.src) {
		x.cur = int(x.src[x.pos])
		x.pos++
		return
	}
	x.cur = eof
}

func (x *lexer) save() {
	x.raw = append(x.raw, byte(x.cur))
	x.step()
}

func (x *lexer) accept(set string) bool {
	if x.cur == eof || strings.IndexByte(set, byte(x.cur)) < 0 {
		return false
	}
	x.save()
	return true
}

// next reads the next token into now.
func (x *lexer) next() {
	x.lastLine = x.line
	if x.ahead.token != tokEOF {
		x.now = x.ahead
		x.ahead = lexeme{token: tokEOF}
		return
	}
	x.now = x.scan()
}

// peek reads one token more and leaves now alone.
func (x *lexer) peek() token {
	x.ahead = x.scan()
	return x.ahead.token
}

func (x *lexer) newline() {
	old := x.cur
	x.step()
	if (x.cur == '\n' || x.cur == '\r') && x.cur != old {
		x.step()
	}
	x.line++
}

func (x *lexer) scan() lexeme {
	x.raw = x.raw[:0]
	for {
		switch c := x.cur; c {
		case eof:
			return lexeme{token: tokEOF}
		case '\n', '\r':
			x.newline()
		case '-':
			x.step()
			if x.cur != '-' {
				return lexeme{token: '-'}
			}
			x.step()
			x.comment()
		case '[':
			level := x.longLevel()
			if level >= 0 {
				return lexeme{token: tokString, text: x.long(level, false)}
			}
			if level != noLevel {
				x.fail("invalid long string delimiter", tokString)
			}
			return lexeme{token: '['}
		case '=':
			return x.pair('=', tokEq)
		case '<':
			return x.pair('=', tokLe)
		case '>':
			return x.pair('=', tokGe)
		case '~':
			return x.pair('=', tokNe)
		case '"', '\'':
			return lexeme{token: tokString, text: x.quoted(c)}
		case '.':
			x.save()
			if x.accept(".") {
				if x.accept(".") {
					return lexeme{token: tokDots}
				}
				return lexeme{token: tokConcat}
			}
			if x.cur != eof && isDigit(byte(x.cur)) {
				return x.numeral()
			}
			return lexeme{token: '.'}
		default:
			switch b := byte(c); {
			case isSpace(b):
				x.step()
			case isDigit(b):
				return x.numeral()
			case isAlpha(b) || b == '_':
				return x.name()
			default:
				x.step()
				return lexeme{token: token(c)}
			}
		}
	}
}

// pair is the two characters both or, without the second, the first.
func (x *lexer) pair(second int, both token) lexeme {
	first := token(x.cur)
	x.step()
	if x.cur != second {
		return lexeme{token: first}
	}
	x.step()
	return lexeme{token: both}
}

func (x *lexer) name() lexeme {
	for x.cur != eof && (isAlnum(byte(x.cur)) || x.cur == '_') {
		x.save()
	}
	text := string(x.raw)
	if t, ok := reserved[text]; ok {
		return lexeme{token: t}
	}
	return lexeme{token: tokName, text: text}
}

func (x *lexer) numeral() lexeme {
	for x.cur != eof && (isDigit(byte(x.cur)) || x.cur == '.') {
		x.save()
	}
	if x.accept("Ee") {
		x.accept("+-")
	}
	for x.cur != eof && (isAlnum(byte(x.cur)) || x.cur == '_') {
		x.save()
	}
	n, ok := ParseNumber(string(x.raw))
	if !ok {
		x.fail("malformed number", tokNumber)
	}
	return lexeme{token: tokNumber, num: n}
}

// noLevel: a bracket that begins no long string; smaller values: one with only '=' behind it.
const noLevel = -1

// longLevel reads "[==" and returns how many '=' there are if another '[' follows.
func (x *lexer) longLevel() int {
	bracket := x.cur
	x.save()
	count := 0
	for x.cur == '=' {
		x.save()
		count++
	}
	if x.cur == bracket {
		return count
	}
	return -count - 1
}

func (x *lexer) comment() {
	if x.cur == '[' {
		level := x.longLevel()
		x.raw = x.raw[:0]
		if level >= 0 {
			x.long(level, true)
			x.raw = x.raw[:0]
			return
		}
	}
	for x.cur != '\n' && x.cur != '\r' && x.cur != eof {
		x.step()
	}
}

// long reads the rest of [==[ ... ]==].
func (x *lexer) long(level int, comment bool) string {
	x.save()
	if x.cur == '\n' || x.cur == '\r' {
		x.newline()
	}
	for {
		switch x.cur {
		case eof:
			if comment {
				x.fail("unfinished long comment", tokEOF)
			}
			x.fail("unfinished long string", tokEOF)
		case '[':
			if x.longLevel() == level {
				x.save()
				if level == 0 {
					x.fail("nesting of [[...]] is deprecated", '[')
				}
			}
		case ']':
			if x.longLevel() == level {
				x.save()
				if comment {
					return ""
				}
				return string(x.raw[level+2 : len(x.raw)-level-2])
			}
		case '\n', '\r':
			x.raw = append(x.raw, '\n')
			x.newline()
		default:
			if comment {
				x.step()
			} else {
				x.save()
			}
		}
		if comment {
			x.raw = x.raw[:0]
		}
	}
}

func (x *lexer) quoted(quote int) string {
	x.save()
	for x.cur != quote {
		switch x.cur {
		case eof:
			x.fail("unfinished string", tokEOF)
		case '\n', '\r':
			x.fail("unfinished string", tokString)
		case '\\':
			x.step()
			x.escape()
		default:
			x.save()
		}
	}
	x.save()
	return string(x.raw[1 : len(x.raw)-1])
}

// escape reads what follows a backslash.
func (x *lexer) escape() {
	const letters, meanings = "abfnrtv", "\a\b\f\n\r\t\v"
	switch c := x.cur; {
	case c == eof:
		return // the string complains
	case c == '\n' || c == '\r':
		x.raw = append(x.raw, '\n')
		x.newline()
	case isDigit(byte(c)):
		code := 0
		for i := 0; i < 3 && x.cur != eof && isDigit(byte(x.cur)); i++ {
			code = code*10 + x.cur - '0'
			x.step()
		}
		if code > 255 {
			x.fail("escape sequence too large", tokString)
		}
		x.raw = append(x.raw, byte(code))
	default:
		if i := strings.IndexByte(letters, byte(c)); i >= 0 {
			x.raw = append(x.raw, meanings[i])
			x.step()
			return
		}
		x.save()
	}
}

// chunkTitle is how messages name a chunk: "@name" is a name, "=name" is to be shown as it is, all else is source, of
// which the first line is shown. It is limit-1 bytes at most.
func chunkTitle(chunk string, limit int) string {
	limit--
	if strings.HasPrefix(chunk, "=") {
		return chunk[1:min(len(chunk), limit+1)]
	}
	if strings.HasPrefix(chunk, "@") {
		name := chunk[1:]
		if room := limit - len("...") - 4; len(name) > room {
			return "..." + name[len(name)-room:]
		}
		return name
	}
	line := chunk
	if i := strings.IndexAny(chunk, "\n\r"); i >= 0 {
		line = chunk[:i]
	}
	room := limit - len(`[string "..."]`) - 2
	line = line[:min(len(line), room)]
	if len(line) < len(chunk) {
		return `[string "` + line + `..."]`
	}
	return `[string "` + line + `"]`
}
