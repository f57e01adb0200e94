package ldb

import (
	"bytes"

	"frankenredis/wire/script/lua"
)

// parsed is how far the parsing of a command came.
type parsed uint8

const (
	whole parsed = iota
	partial
	broken
)

var lineEnd = []byte("\r\n")

// parse reads one command. It is as lenient as Redis's: what precedes the first '*' is skipped.
func parse(p []byte) (argv []string, _ parsed) {
	if len(p) == 0 {
		return nil, partial
	}
	at := bytes.IndexByte(p, '*')
	if at < 0 {
		return nil, broken
	}
	head, p, ok := bytes.Cut(p[at+1:], lineEnd)
	if !ok {
		return nil, partial
	}
	count := leadingInt(string(head))
	if count <= 0 || count > maxArgs {
		return nil, broken
	}
	for range count {
		if len(p) == 0 {
			return nil, partial
		}
		if p[0] != '$' {
			return nil, broken
		}
		if head, p, ok = bytes.Cut(p[1:], lineEnd); !ok {
			return nil, partial
		}
		size := leadingInt(string(head))
		if size <= 0 || size > maxArgSize {
			return nil, broken
		}
		if len(p) < size+2 {
			return nil, partial
		}
		if !bytes.HasPrefix(p[size:], lineEnd) {
			return nil, broken
		}
		argv = append(argv, string(p[:size]))
		p = p[size+2:]
	}
	return argv, whole
}

// leadingInt is the number a text begins with, 0 if it does with none, as C's atoi reads it; it stays within 32 bits.
func leadingInt(text string) int {
	i, n, sign := 0, 0, 1
	for i < len(text) && (text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r') {
		i++
	}
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		if text[i] == '-' {
			sign = -1
		}
		i++
	}
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		n = min(10*n+int(text[i]-'0'), 1<<31-1)
	}
	return sign * n
}

// next waits for a command. ok is false when the client is gone. What makes no command ends the script.
func (s *Session) next(l *lua.State) (argv []string, ok bool) {
	var buf [1024]byte
	for {
		argv, state := parse(s.input)
		switch state {
		case whole:
			s.input = nil
			return argv, true
		case broken:
			s.input = nil
			s.o.Raise(l, "protocol error")
		}
		if s.gone {
			return nil, false
		}
		n, err := s.o.Peer.Receive(buf[:])
		if err != nil {
			s.leave()
			return nil, false
		}
		s.input = append(s.input, buf[:n]...)
		if len(s.input) > maxInput {
			s.input = nil
			s.o.Raise(l, "max client buffer reached")
		}
	}
}
