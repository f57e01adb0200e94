package lua

// Options bound a State. The zero value bounds strings only.
type Options struct {
	// MaxMemory is how many bytes values may take, as [State.Memory] counts them; 0 is no limit. What would exceed it
	// fails with the error "not enough memory", which scripts may catch.
	MaxMemory int
	// MaxString is the length of the longest string in bytes; 0 is 512 MB. What would be longer fails in the same way.
	MaxString int
	// Hook is called about every Every instructions (0 is 10000); loops within the libraries count too. An error it
	// returns ends the running call of the host: no pcall catches it.
	Hook  func(l *State) error
	Every int
}

// Limits of Lua 5.1 and of its stack here.
const (
	maxFrames  = 16383 // functions that may be active
	maxGoStack = 8000  // values a Go function may have on the stack
	goStack    = 20    // values a Go function may push without asking
	window     = 256   // registers an instruction can name
)

// global is what a State and its coroutines share.
type global struct {
	Options
	main    *State
	running *State
	env     *Table
	strings *Table // metatable of all strings
	names   [eventCount]*String
	cache   [1024]*String // strings met lately, so that equal names are mostly one object
	next    *Closure      // the functions next and what ipairs returns, which loops call without a frame
	inext   *Closure
	steps   int // instructions until the hook is called
	random  random
	tracing tracing

	used        int // bytes, an estimate that reclaim corrects
	threshold   int
	recountFrom int // used from which it is worth counting anew when a script has ended
	mark        uint16
}

// State runs scripts: it is an interpreter with its global variables, or one of its coroutines. A State and all its
// values belong to one goroutine at a time.
type State struct {
	header
	g       *global
	stack   []Value
	top     int // the first free place; while a Lua function runs, behind its registers
	ci      *frame
	depth   int // frames below ci
	open    *upvalue
	calls   int // nesting of calls through Go
	floor   int // calls when this coroutine was resumed
	status  status
	handler func(l *State, v Value) Value // see try
	resumer *State                        // who waits for this coroutine
}

// frame is a function being executed. Frames are kept and used again.
type frame struct {
	prev, next *frame
	closure    *Closure // nil below the first
	fn         int      // place of the function in the stack; its results come here
	base       int      // register 0, or the first argument of a Go function
	top        int      // behind the registers
	pc         int      // next instruction
	want       int      // results
	tails      int      // tail calls that led here
	traced     int      // the instruction that was trapped last
	entry      bool     // execute was called for it
}

// Function is a function of the host. It finds its arguments with [State.Arg] and the Check methods, pushes its results
// and returns how many they are.
type Function func(l *State) int

// Closure is a function with its upvalues.
type Closure struct {
	header
	env    *Table // global variables
	proto  *proto
	upvals []*upvalue
	fn     Function
}

// upvalue is a local variable that a closure refers to. It lives in the stack until its function ends (open), then here.
type upvalue struct {
	v      *Value
	closed Value
	at     int // place in the stack while open
	below  *upvalue
	mark   uint16
}

// New returns a State with the libraries described in the package comment.
func New(o Options) *State {
	if o.MaxString == 0 {
		o.MaxString = 512 << 20
	}
	if o.Every == 0 {
		o.Every = 10000
	}
	g := &global{Options: o, steps: o.Every, threshold: 1 << 20, random: newRandom()}
	for i, name := range eventNames {
		g.names[i] = g.text(name).string()
	}
	l := newThread(g)
	l.status = statusRunning
	g.main, g.running = l, l
	g.env = l.NewTable(0, 64)
	openLibraries(l)
	return l
}

func newThread(g *global) *State {
	l := &State{header: header{kind: KindThread}, g: g, stack: make([]Value, window+64), ci: &frame{}}
	g.charge(200 + len(l.stack)*valueBytes)
	l.top = 1
	l.ci.base, l.ci.top = 1, 1+goStack
	return l
}

// Globals returns the table of global variables.
func (l *State) Globals() *Table { return l.g.env }

// StringMetatable returns the metatable of all strings, whose __index is the string library.
func (l *State) StringMetatable() *Table { return l.g.strings }

// NewTable returns an empty table with room for so many fields.
func (l *State) NewTable(array, hash int) *Table {
	l.g.charge(tableBytes)
	t := &Table{header: header{kind: KindTable}, owner: l.g}
	if array > 0 || hash > 0 {
		t.resize(array, hash)
	}
	return t
}

// NewString returns s as a value.
func (l *State) NewString(s string) Value { return l.g.newString(s) }

// NewBytes returns a copy of b as a value.
func (l *State) NewBytes(b []byte) Value {
	l.g.checkLength(len(b))
	return l.g.newString(string(b))
}

// NewUserdata returns data wrapped for scripts, with a metatable or nil. Data that is nil shows as a null pointer.
func (l *State) NewUserdata(data any, meta *Table) *Userdata {
	l.g.charge(48)
	return &Userdata{header: header{kind: KindUserdata}, Data: data, meta: meta}
}

// NewFunction returns fn as a value.
func (l *State) NewFunction(fn Function) *Closure {
	l.g.charge(80)
	return &Closure{header: header{kind: KindFunction, flag: true}, env: l.g.env, fn: fn}
}

// Register sets the fields of t to functions.
func (l *State) Register(t *Table, functions map[string]Function) {
	// In order, for the places of fields depend on it.
	for _, name := range sortedKeys(functions) {
		t.SetField(name, l.NewFunction(functions[name]).Value())
	}
}

func (g *global) newString(s string) Value {
	g.checkLength(len(s))
	g.charge(32 + len(s))
	return (&String{header: header{kind: KindString}, text: s}).Value()
}

// text is newString for names: short strings are likely to be shared.
func (g *global) text(s string) Value {
	if len(s) > 40 {
		return g.newString(s)
	}
	h := hashText(s)
	at := &g.cache[h%uint32(len(g.cache))]
	if *at != nil && (*at).text == s {
		return (*at).Value()
	}
	v := g.newString(s)
	v.string().hash = h
	*at = v.string()
	return v
}

func (g *global) checkLength(n int) {
	if n > g.MaxString {
		panic(g.memoryError())
	}
}

// Load compiles source; chunk names it in messages: "@user_script" shows as user_script. env is what the globals of
// the function will be, nil for [State.Globals]. The function may be called any number of times. The error is Lua's message.
func (l *State) Load(source, chunk string, env *Table) (fn *Closure, err error) {
	defer func() {
		if r := recover(); r != nil {
			fn, err = nil, l.asError(r)
		}
	}()
	p := l.g.compile(source, chunk, l.calls)
	if env == nil {
		env = l.g.env
	}
	l.g.charge(80)
	return &Closure{header: header{kind: KindFunction}, env: env, proto: p}, nil
}

// need makes room for n values above top.
func (l *State) need(n int) {
	if size := l.top + n + window; size > len(l.stack) {
		l.grow(size)
	}
}

// grow moves the stack, and open upvalues with it.
func (l *State) grow(size int) {
	size = max(size, 2*len(l.stack))
	l.g.charge((size - len(l.stack)) * valueBytes)
	stack := make([]Value, size)
	copy(stack, l.stack)
	l.stack = stack
	for u := l.open; u != nil; u = u.below {
		u.v = &stack[u.at]
	}
}

// findUpvalue returns the upvalue for a place in the stack.
func (l *State) findUpvalue(at int) *upvalue {
	link := &l.open
	for *link != nil && (*link).at >= at {
		if (*link).at == at {
			return *link
		}
		link = &(*link).below
	}
	l.g.charge(64)
	u := &upvalue{v: &l.stack[at], at: at, below: *link}
	*link = u
	return u
}

// closeUpvalues takes all upvalues from a place on out of the stack.
func (l *State) closeUpvalues(from int) {
	for l.open != nil && l.open.at >= from {
		u := l.open
		u.closed = *u.v
		u.v = &u.closed
		l.open, u.below = u.below, nil
	}
}
