package ldb

import (
	"fmt"
	"strings"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/lua"
)

// command is one of the debugger. It returns whether the script goes on.
type command struct {
	short, long string
	least       int // arguments, with the name
	run         func(s *Session, l *lua.State, argv []string) (goOn bool)
}

// talk is a command after which the script stays where it is.
func talk(run func(s *Session, l *lua.State, argv []string)) func(*Session, *lua.State, []string) bool {
	return func(s *Session, l *lua.State, argv []string) bool {
		run(s, l, argv)
		s.send()
		return false
	}
}

func stepOn(s *Session, _ *lua.State, _ []string) bool {
	s.step = true
	return true
}

var commands = []command{
	{"h", "help", 1, talk(showHelp)},
	{"s", "step", 1, stepOn},
	{"n", "next", 1, stepOn},
	{"c", "continue", 1, func(*Session, *lua.State, []string) bool { return true }},
	{"t", "trace", 1, talk(showTrace)},
	{"m", "maxlen", 1, talk(setMaxLen)},
	{"b", "break", 1, talk(setBreaks)},
	{"e", "eval", 1, talk(evaluate)},
	{"a", "abort", 1, func(s *Session, l *lua.State, _ []string) bool {
		s.o.Raise(l, "script aborted for user request")
		return true
	}},
	{"r", "redis", 2, talk(callServer)},
	{"p", "print", 1, talk(print)},
	{"l", "list", 1, talk(list)},
	{"w", "whole", 1, talk(func(s *Session, _ *lua.State, _ []string) { s.showAround(1, len(s.lines)) })},
}

// converse runs the client's commands until one lets the script go on, or the client is gone.
func (s *Session) converse(l *lua.State) {
	for {
		argv, ok := s.next(l)
		if !ok {
			return
		}
		c := find(argv)
		if c == nil {
			s.say("<error> Unknown Redis Lua debugger command or wrong number of arguments.")
			s.send()
		} else if c.run(s, l, argv) {
			return
		}
	}
}

func find(argv []string) *command {
	for i := range commands {
		c := &commands[i]
		if (strings.EqualFold(argv[0], c.short) || strings.EqualFold(argv[0], c.long)) && len(argv) >= c.least {
			return c
		}
	}
	return nil
}

func showHelp(s *Session, _ *lua.State, _ []string) {
	for _, line := range helpText {
		s.say(line)
	}
}

// helpText has Redis's commands in words of our own.
var helpText = []string{
	"Redis Lua debugger help:",
	"[h]elp               What you read now.",
	"[s]tep               Execute this line, then stop.",
	"[n]ext               The same as step.",
	"[c]ontinue           Execute up to a breakpoint or the end.",
	"[l]ist               Print the lines near the current one.",
	"[l]ist [line]        Print the lines near another one, 0 for the current.",
	"[l]ist [line] [ctx]  The same with ctx lines on each side.",
	"[w]hole              Print the whole script.",
	"[p]rint              Print the local variables.",
	"[p]rint <var>        Print one variable; KEYS and ARGV, too.",
	"[b]reak              Print the breakpoints.",
	"[b]reak <line>       Stop at this line from now on.",
	"[b]reak -<line>      Do not stop there any more.",
	"[b]reak 0            Forget all breakpoints.",
	"[t]race              Print which functions led here.",
	"[e]val <code>        Run Lua code; it does not see the local variables.",
	"[r]edis <cmd>        Run a command of the server.",
	"[m]axlen [len]       Cut values and replies after so many bytes, with 0 never.",
	"[a]bort              End the script with an error. What it wrote stays",
	"                     in sync mode.",
	"",
	"Scripts can call:",
	"redis.debug()        Print its arguments here.",
	"redis.breakpoint()   Stop at the next line.",
}

// scriptSource is the chunk the lines of the source belong to.
const scriptSource = "@user_script"

func showTrace(s *Session, l *lua.State, _ []string) {
	for level := 0; ; level++ {
		f, ok := l.Frame(level)
		if !ok {
			return
		}
		if f.Source != scriptSource {
			continue
		}
		where, name := "From", l.CalledAs(level)
		if level == 0 {
			where = "In"
		}
		if name == "" {
			name = "top level"
		}
		s.say(where + " " + name + ":")
		s.showLine(f.Line)
	}
}

func setMaxLen(s *Session, _ *lua.State, argv []string) {
	if len(argv) == 2 {
		n := leadingInt(argv[1])
		s.explained = true
		if n != 0 {
			n = max(n, shortest)
		}
		s.maxLen = n
	}
	if s.maxLen == 0 {
		s.say("<value> replies are unlimited.")
		return
	}
	s.say(fmt.Sprintf("<value> replies are truncated at %d bytes.", s.maxLen))
}

// evaluate runs code, as an expression if it is one, where the local variables of the script are not visible.
func evaluate(s *Session, l *lua.State, argv []string) {
	const chunk = "@ldb_eval"
	code := strings.Join(argv[1:], " ")
	fn, err := l.Load("return "+code, chunk, nil)
	if err != nil {
		if fn, err = l.Load(code, chunk, nil); err != nil {
			s.Failed(err.Error())
			return
		}
	}
	results, err := l.Call(fn.Value(), nil)
	switch failure, _ := err.(*lua.Error); {
	case err == nil && len(results) > 0:
		s.sayValue("<retval> ", results[0])
	case err == nil:
		s.sayValue("<retval> ", lua.Nil)
	case failure != nil && failure.Fatal != nil:
		panic(failure)
	default:
		s.Failed(errorText(failure))
	}
}

// errorText is the text of an error, or of one that is a table.
func errorText(e *lua.Error) string {
	if t := e.Value.Table(); t != nil {
		if text, ok := t.GetField("err").Text(); ok {
			return text
		}
	}
	return e.Error()
}

// callServer runs a command of the server as the script would; redis.call shows it and its reply.
func callServer(s *Session, l *lua.State, argv []string) {
	call := l.Globals().GetField("redis").Table().GetField("call")
	args := make([]lua.Value, 0, len(argv))
	for _, arg := range argv[1:] {
		args = append(args, l.NewString(arg))
	}
	s.step = true
	_, err := l.Call(call, nil, args...)
	s.step = false
	if failure, _ := err.(*lua.Error); failure != nil && failure.Fatal != nil {
		panic(failure)
	}
}

func print(s *Session, l *lua.State, argv []string) {
	if len(argv) == 2 {
		s.printOne(l, argv[1])
		return
	}
	shown := false
	for n := 0; ; n++ {
		name, v, ok := l.Local(0, n)
		if !ok {
			break
		}
		shown = true
		s.sayValue("<value> "+name+" = ", v)
	}
	if !shown {
		s.say("No local variables in the current context.")
	}
}

// printOne shows the first variable of that name in the functions under way, from the innermost out.
func (s *Session) printOne(l *lua.State, name string) {
	for level := 0; ; level++ {
		if _, ok := l.Frame(level); !ok {
			break
		}
		for n := 0; ; n++ {
			is, v, ok := l.Local(level, n)
			if !ok {
				break
			}
			if is == name {
				s.sayValue("<value> ", v)
				return
			}
		}
	}
	if name == "KEYS" || name == "ARGV" {
		s.sayValue("<value> ", l.Globals().GetField(name))
		return
	}
	s.say("No such variable.")
}

func list(s *Session, _ *lua.State, argv []string) {
	around, context := s.line, 5
	if len(argv) > 1 {
		if n := leadingInt(argv[1]); n > 0 {
			around = n
		}
	}
	if len(argv) > 2 {
		context = leadingInt(argv[2])
	}
	s.showAround(around, context)
}

func (s *Session) showAround(line, context int) {
	for n := max(line-context, 1); n <= min(line+context, len(s.lines)); n++ {
		s.showLine(n)
	}
}

func (s *Session) isBreak(line int) bool {
	for _, b := range s.breaks {
		if b == line {
			return true
		}
	}
	return false
}

func setBreaks(s *Session, _ *lua.State, argv []string) {
	if len(argv) == 1 {
		if len(s.breaks) == 0 {
			s.say("No breakpoints set. Use 'b <line>' to add one.")
			return
		}
		s.say(fmt.Sprintf("%d breakpoints set:", len(s.breaks)))
		for _, line := range s.breaks {
			s.showLine(line)
		}
		return
	}
	for _, arg := range argv[1:] {
		n, ok := resp.ParseInt([]byte(arg))
		switch line := int(n); {
		case !ok:
			s.say("Invalid argument:'" + arg + "'")
		case line == 0:
			s.breaks = nil
			s.say("All breakpoints removed.")
		case line < 0:
			s.removeBreak(-line)
		case len(s.breaks) == maxBreaks:
			s.say("Too many breakpoints set.")
		case line > len(s.lines) || s.isBreak(line):
			s.say("Wrong line number.")
		default:
			s.breaks = append(s.breaks, line)
			s.showAround(line, 1)
		}
	}
}

func (s *Session) removeBreak(line int) {
	for i, b := range s.breaks {
		if b == line {
			s.breaks = append(s.breaks[:i], s.breaks[i+1:]...)
			s.say("Breakpoint removed.")
			return
		}
	}
	s.say("No breakpoint in the specified line.")
}
