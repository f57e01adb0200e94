package lua

type unaryOp uint8

const (
	unaryNone unaryOp = iota
	unaryMinus
	unaryNot
	unaryLen
)

// binaryOp: the arithmetic ones come in the order of their opcodes.
type binaryOp uint8

const (
	binaryAdd binaryOp = iota
	binarySub
	binaryMul
	binaryDiv
	binaryMod
	binaryPow
	binaryConcat
	binaryNe
	binaryEq
	binaryLt
	binaryLe
	binaryGt
	binaryGe
	binaryAnd
	binaryOr
	binaryNone
)

// Priorities: an operator binds to its right what binds stronger than right.
var binaryPriority = [...]struct{ left, right int }{
	binaryAdd: {6, 6}, binarySub: {6, 6}, binaryMul: {7, 7}, binaryDiv: {7, 7}, binaryMod: {7, 7},
	binaryPow: {10, 9}, binaryConcat: {5, 4},
	binaryNe: {3, 3}, binaryEq: {3, 3}, binaryLt: {3, 3}, binaryLe: {3, 3}, binaryGt: {3, 3}, binaryGe: {3, 3},
	binaryAnd: {2, 2}, binaryOr: {1, 1},
}

const unaryPriority = 8

func unaryOf(t token) unaryOp {
	switch t {
	case '-':
		return unaryMinus
	case '#':
		return unaryLen
	case tokNot:
		return unaryNot
	}
	return unaryNone
}

var binaryTokens = map[token]binaryOp{
	'+': binaryAdd, '-': binarySub, '*': binaryMul, '/': binaryDiv, '%': binaryMod, '^': binaryPow,
	tokConcat: binaryConcat, tokNe: binaryNe, tokEq: binaryEq, '<': binaryLt, tokLe: binaryLe, '>': binaryGt,
	tokGe: binaryGe, tokAnd: binaryAnd, tokOr: binaryOr,
}

func binaryOf(t token) binaryOp {
	if op, ok := binaryTokens[t]; ok {
		return op
	}
	return binaryNone
}

func (c *compiler) expression(e *expr) { c.subexpression(e, 0) }

// subexpression reads operators that bind stronger than limit and returns the first that does not.
func (c *compiler) subexpression(e *expr, limit int) binaryOp {
	c.enter()
	if op := unaryOf(c.now.token); op != unaryNone {
		c.next()
		c.subexpression(e, unaryPriority)
		c.f.prefix(op, e)
	} else {
		c.simple(e)
	}
	op := binaryOf(c.now.token)
	for op != binaryNone && binaryPriority[op].left > limit {
		c.next()
		c.f.infix(op, e)
		var right expr
		following := c.subexpression(&right, binaryPriority[op].right)
		c.f.postfix(op, e, &right)
		op = following
	}
	c.leave()
	return op
}

func (c *compiler) simple(e *expr) {
	switch c.now.token {
	case tokNumber:
		*e = newExpr(exprNumber, 0)
		e.num = c.now.num
	case tokString:
		*e = newExpr(exprConst, c.f.stringConstant(c.now.text))
	case tokNil:
		*e = newExpr(exprNil, 0)
	case tokTrue:
		*e = newExpr(exprTrue, 0)
	case tokFalse:
		*e = newExpr(exprFalse, 0)
	case tokDots:
		if !c.f.proto.vararg {
			c.failHere("cannot use '...' outside a vararg function")
		}
		c.f.proto.needsArg = false
		*e = newExpr(exprVararg, c.f.emit(opVararg, 0, 1, 0))
	case '{':
		c.constructor(e)
		return
	case tokFunction:
		c.next()
		c.body(e, false, c.line)
		return
	default:
		c.primary(e)
		return
	}
	c.next()
}

func (c *compiler) prefixExpression(e *expr) {
	switch c.now.token {
	case tokName:
		c.variable(e)
	case '(':
		line := c.line
		c.next()
		c.expression(e)
		c.match(')', '(', line)
		c.f.fetch(e)
	default:
		c.failHere("unexpected symbol")
	}
}

// primary is a prefix with fields, indices and calls behind it.
func (c *compiler) primary(e *expr) {
	c.prefixExpression(e)
	for {
		switch c.now.token {
		case '.':
			c.field(e)
		case '[':
			c.f.toAny(e)
			var key expr
			c.index(&key)
			c.f.indexed(e, &key)
		case ':':
			c.next()
			key := newExpr(exprConst, c.f.stringConstant(c.checkName()))
			c.f.self(e, &key)
			c.arguments(e)
		case '(', tokString, '{':
			c.f.toNext(e)
			c.arguments(e)
		default:
			return
		}
	}
}

func (c *compiler) field(e *expr) {
	c.f.toAny(e)
	c.next()
	key := newExpr(exprConst, c.f.stringConstant(c.checkName()))
	c.f.indexed(e, &key)
}

func (c *compiler) index(key *expr) {
	c.next()
	c.expression(key)
	c.f.toValue(key)
	c.checkNext(']')
}

func (c *compiler) arguments(e *expr) {
	var args expr
	line := c.line
	switch c.now.token {
	case '(':
		if line != c.lastLine {
			c.failHere("ambiguous syntax (function call x new statement)")
		}
		c.next()
		if c.now.token == ')' {
			args = newExpr(exprVoid, 0)
		} else {
			c.expressions(&args)
			c.f.setResults(&args, multiple)
		}
		c.match(')', '(', line)
	case '{':
		c.constructor(&args)
	case tokString:
		args = newExpr(exprConst, c.f.stringConstant(c.now.text))
		c.next()
	default:
		c.failHere("function arguments expected")
	}
	base := e.info
	count := multiple
	if !args.many() {
		if args.kind != exprVoid {
			c.f.toNext(&args)
		}
		count = c.f.free - (base + 1)
	}
	*e = newExpr(exprCall, c.f.emit(opCall, base, count+1, 2))
	c.f.fixLine(line)
	c.f.free = base + 1
}

// expressions reads a list, leaves the last in e and returns how many there are.
func (c *compiler) expressions(e *expr) int {
	count := 1
	c.expression(e)
	for c.accept(',') {
		c.f.toNext(e)
		c.expression(e)
		count++
	}
	return count
}

// constructor is a table being read; item is the last list item, not stored yet.
type constructor struct {
	item                 expr
	table                int
	lists, named, stored int
}

func (c *compiler) constructor(e *expr) {
	line := c.line
	pc := c.f.emit(opNewTable, 0, 0, 0)
	*e = newExpr(exprRelocable, pc)
	c.f.toNext(e)
	t := constructor{item: newExpr(exprVoid, 0), table: e.info}
	c.checkNext('{')
	for c.now.token != '}' {
		c.flushItem(&t)
		switch {
		case c.now.token == '[', c.now.token == tokName && c.peek() == '=':
			c.namedField(&t)
		default:
			c.expression(&t.item)
			t.lists++
			t.stored++
		}
		if !c.accept(',') && !c.accept(';') {
			break
		}
	}
	c.match('}', '{', line)
	c.lastItems(&t)
	i := &c.f.proto.code[pc]
	i.setB(min(roundSize(t.lists), 1<<16-1))
	i.setC(roundSize(t.named))
}

// roundSize rounds up to what the classic format of this operand can hold, four significant bits.
func roundSize(n int) int {
	shift := 0
	for n >= 16 {
		n = (n + 1) >> 1
		shift++
	}
	return n << shift
}

func (c *compiler) flushItem(t *constructor) {
	if t.item.kind == exprVoid {
		return
	}
	c.f.toNext(&t.item)
	t.item.kind = exprVoid
	if t.stored == fieldsPerSet {
		c.f.emitSetList(t.table, t.lists, t.stored)
		t.stored = 0
	}
}

func (c *compiler) lastItems(t *constructor) {
	if t.stored == 0 {
		return
	}
	if t.item.many() {
		c.f.setResults(&t.item, multiple)
		c.f.emitSetList(t.table, t.lists, multiple+1)
		t.lists--
		return
	}
	if t.item.kind != exprVoid {
		c.f.toNext(&t.item)
	}
	c.f.emitSetList(t.table, t.lists, t.stored)
}

func (c *compiler) namedField(t *constructor) {
	free := c.f.free
	var key, val expr
	if c.now.token == tokName {
		key = newExpr(exprConst, c.f.stringConstant(c.checkName()))
	} else {
		c.index(&key)
	}
	t.named++
	c.checkNext('=')
	rk := c.f.toRK(&key)
	c.expression(&val)
	c.f.emit(opSetTable, t.table, rk, c.f.toRK(&val))
	c.f.free = free
}
