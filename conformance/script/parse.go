package script

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Script is one parsed file.
type Script struct {
	Path   string
	Server []string // arguments for the server
	Since  string   // oldest redis_version that runs it, or ""
	RESP2  bool     // to be run in RESP2 only
	Blocks []*Block
	// Exceptions are what the script leaves uncompared, in the order of the file.
	Exceptions []Exception
	tail       []string // comments after the last block
}

// Exception is an @not or an @mask, and the entry of the drift ledger that allows it.
type Exception struct {
	Line   int
	Server string // the server that does not run the block; "" of a mask
	ID     string // "" when the script names no entry
}

// Block is a few commands and what they print.
type Block struct {
	Line     int      // where the first command stands
	Commands []string // as written
	Want     string   // expected in RESP2, and in RESP3 unless Want3 is set
	Want3    string
	HasWant  bool // there is a "----"
	HasWant3 bool

	lead   []string // comments and directives above, as written
	masks  []mask
	since  string
	not    map[string]string // server name to reason
	sorted bool
	until  bool
}

type mask struct {
	re   *regexp.Regexp
	text string
}

// Parse reads a script file.
func Parse(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Script{Path: path}
	b := &Block{}
	section := 0 // 0: lead and commands, 1: RESP2 reply, 2: RESP3 reply
	var reply []string
	flush := func() {
		switch section {
		case 1:
			b.Want, b.HasWant = strings.Join(reply, "\n"), true
		case 2:
			b.Want3, b.HasWant3 = strings.Join(reply, "\n"), true
		}
		reply = nil
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i, line := range append(lines, "") {
		switch {
		case line == "" && len(b.Commands) > 0:
			flush()
			s.Blocks = append(s.Blocks, b)
			b, section = &Block{}, 0
		case line == "----" || line == "---- 3":
			if len(b.Commands) == 0 {
				return nil, fmt.Errorf("%s:%d: a reply without a command", path, i+1)
			}
			flush()
			section = 1
			if line == "---- 3" {
				section = 2
			}
		case section > 0:
			reply = append(reply, line)
		case len(b.Commands) == 0 && (line == "" || line[0] == '#' || line[0] == '@'):
			if i < len(lines) {
				b.lead = append(b.lead, line)
			}
			if err := s.directive(b, i+1, line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
		default:
			if len(b.Commands) == 0 {
				b.Line = i + 1
			}
			b.Commands = append(b.Commands, line)
		}
	}
	s.tail = b.lead
	s.spreadMasks()
	return s, nil
}

// entryID begins what @not and @mask say: the id of an entry of the drift ledger.
var entryID = regexp.MustCompile(`^([a-z0-9-]+): *`)

// cutID cuts an entry's id off the front.
func cutID(s string) (id, rest string) {
	if m := entryID.FindStringSubmatch(s); m != nil {
		return m[1], s[len(m[0]):]
	}
	return "", s
}

// directive takes an "@" line into the block or the script.
func (s *Script) directive(b *Block, at int, line string) error {
	if !strings.HasPrefix(line, "@") {
		return nil
	}
	word, rest, _ := strings.Cut(line[1:], " ")
	switch word {
	case "server":
		s.Server = append(s.Server, strings.Fields(rest)...)
	case "resp2-only":
		s.RESP2 = true
	case "file-since":
		s.Since = rest
	case "since":
		b.since = rest
	case "not":
		name, why, ok := strings.Cut(rest, " ")
		if !ok {
			return fmt.Errorf("@not needs a server, an entry of the drift ledger with a colon, and a reason")
		}
		id, why := cutID(why)
		s.Exceptions = append(s.Exceptions, Exception{at, name, id})
		if b.not == nil {
			b.not = map[string]string{}
		}
		b.not[name] = why
	case "sort":
		b.sorted = true
	case "until":
		b.until = true
	case "mask":
		id, rest := cutID(rest)
		s.Exceptions = append(s.Exceptions, Exception{Line: at, ID: id})
		parts := strings.Split(rest, "/")
		if len(parts) != 4 || parts[0] != "" || parts[3] != "" {
			return fmt.Errorf("@mask is an entry of the drift ledger with a colon, then /regexp/text/")
		}
		re, err := regexp.Compile("(?m)" + parts[1])
		if err != nil {
			return err
		}
		b.masks = append(b.masks, mask{re, parts[2]})
	default:
		return fmt.Errorf("unknown directive @%s", word)
	}
	return nil
}

// spreadMasks gives each block the masks of those above it.
func (s *Script) spreadMasks() {
	var all []mask
	for _, b := range s.Blocks {
		all = append(all, b.masks...)
		b.masks = all[:len(all):len(all)]
	}
}

// Write writes the script back to its file.
func (s *Script) Write() error {
	var out strings.Builder
	for i, b := range s.Blocks {
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, l := range append(b.lead, b.Commands...) {
			fmt.Fprintln(&out, l)
		}
		if b.HasWant {
			fmt.Fprintf(&out, "----\n%s\n", b.Want)
		}
		if b.HasWant3 {
			fmt.Fprintf(&out, "---- 3\n%s\n", b.Want3)
		}
	}
	for _, l := range s.tail {
		fmt.Fprintln(&out, l)
	}
	return os.WriteFile(s.Path, []byte(out.String()), 0o644)
}

// older reports whether version a comes before b, number by number.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, err1 := strconv.Atoi(x[i])
		n, err2 := strconv.Atoi(y[i])
		if err1 != nil || err2 != nil {
			return a < b
		}
		if m != n {
			return m < n
		}
	}
	return len(x) < len(y)
}
