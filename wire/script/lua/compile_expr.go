package lua

import "math"

// exprKind says where the value of an expression is or how to get it.
type exprKind uint8

const (
	exprVoid exprKind = iota // no value
	exprNil
	exprTrue
	exprFalse
	exprConst     // info: constant
	exprNumber    // num
	exprLocal     // info: register
	exprUpval     // info: upvalue
	exprGlobal    // info: constant with the name
	exprIndexed   // info: register of the table, aux: RK of the key
	exprJump      // info: the jump, taken if the comparison holds
	exprRelocable // info: instruction that can put the value in any register
	exprRegister  // info: register
	exprCall      // info: instruction
	exprVararg    // info: instruction
)

// expr describes an expression that has been read. then and els are lists of jumps that leave it when it is true or false.
type expr struct {
	kind      exprKind
	info, aux int
	num       float64
	then, els int
}

func newExpr(kind exprKind, info int) expr {
	return expr{kind: kind, info: info, then: noJump, els: noJump}
}

func (e *expr) set(kind exprKind, info int) { e.kind, e.info = kind, info }
func (e *expr) jumps() bool                 { return e.then != e.els }
func (e *expr) numeral() bool {
	return e.kind == exprNumber && e.then == noJump && e.els == noJump
}
func (e *expr) many() bool { return e.kind == exprCall || e.kind == exprVararg }

// multiple stands for all results of a call or all varargs.
const multiple = -1

// setResults says how many values of a call or vararg are wanted.
func (f *function) setResults(e *expr, count int) {
	switch e.kind {
	case exprCall:
		f.at(e).setC(count + 1)
	case exprVararg:
		f.at(e).setB(count + 1)
		f.at(e).setA(f.free)
		f.reserve(1)
	}
}

func (f *function) setOneResult(e *expr) {
	switch e.kind {
	case exprCall:
		e.set(exprRegister, int(f.at(e).a()))
	case exprVararg:
		f.at(e).setB(2)
		e.kind = exprRelocable
	}
}

// fetch turns a variable into a value.
func (f *function) fetch(e *expr) {
	switch e.kind {
	case exprLocal:
		e.kind = exprRegister
	case exprUpval:
		e.set(exprRelocable, f.emit(opGetUpval, 0, e.info, 0))
	case exprGlobal:
		e.set(exprRelocable, f.emit(opGetGlobal, 0, 0, e.info))
	case exprIndexed:
		f.release(e.aux)
		f.release(e.info)
		e.set(exprRelocable, f.emit(opGetTable, 0, e.info, e.aux))
	case exprCall, exprVararg:
		f.setOneResult(e)
	}
}

// load puts the value, without its jumps, in a register.
func (f *function) load(e *expr, register int) {
	f.fetch(e)
	switch e.kind {
	case exprNil:
		f.emitNil(register, 1)
	case exprFalse:
		f.emit(opLoadBool, register, 0, 0)
	case exprTrue:
		f.emit(opLoadBool, register, 1, 0)
	case exprConst:
		f.emit(opLoadK, register, 0, e.info)
	case exprNumber:
		f.emit(opLoadK, register, 0, f.constant(Number(e.num)))
	case exprRelocable:
		f.at(e).setA(register)
	case exprRegister:
		if e.info != register {
			f.emit(opMove, register, e.info, 0)
		}
	default:
		return // nothing, or a jump
	}
	e.set(exprRegister, register)
}

func (f *function) loadAny(e *expr) {
	if e.kind != exprRegister {
		f.reserve(1)
		f.load(e, f.free-1)
	}
}

// toRegister puts the value in a register whatever jumps lead to it.
func (f *function) toRegister(e *expr, register int) {
	f.load(e, register)
	if e.kind == exprJump {
		f.concat(&e.then, e.info)
	}
	if e.jumps() {
		loadFalse, loadTrue := noJump, noJump
		if f.needsValue(e.then) || f.needsValue(e.els) {
			over := noJump
			if e.kind != exprJump {
				over = f.jump()
			}
			f.label()
			loadFalse = f.emit(opLoadBool, register, 0, 1)
			f.label()
			loadTrue = f.emit(opLoadBool, register, 1, 0)
			f.patchToHere(over)
		}
		end := f.label()
		f.patchList(e.els, end, register, loadFalse)
		f.patchList(e.then, end, register, loadTrue)
	}
	e.then, e.els = noJump, noJump
	e.set(exprRegister, register)
}

func (f *function) toNext(e *expr) {
	f.fetch(e)
	f.releaseExpr(e)
	f.reserve(1)
	f.toRegister(e, f.free-1)
}

func (f *function) toAny(e *expr) int {
	f.fetch(e)
	if e.kind == exprRegister {
		if !e.jumps() {
			return e.info
		}
		if e.info >= len(f.active) {
			f.toRegister(e, e.info)
			return e.info
		}
	}
	f.toNext(e)
	return e.info
}

func (f *function) toValue(e *expr) {
	if e.jumps() {
		f.toAny(e)
	} else {
		f.fetch(e)
	}
}

// toRK makes the value an operand: a constant or a register.
func (f *function) toRK(e *expr) int {
	f.toValue(e)
	switch e.kind {
	case exprNumber, exprTrue, exprFalse, exprNil:
		if len(f.proto.k) > maxConstRK {
			break
		}
		v := Nil
		switch e.kind {
		case exprNumber:
			v = Number(e.num)
		case exprTrue, exprFalse:
			v = Bool(e.kind == exprTrue)
		}
		e.set(exprConst, f.constant(v))
		return e.info | constFlag
	case exprConst:
		if e.info <= maxConstRK {
			return e.info | constFlag
		}
	}
	return f.toAny(e)
}

// store assigns e to a variable.
func (f *function) store(v *expr, e *expr) {
	switch v.kind {
	case exprLocal:
		f.releaseExpr(e)
		f.toRegister(e, v.info)
		return
	case exprUpval:
		f.emit(opSetUpval, f.toAny(e), v.info, 0)
	case exprGlobal:
		f.emit(opSetGlobal, f.toAny(e), 0, v.info)
	case exprIndexed:
		f.emit(opSetTable, v.info, v.aux, f.toRK(e))
	}
	f.releaseExpr(e)
}

// self prepares the call of the method key of e.
func (f *function) self(e, key *expr) {
	f.toAny(e)
	f.releaseExpr(e)
	base := f.free
	f.reserve(2)
	f.emit(opSelf, base, e.info, f.toRK(key))
	f.releaseExpr(key)
	e.set(exprRegister, base)
}

func (f *function) indexed(t, key *expr) {
	t.aux = f.toRK(key)
	t.kind = exprIndexed
}

func (f *function) invert(e *expr) {
	i := f.control(e.info)
	i.setA(1 - int(i.a()))
}

func (f *function) jumpIf(e *expr, cond bool) int {
	want := 0
	if cond {
		want = 1
	}
	if e.kind == exprRelocable {
		if i := *f.at(e); i.op() == opNot {
			f.proto.code = f.proto.code[:f.pc()-1]
			f.proto.lines = f.proto.lines[:len(f.proto.code)]
			return f.condJump(opTest, i.b(), 0, 1-want)
		}
	}
	f.loadAny(e)
	f.releaseExpr(e)
	return f.condJump(opTestSet, noRegister, e.info, want)
}

// goIfTrue leaves e when it is false.
func (f *function) goIfTrue(e *expr) {
	f.fetch(e)
	var out int
	switch e.kind {
	case exprConst, exprNumber, exprTrue:
		out = noJump
	case exprJump:
		f.invert(e)
		out = e.info
	default:
		out = f.jumpIf(e, false)
	}
	f.concat(&e.els, out)
	f.patchToHere(e.then)
	e.then = noJump
}

// goIfFalse leaves e when it is true.
func (f *function) goIfFalse(e *expr) {
	f.fetch(e)
	var out int
	switch e.kind {
	case exprNil, exprFalse:
		out = noJump
	case exprJump:
		out = e.info
	default:
		out = f.jumpIf(e, true)
	}
	f.concat(&e.then, out)
	f.patchToHere(e.els)
	e.els = noJump
}

func (f *function) not(e *expr) {
	f.fetch(e)
	switch e.kind {
	case exprNil, exprFalse:
		e.kind = exprTrue
	case exprConst, exprNumber, exprTrue:
		e.kind = exprFalse
	case exprJump:
		f.invert(e)
	case exprRelocable, exprRegister:
		f.loadAny(e)
		f.releaseExpr(e)
		e.set(exprRelocable, f.emit(opNot, 0, e.info, 0))
	}
	e.then, e.els = e.els, e.then
	f.removeValues(e.els)
	f.removeValues(e.then)
}

// fold computes a constant expression, unless its result is no number.
func fold(op opcode, a, b *expr) bool {
	if !a.numeral() || !b.numeral() || op > opUnm {
		return false
	}
	if (op == opDiv || op == opMod) && b.num == 0 {
		return false
	}
	n := arithmetic(op, a.num, b.num)
	if math.IsNaN(n) {
		return false
	}
	a.num = n
	return true
}

func (f *function) arith(op opcode, a, b *expr) {
	if fold(op, a, b) {
		return
	}
	right := 0
	if op != opUnm && op != opLen {
		right = f.toRK(b)
	}
	left := f.toRK(a)
	if left > right {
		f.releaseExpr(a)
		f.releaseExpr(b)
	} else {
		f.releaseExpr(b)
		f.releaseExpr(a)
	}
	a.set(exprRelocable, f.emit(op, 0, left, right))
}

func (f *function) compare(op opcode, cond int, a, b *expr) {
	left, right := f.toRK(a), f.toRK(b)
	f.releaseExpr(b)
	f.releaseExpr(a)
	if cond == 0 && op != opEq {
		left, right, cond = right, left, 1 // a > b is b < a
	}
	a.set(exprJump, f.condJump(op, cond, left, right))
}

func (f *function) prefix(op unaryOp, e *expr) {
	zero := newExpr(exprNumber, 0)
	switch op {
	case unaryMinus:
		if !e.numeral() {
			f.toAny(e)
		}
		f.arith(opUnm, e, &zero)
	case unaryNot:
		f.not(e)
	case unaryLen:
		f.toAny(e)
		f.arith(opLen, e, &zero)
	}
}

// infix is called between the operands of a binary operator.
func (f *function) infix(op binaryOp, e *expr) {
	switch {
	case op == binaryAnd:
		f.goIfTrue(e)
	case op == binaryOr:
		f.goIfFalse(e)
	case op == binaryConcat:
		f.toNext(e)
	case op <= binaryPow && e.numeral():
	default:
		f.toRK(e)
	}
}

// postfix is called behind the second operand.
func (f *function) postfix(op binaryOp, a, b *expr) {
	switch op {
	case binaryAnd:
		f.fetch(b)
		f.concat(&b.els, a.els)
		*a = *b
	case binaryOr:
		f.fetch(b)
		f.concat(&b.then, a.then)
		*a = *b
	case binaryConcat:
		f.toValue(b)
		if b.kind == exprRelocable && f.at(b).op() == opConcat {
			f.releaseExpr(a)
			f.at(b).setB(a.info)
			a.set(exprRelocable, b.info)
			return
		}
		f.toNext(b)
		f.arith(opConcat, a, b)
	case binaryEq:
		f.compare(opEq, 1, a, b)
	case binaryNe:
		f.compare(opEq, 0, a, b)
	case binaryLt:
		f.compare(opLt, 1, a, b)
	case binaryLe:
		f.compare(opLe, 1, a, b)
	case binaryGt:
		f.compare(opLt, 0, a, b)
	case binaryGe:
		f.compare(opLe, 0, a, b)
	default:
		f.arith(opAdd+opcode(op), a, b)
	}
}
