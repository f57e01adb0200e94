package lua

// status of a coroutine.
type status uint8

const (
	statusFresh   status = iota // its function is in the stack, not called yet
	statusYielded               // the running frame is that of coroutine.yield
	statusRunning               // or waiting for one it has resumed
	statusDead
)

// Coroutines need no goroutines: a yield is only allowed where no Go function is between it and the resume, so execute
// just returns and is called again later.

// newCoroutine returns a coroutine that will run fn.
func (l *State) newCoroutine(fn *Closure) *State {
	co := newThread(l.g)
	co.stack[co.top] = fn.Value()
	co.top++
	return co
}

// resume runs co until it yields, returns or fails. args are taken from the top of l's stack and the results are pushed
// there; they are an error's value if ok is false.
func (l *State) resume(co *State, args int) (results int, ok bool) {
	var msg string
	switch {
	case co.status == statusDead:
		msg = "cannot resume dead coroutine"
	case co.status == statusRunning && co == l.g.running:
		msg = "cannot resume running coroutine"
	case co.status == statusRunning:
		msg = "cannot resume normal coroutine"
	case l.calls >= maxNesting:
		msg = "C stack overflow"
	}
	if msg != "" {
		l.top -= args
		l.Push(l.g.text(msg))
		return 1, false
	}
	co.need(args)
	copy(co.stack[co.top:], l.stack[l.top-args:l.top])
	co.top += args
	l.top -= args

	fresh := co.status == statusFresh
	co.calls = l.calls + 1
	co.floor = co.calls
	co.status = statusRunning
	co.resumer = l
	l.g.running = co
	err := co.run(fresh, args)
	l.g.running = l
	co.resumer = nil
	if err != nil {
		co.status = statusDead
		if err.Fatal != nil {
			panic(err)
		}
		l.Push(err.Value)
		return 1, false
	}
	from := 1 // results of the function
	if co.status == statusYielded {
		from = co.ci.base
	} else {
		co.status = statusDead
	}
	results = co.top - from
	l.need(results)
	l.top += copy(l.stack[l.top:], co.stack[from:co.top])
	co.top = from
	return results, true
}

// run starts the coroutine or goes on behind its yield, which returns the values on top of the stack.
func (l *State) run(fresh bool, args int) (err *Error) {
	done := false
	defer func() {
		if !done {
			err = l.asError(recover())
			l.closeUpvalues(0)
		}
	}()
	if fresh {
		if l.precall(l.top-args-1, multiple) == calledLua {
			l.ci.entry = true
			l.execute()
		}
	} else {
		want := l.ci.want
		l.finish(l.top-args, want)
		if f := l.ci; f.closure != nil {
			if want >= 0 {
				l.top = f.top
			}
			l.execute()
		}
	}
	done = true
	return nil
}

// Yield leaves the running coroutine; the n values on top of the stack are what its resume returns. A Function returns
// what Yield returns; there is no coming back to it.
func (l *State) Yield(n int) int {
	if l.calls > l.floor || l.resumer == nil {
		l.runError("attempt to yield across metamethod/C-call boundary")
	}
	l.ci.base = l.top - n
	l.status = statusYielded
	return -1
}

func openCoroutine(l *State) {
	t := l.NewTable(0, 8)
	l.Register(t, map[string]Function{
		"create":  coroutineCreate,
		"resume":  coroutineResume,
		"running": coroutineRunning,
		"status":  coroutineStatus,
		"wrap":    coroutineWrap,
		"yield":   func(l *State) int { return l.Yield(l.ArgCount()) },
	})
	l.Globals().SetField("coroutine", t.Value())
}

// checkLuaFunction: what is written in Go could not yield.
func checkLuaFunction(l *State) *Closure {
	c := l.Arg(1).Closure()
	if c == nil || c.flag {
		l.ArgError(1, "Lua function expected")
	}
	return c
}

func coroutineCreate(l *State) int {
	l.Push(l.newCoroutine(checkLuaFunction(l)).threadValue())
	return 1
}

func checkCoroutine(l *State) *State {
	co := l.Arg(1).thread()
	if co == nil {
		l.ArgError(1, "coroutine expected")
	}
	return co
}

func coroutineResume(l *State) int {
	co := checkCoroutine(l)
	n, ok := l.resume(co, l.ArgCount()-1)
	l.insert(l.top-n, Bool(ok))
	return n + 1
}

func coroutineWrap(l *State) int {
	co := l.newCoroutine(checkLuaFunction(l))
	l.Push(l.NewFunction(func(l *State) int {
		n, ok := l.resume(co, l.ArgCount())
		if !ok {
			v := l.stack[l.top-1]
			if text, is := v.Text(); is {
				v = l.NewString(l.Where(1) + text)
			}
			l.Throw(v)
		}
		return n
	}).Value())
	return 1
}

func coroutineRunning(l *State) int {
	if l == l.g.main {
		l.Push(Nil)
	} else {
		l.Push(l.threadValue())
	}
	return 1
}

func coroutineStatus(l *State) int {
	co := checkCoroutine(l)
	text := "suspended"
	switch {
	case co == l:
		text = "running"
	case co.status == statusDead:
		text = "dead"
	case co.status == statusRunning:
		text = "normal"
	}
	l.Push(l.g.text(text))
	return 1
}
