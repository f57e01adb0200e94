package lua

// ends reports whether the current token ends a block.
func (c *compiler) ends() bool {
	switch c.now.token {
	case tokElse, tokElseif, tokEnd, tokUntil, tokEOF:
		return true
	}
	return false
}

func (c *compiler) chunk() {
	c.enter()
	for last := false; !last && !c.ends(); {
		last = c.statement()
		c.accept(';')
		c.f.free = len(c.f.active)
	}
	c.leave()
}

func (c *compiler) block() {
	c.f.enterBlock(false)
	c.chunk()
	c.f.leaveBlock()
}

// statement reports whether it must be the last of its block.
func (c *compiler) statement() bool {
	line := c.line
	switch c.now.token {
	case tokIf:
		c.ifStatement(line)
	case tokWhile:
		c.whileStatement(line)
	case tokDo:
		c.next()
		c.block()
		c.match(tokEnd, tokDo, line)
	case tokFor:
		c.forStatement(line)
	case tokRepeat:
		c.repeatStatement(line)
	case tokFunction:
		c.functionStatement(line)
	case tokLocal:
		c.next()
		if c.accept(tokFunction) {
			c.localFunction()
		} else {
			c.localStatement()
		}
	case tokReturn:
		c.returnStatement()
		return true
	case tokBreak:
		c.next()
		c.breakStatement()
		return true
	default:
		c.expressionStatement()
	}
	return false
}

// target is a variable on the left side of an assignment.
type target struct {
	expr
	before *target
}

func (c *compiler) expressionStatement() {
	var t target
	c.primary(&t.expr)
	if t.kind == exprCall {
		c.f.at(&t.expr).setC(1)
		return
	}
	c.assignment(&t, 1)
}

func (c *compiler) assignment(t *target, count int) {
	if t.kind < exprLocal || t.kind > exprIndexed {
		c.failHere("syntax error")
	}
	var e expr
	if c.accept(',') {
		next := target{before: t}
		c.primary(&next.expr)
		if next.kind == exprLocal {
			c.keepOperands(t, next.info)
		}
		c.f.limit(count, maxNesting-c.depth, "variables in assignment")
		c.assignment(&next, count+1)
	} else {
		c.checkNext('=')
		values := c.expressions(&e)
		if values == count {
			c.f.setOneResult(&e)
			c.f.store(&t.expr, &e)
			return
		}
		c.adjust(count, values, &e)
		if values > count {
			c.f.free -= values - count
		}
	}
	e = newExpr(exprRegister, c.f.free-1)
	c.f.store(&t.expr, &e)
}

// keepOperands copies the variable in register if targets before it use it as table or key, for it is assigned first.
func (c *compiler) keepOperands(t *target, register int) {
	f := c.f
	conflict := false
	for ; t != nil; t = t.before {
		if t.kind != exprIndexed {
			continue
		}
		if t.info == register {
			t.info = f.free
			conflict = true
		}
		if t.aux == register {
			t.aux = f.free
			conflict = true
		}
	}
	if conflict {
		f.emit(opMove, f.free, register, 0)
		f.reserve(1)
	}
}

// adjust makes values expressions, the last of them e, into as many as variables in consecutive registers.
func (c *compiler) adjust(variables, values int, e *expr) {
	extra := variables - values
	if e.many() {
		extra = max(extra+1, 0)
		c.f.setResults(e, extra)
		if extra > 1 {
			c.f.reserve(extra - 1)
		}
		return
	}
	if e.kind != exprVoid {
		c.f.toNext(e)
	}
	if extra > 0 {
		from := c.f.free
		c.f.reserve(extra)
		c.f.emitNil(from, extra)
	}
}

// condition returns the jumps to take if it is false.
func (c *compiler) condition() int {
	var e expr
	c.expression(&e)
	if e.kind == exprNil {
		e.kind = exprFalse
	}
	c.f.goIfTrue(&e)
	return e.els
}

func (c *compiler) breakStatement() {
	captured := false
	b := c.f.blocks
	for b != nil && !b.loop {
		captured = captured || b.captured
		b = b.outer
	}
	if b == nil {
		c.failHere("no loop to break")
	}
	if captured {
		c.f.emit(opClose, b.active, 0, 0)
	}
	c.f.concat(&b.breaks, c.f.jump())
}

func (c *compiler) whileStatement(line int) {
	c.next()
	start := c.f.label()
	out := c.condition()
	c.f.enterBlock(true)
	c.checkNext(tokDo)
	c.block()
	c.f.patch(c.f.jump(), start)
	c.match(tokEnd, tokWhile, line)
	c.f.leaveBlock()
	c.f.patchToHere(out)
}

func (c *compiler) repeatStatement(line int) {
	f := c.f
	start := f.label()
	f.enterBlock(true)
	f.enterBlock(false)
	scope := f.blocks
	c.next()
	c.chunk()
	c.match(tokUntil, tokRepeat, line)
	again := c.condition()
	if !scope.captured {
		f.leaveBlock()
		f.patch(again, start)
	} else {
		c.breakStatement()
		f.patchToHere(again)
		f.leaveBlock()
		f.patch(f.jump(), start)
	}
	f.leaveBlock()
}

func (c *compiler) oneExpression() {
	var e expr
	c.expression(&e)
	c.f.toNext(&e)
}

func (c *compiler) forBody(base, line, variables int, numeric bool) {
	f := c.f
	f.addLocals(3)
	c.checkNext(tokDo)
	var prep int
	if numeric {
		prep = f.emit(opForPrep, base, 0, noJump)
	} else {
		prep = f.jump()
	}
	f.enterBlock(false)
	f.addLocals(variables)
	f.reserve(variables)
	c.block()
	f.leaveBlock()
	f.patchToHere(prep)
	var end int
	if numeric {
		end = f.emit(opForLoop, base, 0, noJump)
		f.fixLine(line)
	} else {
		f.emit(opTForLoop, base, 0, variables)
		f.fixLine(line)
		end = f.jump()
	}
	f.patch(end, prep+1)
}

func (c *compiler) forStatement(line int) {
	c.f.enterBlock(true)
	c.next()
	name := c.checkName()
	switch c.now.token {
	case '=':
		c.numericFor(name, line)
	case ',', tokIn:
		c.genericFor(name)
	default:
		c.failHere("'=' or 'in' expected")
	}
	c.match(tokEnd, tokFor, line)
	c.f.leaveBlock()
}

func (c *compiler) numericFor(name string, line int) {
	base := c.f.free
	for _, hidden := range []string{"(for index)", "(for limit)", "(for step)"} {
		c.declare(hidden)
	}
	c.declare(name)
	c.checkNext('=')
	c.oneExpression()
	c.checkNext(',')
	c.oneExpression()
	if c.accept(',') {
		c.oneExpression()
	} else {
		c.f.emit(opLoadK, c.f.free, 0, c.f.constant(Number(1)))
		c.f.reserve(1)
	}
	c.forBody(base, line, 1, true)
}

func (c *compiler) genericFor(name string) {
	base := c.f.free
	for _, hidden := range []string{"(for generator)", "(for state)", "(for control)"} {
		c.declare(hidden)
	}
	c.declare(name)
	variables := 1
	for c.accept(',') {
		c.declare(c.checkName())
		variables++
	}
	c.checkNext(tokIn)
	line := c.line
	var e expr
	c.adjust(3, c.expressions(&e), &e)
	c.f.checkStack(3)
	c.forBody(base, line, variables, false)
}

func (c *compiler) ifStatement(line int) {
	out := noJump
	next := c.testBlock()
	for c.now.token == tokElseif {
		c.f.concat(&out, c.f.jump())
		c.f.patchToHere(next)
		next = c.testBlock()
	}
	if c.now.token == tokElse {
		c.f.concat(&out, c.f.jump())
		c.f.patchToHere(next)
		c.next()
		c.block()
	} else {
		c.f.concat(&out, next)
	}
	c.f.patchToHere(out)
	c.match(tokEnd, tokIf, line)
}

// testBlock reads "if condition then block" and returns the jumps to take if the condition is false.
func (c *compiler) testBlock() int {
	c.next()
	out := c.condition()
	c.checkNext(tokThen)
	c.block()
	return out
}

func (c *compiler) localFunction() {
	f := c.f
	c.declare(c.checkName())
	v := newExpr(exprLocal, f.free)
	f.reserve(1)
	f.addLocals(1)
	var e expr
	c.body(&e, false, c.line)
	f.store(&v, &e)
	f.proto.locals[f.active[len(f.active)-1]].start = f.pc()
}

func (c *compiler) localStatement() {
	variables := 0
	for {
		c.declare(c.checkName())
		variables++
		if !c.accept(',') {
			break
		}
	}
	e := newExpr(exprVoid, 0)
	values := 0
	if c.accept('=') {
		values = c.expressions(&e)
	}
	c.adjust(variables, values, &e)
	c.f.addLocals(variables)
}

func (c *compiler) functionStatement(line int) {
	c.next()
	var name, e expr
	c.variable(&name)
	for c.now.token == '.' {
		c.field(&name)
	}
	method := c.now.token == ':'
	if method {
		c.field(&name)
	}
	c.body(&e, method, line)
	c.f.store(&name, &e)
	c.f.fixLine(line)
}

func (c *compiler) returnStatement() {
	f := c.f
	c.next()
	if c.ends() || c.now.token == ';' {
		f.emitReturn(0, 0)
		return
	}
	var e expr
	count := c.expressions(&e)
	first := len(f.active)
	switch {
	case e.many():
		f.setResults(&e, multiple)
		if e.kind == exprCall && count == 1 {
			f.at(&e).setOp(opTailCall)
		}
		count = multiple
	case count == 1:
		first = f.toAny(&e)
	default:
		f.toNext(&e)
	}
	f.emitReturn(first, count)
}
