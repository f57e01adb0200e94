package engine

import (
	"bytes"
	"math"
	"strings"

	"frankenredis/wire/resp"
)

// FindKeys lists the keys of a command. ok is false when argv does not fit. As in Redis key specs tell them, unless their flags
// vary; where these fail, or know that they are incomplete, GetKeys does, or a count of keys is read as laxly as C's atoi
// reads it, and nothing is told of what happens to the keys.
func (s *Spec) FindKeys(argv [][]byte) (keys []KeyRef, ok bool) {
	varies := false
	for i := range s.Keys {
		varies = varies || s.Keys[i].Flags&KeyVariable != 0
	}
	if !varies {
		if keys, ok := s.specKeys(argv); ok {
			return keys, true
		}
	}
	if s.GetKeys != nil {
		return s.GetKeys(argv)
	}
	return s.countedKeys(argv)
}

// specKeys lists the keys that specs tell.
func (s *Spec) specKeys(argv [][]byte) (keys []KeyRef, ok bool) {
	for i := range s.Keys {
		ks := &s.Keys[i]
		if ks.Flags&KeyNotKey != 0 {
			continue
		}
		if ks.Unknown {
			return nil, false
		}
		first := ks.Index
		if ks.Keyword != "" {
			if first = findKeyword(ks, argv); first == 0 {
				continue
			}
		}
		last, step := 0, max(ks.Step, 1)
		switch {
		case ks.KeyNum:
			at := first + ks.KeyNumIndex
			if at >= len(argv) {
				return nil, false
			}
			n, ok := resp.ParseInt(argv[at])
			if !ok || n < 0 {
				return nil, false
			}
			first += ks.FirstKey
			last = first + (int(int32(n))-1)*step // Redis, too, keeps 32 bits
		case ks.Last >= 0:
			last = first + ks.Last
		case ks.Limit <= 1:
			last = len(argv) + ks.Last
		default:
			last = first + (len(argv)-first)/ks.Limit + ks.Last
		}
		if first < 1 || first >= len(argv) || last >= len(argv) || last < first {
			return nil, false
		}
		for p := first; p <= last; p += step {
			keys = append(keys, KeyRef{p, ks.Flags})
		}
		if ks.Flags&KeyIncomplete != 0 {
			return nil, false
		}
	}
	return keys, true
}

// findKeyword is the place behind a keyword, 0 when it is not there. From the front, the last argument is not looked at: nothing
// could follow.
func findKeyword(ks *KeySpec, argv [][]byte) int {
	is := func(i int) bool {
		word, _, _ := bytes.Cut(argv[i], []byte{0}) // a C string
		return len(word) == len(ks.Keyword) && strings.EqualFold(string(word), ks.Keyword)
	}
	if ks.StartFrom >= 0 {
		for i := ks.StartFrom; i < len(argv)-1; i++ {
			if is(i) {
				return i + 1
			}
		}
		return 0
	}
	for i := len(argv) + ks.StartFrom; i > 1; i-- {
		if is(i) {
			return i + 1
		}
	}
	return 0
}

// countedKeys lists the keys of a command with a number of keys that is none to a spec ("2x"); a destination comes last.
func (s *Spec) countedKeys(argv [][]byte) (keys []KeyRef, ok bool) {
	destination := 0
	for i := range s.Keys {
		ks := &s.Keys[i]
		if !ks.KeyNum {
			destination = ks.Index
			continue
		}
		at := ks.Index + ks.KeyNumIndex
		if at >= len(argv) {
			return nil, false
		}
		n, first := Atoi(argv[at]), ks.Index+ks.FirstKey
		if n < 1 || n > len(argv)-first {
			return nil, false
		}
		for p := first; p < first+n; p++ {
			keys = append(keys, KeyRef{Pos: p})
		}
	}
	if destination > 0 && keys != nil {
		keys = append(keys, KeyRef{Pos: destination})
	}
	return keys, keys != nil
}

// Atoi reads an integer as C does: behind blanks, as far as it goes; the lower 32 bits of what fits into 64.
func Atoi(b []byte) int {
	text := strings.TrimLeft(string(b), " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	n := uint64(0)
	for i := 0; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		d := uint64(text[i] - '0')
		if n > (limit-d)/10 {
			n = limit
			break
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return int(int32(uint32(n)))
}
