package lua

// outcome is how precall left.
type outcome uint8

const (
	calledGo  outcome = iota // a Go function has returned
	calledLua                // a frame is pushed and waits for execute
	yielded
)

// push makes a new frame the current one.
func (l *State) pushFrame() *frame {
	f := l.ci.next
	if f == nil {
		if l.depth >= maxFrames {
			l.runError("stack overflow")
		}
		l.g.charge(96)
		f = &frame{prev: l.ci}
		l.ci.next = f
	} else if l.depth >= maxFrames {
		l.runError("stack overflow")
	}
	l.depth++
	l.ci = f
	return f
}

// precall calls the function at a place of the stack, whose arguments reach up to top.
func (l *State) precall(fn, want int) outcome {
	c := l.stack[fn].Closure()
	if c == nil {
		c = l.callable(fn)
	}
	if c.flag {
		l.need(goStack)
		f := l.pushFrame()
		f.fn, f.base, f.top, f.closure, f.want, f.tails = fn, fn+1, l.top+goStack, c, want, 0
		n := c.fn(l)
		if n < 0 {
			return yielded
		}
		l.finish(l.top-n, want)
		return calledGo
	}
	f := l.pushFrame()
	f.want, f.tails, f.entry = want, 0, false
	l.enter(f, c, fn)
	return calledLua
}

// callable puts the __call handler of a value that is no function below it.
func (l *State) callable(fn int) *Closure {
	h := l.g.handler(l.g.metatable(l.stack[fn]), eventCall)
	c := h.Closure()
	if c == nil {
		l.typeError(l.stack[fn], "call", fn-l.ci.base)
	}
	l.need(1)
	copy(l.stack[fn+1:l.top+1], l.stack[fn:l.top])
	l.top++
	l.stack[fn] = h
	return c
}

// enter makes f run the Lua function c, whose arguments lie behind fn up to top.
func (l *State) enter(f *frame, c *Closure, fn int) {
	p := c.proto
	base := fn + 1
	args := l.top - base
	if size := base + args + p.params + 2*window; size > len(l.stack) {
		l.grow(size)
	}
	if args < p.params {
		clear(l.stack[l.top : base+p.params])
		args = p.params
	}
	if p.vararg {
		base = l.shiftParams(p, base, args)
	}
	f.closure, f.fn, f.base, f.top, f.pc = c, fn, base, base+p.stack, 0
	l.top = f.top
}

// shiftParams moves the named parameters behind the varargs, so that the registers follow, and makes the table arg.
func (l *State) shiftParams(p *proto, base, args int) int {
	top := base + args
	extra := args - p.params
	copy(l.stack[top:], l.stack[base:base+p.params])
	clear(l.stack[base : base+p.params])
	l.stack[top+p.params] = Nil // arg, if there is such a parameter
	if p.needsArg {
		l.top = top + p.params
		t := l.NewTable(extra, 1)
		for i := range extra {
			t.SetInt(i+1, l.stack[base+p.params+i])
		}
		t.SetField("n", Int(extra))
		l.stack[top+p.params] = t.Value()
	}
	return top
}

// finish leaves the current frame with the results from a place up to top.
func (l *State) finish(from, want int) {
	f := l.ci
	l.ci = f.prev
	l.depth--
	to := f.fn
	if want < 0 {
		to += copy(l.stack[to:], l.stack[from:l.top])
		l.top = to
		return
	}
	for ; want > 0 && from < l.top; want-- {
		l.stack[to] = l.stack[from]
		to++
		from++
	}
	for ; want > 0; want-- {
		l.stack[to] = Nil
		to++
	}
	l.top = to
}

// call runs the function at a place of the stack; its results come to that place.
func (l *State) call(fn, want int) {
	l.step(1)
	l.calls++
	if l.calls >= maxNesting {
		if l.calls == maxNesting {
			l.runError("C stack overflow")
		}
		if l.calls >= maxNesting+maxNesting/8 {
			panic(&Error{Value: l.g.text("error in error handling")})
		}
	}
	if l.precall(fn, want) == calledLua {
		l.ci.entry = true
		l.execute()
	}
	l.calls--
}

// try is call that returns the error instead of raising it, unless it is one that must not be caught. handler, which may
// be nil, is called where the error is raised.
func (l *State) try(fn, want int, handler func(*State, Value) Value) (thrown *Error) {
	f, calls, depth, outer := l.ci, l.calls, l.depth, l.handler
	l.handler = handler
	done := false
	defer func() {
		l.handler = outer
		if done {
			return
		}
		thrown = l.asError(recover())
		l.closeUpvalues(fn)
		l.ci, l.calls, l.depth, l.top = f, calls, depth, fn
		l.g.running = l
	}()
	l.call(fn, want)
	done = true
	return nil
}

// Call runs fn with args and returns its results, which are valid until the next call. The error is an *[Error].
// handler, if any, is called first and where the error was raised, so that it can ask [State.Frame]; what it returns
// becomes the error's value.
func (l *State) Call(fn Value, handler func(l *State, v Value) Value, args ...Value) ([]Value, error) {
	at := l.top
	l.need(len(args) + 1)
	l.stack[at] = fn
	copy(l.stack[at+1:], args)
	l.top += 1 + len(args)
	if err := l.try(at, multiple, handler); err != nil {
		l.forget(at)
		return nil, err
	}
	results := l.stack[at:l.top:l.top]
	l.top = at
	return results, nil
}

// forget clears the unused stack, so that it keeps nothing alive.
func (l *State) forget(from int) { clear(l.stack[from:]) }

// Frame describes an active function: the one running (level 0), its caller (1), and so on.
type Frame struct {
	Source string // chunk name as given to Load; "=[C]" for functions of the host
	Line   int    // being executed; -1 if unknown
	Host   bool
	Tail   bool // nothing is known of this one, for a tail call replaced it
}

// Frame returns the active function at level, or false if there are not so many.
func (l *State) Frame(level int) (Frame, bool) {
	f, tail := l.frameAt(level)
	if tail {
		return Frame{Source: "=(tail call)", Line: -1, Tail: true}, true
	}
	if f == nil {
		return Frame{}, false
	}
	if f.closure.flag {
		return Frame{Source: "=[C]", Line: -1, Host: true}, true
	}
	return Frame{Source: f.closure.proto.source, Line: f.line()}, true
}

// frameAt returns the active function at level; nil if there is none, or if a tail call replaced it (tail).
func (l *State) frameAt(level int) (f *frame, tail bool) {
	f = l.ci
	for ; level > 0 && f.closure != nil; f = f.prev {
		level--
		if !f.closure.flag {
			level -= f.tails
		}
	}
	if level < 0 {
		return nil, true
	}
	if level > 0 || f.closure == nil {
		return nil, false
	}
	return f, false
}

// line is the one f is executing.
func (f *frame) line() int {
	return int(f.closure.proto.lines[max(f.pc-1, 0)])
}
