package check

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// aofScan reads the commands and annotations of one file.
type aofScan struct {
	*aofCheck
	in         *text
	name, path string
	last       bool

	multi int    // transactions open: 1, or another number once that is an error
	at    int64  // where the thing being read begins, for errors
	found string // what is wrong, worded
}

// complain keeps what is wrong with the thing being read; the last word counts.
func (s *aofScan) complain(format string, args ...any) {
	s.found = fmt.Sprintf("0x%16x: ", s.at) + fmt.Sprintf(format, args...) + "\n"
}

// scan reads on until the end or the first error and returns up to where all is well, or where to cut for --truncate-to-timestamp.
func (s *aofScan) scan() (upTo int64, cut bool, err error) {
	upTo = s.in.pos
loop:
	for {
		if s.multi == 0 {
			upTo = s.in.pos
		}
		c, ok := s.in.peek()
		switch {
		case s.in.failed() != nil:
			return 0, false, s.fail("Failed to read from AOF %s, aborting...", s.name)
		case !ok:
			break loop
		case c == '#':
			if cut, err = s.annotation(); cut || err != nil {
				return s.at, cut, err
			}
		case c != '*':
			s.printf("AOF %s format error\n", s.name)
			break loop
		case !s.command():
			break loop
		}
	}
	if s.in.failed() != nil {
		return 0, false, s.fail("Failed to read from AOF %s, aborting...", s.name)
	}
	if s.in.eof && s.multi != 0 && s.found == "" {
		s.complain("Reached EOF before reading EXEC for MULTI")
	}
	s.printf("%s", s.found)
	return upTo, false, nil
}

// annotation reads a line that begins with #; cut says that it is later than what was asked for.
func (s *aofScan) annotation() (cut bool, err error) {
	s.at = s.in.pos
	line := s.in.gets(1024)
	text, ok := bytes.CutPrefix(line, []byte("#TS:"))
	if s.until == 0 || !ok {
		return false, nil
	}
	at, rest, overflow := parseLong(text)
	switch {
	case overflow || !bytes.HasPrefix(rest, []byte("\r")):
		return false, s.fail("Invalid timestamp annotation")
	case at <= s.until:
		return false, nil
	case s.at == 0:
		return false, s.fail("AOF %s has nothing before timestamp %d, aborting...", s.path, s.until)
	case !s.last:
		s.printf("Failed to truncate AOF %s to timestamp %d to offset %d because it is not the last file.\n", s.path, s.until, s.at)
		return false, s.fail("If you insist, please delete all files after this file according to the manifest file and delete the " +
			"corresponding records in manifest file manually. Then re-run redis-check-aof.")
	}
	return true, nil
}

// command reads a command; false means that it is not all there or not right.
func (s *aofScan) command() bool {
	argc, ok := s.number('*')
	if !ok {
		return false
	}
	for i := int64(0); i < argc; i++ {
		word, ok := s.argument()
		if !ok {
			return false
		}
		if i > 0 {
			continue
		}
		switch {
		case strings.EqualFold(word, "multi"):
			if s.multi++; s.multi != 1 {
				s.complain("Unexpected MULTI in AOF %s", s.path)
				return false
			}
		case strings.EqualFold(word, "exec"):
			if s.multi--; s.multi != 0 {
				s.complain("Unexpected EXEC in AOF %s", s.path)
				return false
			}
		}
	}
	return true
}

// number reads a mark, a number and CR LF.
func (s *aofScan) number(mark byte) (int64, bool) {
	s.at = s.in.pos
	var fresh [len(s.stale)]byte
	buf := &fresh
	if mark == '*' {
		buf = &s.stale
	}
	line := s.in.gets(len(buf))
	if len(line) == 0 {
		return 0, false
	}
	copy(buf[:], line)
	buf[len(line)] = 0
	if line[0] != mark {
		s.complain("Expected prefix '%c', got: '%s'", mark, line[:1])
		return 0, false
	}
	n, rest, _ := parseLong(line[1:])
	end := bytes.IndexByte(buf[:], 0) // as C sees it
	if end > 0 {
		end = max(end-len(rest), 1)
	}
	next := [2]byte{}
	copy(next[:], buf[end:])
	return n, s.newline(next)
}

// newline checks that two bytes are CR LF, and counts the line.
func (s *aofScan) newline(p [2]byte) bool {
	if p == [2]byte{'\r', '\n'} {
		s.line++
		return true
	}
	// Printed as C prints a char, which has a sign.
	s.complain("Expected \\r\\n, got: %02x%02x", uint32(int8(p[0])), uint32(int8(p[1])))
	return false
}

// argument reads a length and so many bytes; word is their beginning, up to a NUL, if it is short enough to matter.
func (s *aofScan) argument() (word string, ok bool) {
	n, ok := s.number('$')
	if !ok {
		return "", false
	}
	if n < 0 || n > math.MaxInt64-2 {
		s.complain("Expected to read string of %d bytes, which is not in the suitable range", n)
		return "", false
	}
	s.at = s.in.pos
	const longest = 8 // longer than any word that is looked for
	head, last, got := s.in.take(n+2, longest)
	if got != n+2 {
		s.complain("Expected to read %d bytes, got %d bytes", n+2, got)
		return "", false
	}
	if !s.newline([2]byte(last)) {
		return "", false
	}
	head = head[:min(n, longest)]
	if i := bytes.IndexByte(head, 0); i >= 0 {
		head = head[:i]
	}
	return string(head), true
}
