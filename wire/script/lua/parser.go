package lua

import "fmt"

// Limits of Lua 5.1.
const (
	maxLocals   = 200 // of a function
	maxUpvalues = 60  // of a function
	maxNesting  = 200 // of syntax, and of calls through Go
)

// compiler parses one chunk and writes its code.
type compiler struct {
	*lexer
	f       *function // the innermost
	depth   int
	strings map[string]Value
	g       *global
}

// compile turns source into a prototype; it panics with a syntaxError. depth is the nesting of calls it is called at.
func (g *global) compile(source, chunk string, depth int) *proto {
	c := &compiler{lexer: newLexer(source, chunk), strings: map[string]Value{}, g: g, depth: depth}
	c.open(0)
	c.f.proto.vararg = true
	c.next()
	c.chunk()
	c.check(tokEOF)
	p := c.f.proto
	c.close()
	return p
}

// text returns a string constant, one object for each text.
func (c *compiler) text(s string) Value {
	v, ok := c.strings[s]
	if !ok {
		v = c.g.text(s)
		c.strings[s] = v
	}
	return v
}

func (c *compiler) open(line int) {
	p := &proto{source: c.lexer.chunk, line: line, stack: 2}
	c.f = &function{proto: p, outer: c.f, c: c, consts: map[Value]int{}, target: -1, pending: noJump}
}

func (c *compiler) close() {
	f := c.f
	f.removeLocals(0)
	f.emitReturn(0, 0)
	p := f.proto
	p.upvals = f.upvals
	p.size = 120 + len(p.code)*12 + len(p.k)*valueBytes + len(p.locals)*32
	c.g.charge(p.size)
	specialize(p)
	c.f = f.outer
}

func (c *compiler) enter() {
	c.depth++
	if c.depth > maxNesting {
		c.fail("chunk has too many syntax levels", tokNone)
	}
}

func (c *compiler) leave() { c.depth-- }

func (c *compiler) accept(t token) bool {
	if c.now.token != t {
		return false
	}
	c.next()
	return true
}

func (c *compiler) check(t token) {
	if c.now.token != t {
		c.failHere(fmt.Sprintf("'%s' expected", t))
	}
}

func (c *compiler) checkNext(t token) {
	c.check(t)
	c.next()
}

// match expects what closes something begun at line.
func (c *compiler) match(what, opening token, line int) {
	if c.accept(what) {
		return
	}
	if line == c.line {
		c.check(what)
	}
	c.failHere(fmt.Sprintf("'%s' expected (to close '%s' at line %d)", what, opening, line))
}

func (c *compiler) checkName() string {
	c.check(tokName)
	name := c.now.text
	c.next()
	return name
}

// declare names a variable that addLocals will activate.
func (c *compiler) declare(name string) {
	f := c.f
	f.declared = append(f.declared, len(f.proto.locals))
	f.limit(len(f.active)+len(f.declared), maxLocals, "local variables")
	f.proto.locals = append(f.proto.locals, localVar{name: name})
}

// addLocals activates the first n variables declared.
func (f *function) addLocals(n int) {
	for _, i := range f.declared[:n] {
		f.proto.locals[i].start = f.pc()
		f.active = append(f.active, i)
	}
	f.declared = append(f.declared[:0], f.declared[n:]...)
}

func (f *function) removeLocals(level int) {
	for len(f.active) > level {
		last := len(f.active) - 1
		f.proto.locals[f.active[last]].end = f.pc()
		f.active = f.active[:last]
	}
}

func (f *function) findLocal(name string) int {
	for i := len(f.active) - 1; i >= 0; i-- {
		if f.proto.locals[f.active[i]].name == name {
			return i
		}
	}
	return -1
}

func (f *function) upvalue(name string, v *expr) int {
	for i, u := range f.upvals {
		if u.inStack == (v.kind == exprLocal) && int(u.index) == v.info {
			return i
		}
	}
	f.limit(len(f.upvals)+1, maxUpvalues, "upvalues")
	f.upvals = append(f.upvals, upvalDesc{name: name, inStack: v.kind == exprLocal, index: uint8(v.info)})
	return len(f.upvals) - 1
}

// resolve finds name in f or around it; captured says that an inner function asks.
func (f *function) resolve(name string, e *expr, captured bool) {
	if f == nil {
		*e = newExpr(exprGlobal, 0)
		return
	}
	if i := f.findLocal(name); i >= 0 {
		*e = newExpr(exprLocal, i)
		if captured {
			b := f.blocks
			for b != nil && b.active > i {
				b = b.outer
			}
			if b != nil {
				b.captured = true
			}
		}
		return
	}
	f.outer.resolve(name, e, true)
	if e.kind != exprGlobal {
		e.set(exprUpval, f.upvalue(name, e))
	}
}

func (c *compiler) variable(e *expr) {
	name := c.checkName()
	c.f.resolve(name, e, false)
	if e.kind == exprGlobal {
		e.info = c.f.stringConstant(name)
	}
}

func (f *function) enterBlock(loop bool) {
	f.blocks = &block{outer: f.blocks, breaks: noJump, active: len(f.active), loop: loop}
}

func (f *function) leaveBlock() {
	b := f.blocks
	f.blocks = b.outer
	f.removeLocals(b.active)
	if b.captured {
		f.emit(opClose, b.active, 0, 0)
	}
	f.free = len(f.active)
	f.patchToHere(b.breaks)
}

// body reads parameters and body of a function.
func (c *compiler) body(e *expr, method bool, line int) {
	c.open(line)
	f := c.f
	c.checkNext('(')
	if method {
		c.declare("self")
		f.addLocals(1)
	}
	c.parameters()
	c.checkNext(')')
	c.chunk()
	f.proto.lastLine = c.line
	c.match(tokEnd, tokFunction, line)
	c.close()
	c.f.proto.protos = append(c.f.proto.protos, f.proto)
	*e = newExpr(exprRelocable, c.f.emit(opClosure, 0, 0, len(c.f.proto.protos)-1))
}

func (c *compiler) parameters() {
	f := c.f
	count := 0
	if c.now.token != ')' {
		for {
			if c.now.token == tokDots {
				// As in Lua 5.0 there is a table "arg", made only if the body does without "...".
				c.next()
				c.declare("arg")
				count++
				f.proto.vararg, f.proto.needsArg = true, true
				break
			}
			if c.now.token != tokName {
				c.failHere("<name> or '...' expected")
			}
			c.declare(c.checkName())
			count++
			if !c.accept(',') {
				break
			}
		}
	}
	f.addLocals(count)
	f.proto.params = len(f.active)
	if f.proto.vararg {
		f.proto.params--
	}
	f.reserve(len(f.active))
}
