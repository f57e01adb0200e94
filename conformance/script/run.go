package script

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"frankenredis/conformance/testbed"
)

// untilTimeout ends an @until block that never gets its reply.
const untilTimeout = 10 * time.Second

// Target is a running server and how to speak to it.
type Target struct {
	Name    string // redis, redict, valkey or anything else; for @not
	Version string // its redis_version
	Proto   int    // 2 or 3
	Dial    func() (*testbed.Client, error)
	// Ran, if set, is called with each block that was run, how long it took and whether its replies were as written.
	Ran func(b *Block, took time.Duration, ok bool)
}

// Runs reports whether the script is for this target and its protocol.
func (s *Script) Runs(t Target) bool {
	return (s.Since == "" || !older(t.Version, s.Since)) && !(s.RESP2 && t.Proto == 3)
}

// Run runs the script and calls fail for each block that printed something else than it says. An error means that it could not
// go on. With update set, such blocks are changed instead (Write then saves them): RESP2 must be run before RESP3.
func (s *Script) Run(t Target, update bool, fail func(*Block, string)) error {
	r := &runner{target: t, clients: map[string]*testbed.Client{}, vars: map[string]string{}}
	defer r.close()
	for _, b := range s.Blocks {
		if b.not[t.Name] != "" || b.since != "" && older(t.Version, b.since) {
			continue
		}
		start := time.Now()
		got, err := r.block(b, b.want(t.Proto))
		if t.Ran != nil {
			t.Ran(b, time.Since(start), err == nil && got == r.expand(b.want(t.Proto)))
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", s.Path, b.Line, err)
		}
		switch {
		case got == r.expand(b.want(t.Proto)):
			if update && t.Proto == 3 && b.HasWant3 && b.Want3 == b.Want {
				b.HasWant3 = false
			}
		case update:
			b.set(t.Proto, got)
		default:
			fail(b, got)
		}
	}
	return nil
}

func (b *Block) want(proto int) string {
	if proto == 3 && b.HasWant3 {
		return b.Want3
	}
	return b.Want
}

// set records what a live server printed.
func (b *Block) set(proto int, got string) {
	switch {
	case proto == 2:
		b.Want, b.HasWant = got, true
	case got == b.Want:
		b.HasWant3 = false
	default:
		b.Want3, b.HasWant3 = got, true
	}
}

// Describe says what was wanted and what came, for a failure message: the lines that differ, with what surrounds them.
func (b *Block) Describe(proto int, got string) string {
	want, have := strings.Split(b.want(proto), "\n"), strings.Split(got, "\n")
	head := 0
	for head < min(len(want), len(have)) && want[head] == have[head] {
		head++
	}
	tail := 0
	for tail < min(len(want), len(have))-head && want[len(want)-1-tail] == have[len(have)-1-tail] {
		tail++
	}
	var out strings.Builder
	fmt.Fprintln(&out, strings.Join(b.Commands, "\n"))
	for _, l := range want[:head] {
		fmt.Fprintln(&out, "  "+l)
	}
	for _, l := range want[head : len(want)-tail] {
		fmt.Fprintln(&out, "- "+l)
	}
	for _, l := range have[head : len(have)-tail] {
		fmt.Fprintln(&out, "+ "+l)
	}
	for _, l := range want[len(want)-tail:] {
		fmt.Fprintln(&out, "  "+l)
	}
	return out.String()
}

type runner struct {
	target  Target
	clients map[string]*testbed.Client
	vars    map[string]string
}

func (r *runner) close() {
	for _, c := range r.clients {
		c.Close()
	}
}

// block runs a block's commands and returns what they print, masked.
func (r *runner) block(b *Block, want string) (string, error) {
	deadline := time.Now().Add(untilTimeout)
	for {
		var out []string
		for _, line := range b.Commands {
			text, printed, err := r.line(line)
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			if printed {
				out = append(out, b.tidy(text))
			}
		}
		got := strings.Join(out, "\n")
		if !b.until || got == r.expand(want) || time.Now().After(deadline) {
			return got, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// tidy applies masks and order, and makes the text fit a block.
func (b *Block) tidy(text string) string {
	for _, m := range b.masks {
		text = m.re.ReplaceAllString(text, m.text)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l = strings.TrimRight(l, " \r"); l == "" {
			l = "."
		}
		lines[i] = l
	}
	if b.sorted {
		for i, l := range lines {
			lines[i] = element.ReplaceAllString(l, "")
		}
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

var (
	element  = regexp.MustCompile(`^ *[0-9]+[)#~>] `)
	prefix   = regexp.MustCompile(`^([a-z][a-z0-9]*)> `)
	repeat   = regexp.MustCompile(`\{\{(.+?)\*([0-9]+)\}\}`)
	variable = regexp.MustCompile(`\$\{([a-z0-9]+)\}`)
)

// line runs one line and returns what it prints, if anything.
func (r *runner) line(line string) (text string, printed bool, err error) {
	name := ""
	if m := prefix.FindStringSubmatch(line); m != nil {
		name, line = m[1], line[len(m[0]):]
	}
	args, err := testbed.SplitArgs(line)
	if err != nil || len(args) == 0 {
		return "", false, errors.Join(err, errors.New("not a command"))
	}
	for i, a := range args {
		args[i] = repeat.ReplaceAllStringFunc(r.expand(a), func(s string) string {
			m := repeat.FindStringSubmatch(s)
			n, _ := strconv.Atoi(m[2])
			return strings.Repeat(m[1], n)
		})
	}
	if args[0] == "!close" {
		if c := r.clients[name]; c != nil {
			c.Close()
			delete(r.clients, name)
		}
		return "", false, nil
	}
	c, err := r.client(name)
	if err != nil {
		return "", false, err
	}
	switch args[0] {
	case "!recv":
	case "!raw":
		return "", false, c.SendRaw([]byte(args[1]))
	case "!send":
		return "", false, c.Send(args[1:]...)
	case "!let":
		reply, err := c.Do(args[2:]...)
		r.vars[args[1]] = reply.String()
		return "", false, errors.Join(err, reply.Err())
	default:
		if err := c.Send(args...); err != nil {
			return closedText(err)
		}
	}
	reply, err := c.Receive()
	if err != nil {
		return closedText(err)
	}
	return testbed.Format(reply), true, nil
}

// closedText turns the errors of a connection that the server has closed into what a script says.
func closedText(err error) (string, bool, error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "(closed)", true, nil
	}
	return "", false, err
}

func (r *runner) expand(s string) string {
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		if text, ok := r.vars[v[2:len(v)-1]]; ok {
			return text
		}
		return v
	})
}

func (r *runner) client(name string) (*testbed.Client, error) {
	if c := r.clients[name]; c != nil {
		return c, nil
	}
	c, err := r.target.Dial()
	if err != nil {
		return nil, err
	}
	r.clients[name] = c
	if r.target.Proto == 3 {
		reply, err := c.Do("HELLO", "3")
		if err := errors.Join(err, reply.Err()); err != nil {
			return nil, err
		}
	}
	return c, nil
}
