package lua

// A chunk from [State.LoadTraced] tells the tracer where it is. Each of its instructions is replaced by a trap that does the
// instruction's work behind its own, so that chunks loaded otherwise, and the loop that executes them, pay nothing for it.

// Tracer is called before an instruction of a traced chunk is executed: when the line changes, when a function is entered and
// when a jump goes back, as the line hook of Lua 5.1 is, and once in [TraceEvery] instructions wherever they are (counted). l is
// the coroutine that runs. The tracer may ask for [State.Frame], [State.Local] and [State.CalledAs], call functions, which are not traced,
// and raise errors.
type Tracer func(l *State, line int, counted bool)

// TraceEvery is after how many traced instructions a Tracer is called for their number.
const TraceEvery = 100000

// tracing is what a global keeps for it.
type tracing struct {
	call  Tracer // nil: nobody is told
	count int    // instructions since the last call for their number
	busy  bool   // the tracer is being called
}

// SetTracer says whom traced chunks tell where they are; nil: nobody.
func (l *State) SetTracer(t Tracer) { l.g.tracing = tracing{call: t} }

// LoadTraced is [State.Load] of a chunk that tells the tracer where it is.
func (l *State) LoadTraced(source, chunk string, env *Table) (*Closure, error) {
	c, err := l.Load(source, chunk, env)
	if err == nil {
		c.proto.setTraps()
	}
	return c, err
}

func (p *proto) setTraps() {
	p.ops = make([]opcode, len(p.code))
	for at := range p.code {
		i := &p.code[at]
		p.ops[at] = i.op()
		// A test and the jump behind it are one step, also where the jump is executed by itself.
		if i.op() != opJmp || at == 0 || !p.ops[at-1].tests() {
			i.setOp(opTrap)
		}
	}
	for _, inner := range p.protos {
		inner.setTraps()
	}
}

// tests says whether the next instruction is a jump that op decides on.
func (op opcode) tests() bool {
	switch op {
	case opEq, opEqRK, opLt, opLtRR, opLe, opLeRR, opTest, opTestSet, opTForLoop:
		return true
	}
	return false
}

// instruction is the one at pc as it was compiled.
func (p *proto) instruction(pc int) instruction {
	i := p.code[pc]
	if p.ops != nil {
		i.setOp(p.ops[pc])
	}
	return i
}

// trap tells the tracer that f is about to execute the instruction before its pc, and returns that.
func (l *State) trap(f *frame) instruction {
	p, at := f.closure.proto, f.pc-1
	t := &l.g.tracing
	if t.call == nil || t.busy {
		return p.instruction(at)
	}
	last := f.traced
	if at == 0 {
		last = -1
		if p.nilStart {
			f.traced = -1 // the function begins behind it
			return p.instruction(at)
		}
	}
	f.traced = at
	if t.count++; t.count == TraceEvery {
		t.count = 0
		l.tell(int(p.lines[at]), true)
	}
	if last < 0 || at <= last || p.lines[at] != p.lines[last] {
		l.tell(int(p.lines[at]), false)
	}
	return p.instruction(at)
}

// tell calls the tracer. Values that the running function has above its registers stay.
func (l *State) tell(line int, counted bool) {
	t := &l.g.tracing
	t.busy = true
	defer func(top int) { t.busy, l.top = false, top }(l.top)
	l.top = max(l.top, l.ci.top)
	l.need(goStack)
	t.call(l, line, counted)
}

// Local returns the name and the value of the n-th local variable, from 0, of the active function at level, in the order in which they were
// declared. ok is false if there are not so many, or it is a function of the host.
func (l *State) Local(level, n int) (name string, v Value, ok bool) {
	f, _ := l.frameAt(level)
	if f == nil || f.closure.flag {
		return "", Nil, false
	}
	name = f.closure.proto.localName(n, max(f.pc-1, 0))
	if name == "" {
		return "", Nil, false
	}
	return name, l.stack[f.base+n], true
}

// CalledAs is how the caller of the active function at level names it; "": nothing is known.
func (l *State) CalledAs(level int) string {
	f, _ := l.frameAt(level)
	if f == nil {
		return ""
	}
	_, name := f.calledAs()
	return name
}
