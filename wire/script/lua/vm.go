package lua

import "math"

// arithmetic computes a op b; unary minus leaves b alone.
func arithmetic(op opcode, a, b float64) float64 {
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		return a / b
	case opMod:
		return modulo(a, b)
	case opPow:
		return power(a, b)
	default:
		return -a
	}
}

// modulo has the sign of b. The product is rounded before it is subtracted, as on x86-64.
func modulo(a, b float64) float64 { return a - float64(math.Floor(a/b)*b) }

// registers of the frame that begins at base. An instruction cannot name one outside of the window.
func (l *State) registers(base int) *[window]Value { return (*[window]Value)(l.stack[base:]) }

// rk is an operand that may be a constant.
func rk(r *[window]Value, k []Value, x int) *Value {
	if x&constFlag != 0 {
		return &k[x&^constFlag]
	}
	return &r[uint8(x)]
}

// forward is how far a jump behind a test goes on. The test takes it at once if it goes forward; one that goes back is
// left to be executed, and counted, by itself.
func forward(jump instruction) int {
	if d := jump.c(); d >= 0 {
		return d + 1
	}
	return 0
}

// step counts n instructions.
func (l *State) step(n int) {
	g := l.g
	g.steps -= n
	if g.steps < 0 {
		g.steps = g.Every
		if g.Hook != nil {
			if err := g.Hook(l); err != nil {
				panic(&Error{Fatal: err})
			}
		}
	}
}

// execute runs the current frame, and those it calls, until it returns or the coroutine yields.
//
// The stack may move whenever something is called that may call a function; then r is taken anew. The frame's pc is
// saved before all that may fail, for messages name its line.
func (l *State) execute() {
	g := l.g
enter:
	ci := l.ci
	base := ci.base
	code := ci.closure.proto.code
	k := ci.closure.proto.k
	r := l.registers(base)
	pc := ci.pc
	for {
		i := code[pc]
		pc++
	again:
		a := uint8(i >> 8)
		switch i.op() {
		case opMove:
			r[a] = r[uint8(i>>16)]

		case opLoadK:
			r[a] = k[i.c()]

		case opLoadBool:
			r[a] = Bool(i.b() != 0)
			if i.c() != 0 {
				pc++
			}

		case opLoadNil:
			for j := int(a); j <= i.b(); j++ {
				r[uint8(j)] = Nil
			}

		case opGetUpval:
			r[a] = *ci.closure.upvals[i.b()].v

		case opGetGlobal:
			env := ci.closure.env
			v := env.getString(k[i.c()].string())
			if v.ref == nil && env.meta != nil {
				ci.pc = pc
				v = l.index(env.Value(), k[i.c()], noOperand)
				r = l.registers(base)
			}
			r[a] = v

		case opGetField:
			if t := r[uint8(i>>16)].Table(); t != nil {
				if v := t.getString(k[uint8(i>>32)].string()); v.ref != nil || t.meta == nil {
					r[a] = v
					continue
				}
			}
			ci.pc = pc
			v := l.index(r[uint8(i>>16)], k[uint8(i>>32)], i.b())
			r = l.registers(base)
			r[a] = v

		case opGetIndex:
			key := &r[uint8(i>>32)]
			if t := r[uint8(i>>16)].Table(); t != nil {
				if key.IsNumber() {
					if j := int(key.num); uint(j-1) < uint(len(t.array)) && float64(j) == key.num {
						if v := t.array[j-1]; v.ref != nil {
							r[a] = v
							continue
						}
					}
				}
				if v := t.Get(*key); v.ref != nil || t.meta == nil {
					r[a] = v
					continue
				}
			}
			ci.pc = pc
			v := l.index(r[uint8(i>>16)], *key, i.b())
			r = l.registers(base)
			r[a] = v

		case opGetTable:
			ci.pc = pc
			v := l.index(r[uint8(i>>16)], *rk(r, k, i.c()), i.b())
			r = l.registers(base)
			r[a] = v

		case opSetGlobal:
			ci.pc = pc
			l.setIndex(ci.closure.env.Value(), k[i.c()], r[a], noOperand)
			r = l.registers(base)

		case opSetUpval:
			*ci.closure.upvals[i.b()].v = r[a]

		case opSetField:
			val := rk(r, k, i.c())
			if t := r[a].Table(); t != nil && !t.flag {
				if slot := t.slot(k[uint8(i>>16)]); slot != nil && (slot.ref != nil || t.meta == nil) {
					*slot = *val
					t.absent = 0
					continue
				}
			}
			ci.pc = pc
			l.setIndex(r[a], k[uint8(i>>16)], *val, int(a))
			r = l.registers(base)

		case opSetIndex:
			key := &r[uint8(i>>16)]
			val := rk(r, k, i.c())
			if t := r[a].Table(); t != nil && !t.flag && key.IsNumber() {
				if j := int(key.num); uint(j-1) < uint(len(t.array)) && float64(j) == key.num {
					if slot := &t.array[j-1]; slot.ref != nil || t.meta == nil {
						*slot = *val
						continue
					}
				}
			}
			ci.pc = pc
			l.setIndex(r[a], *key, *val, int(a))
			r = l.registers(base)

		case opSetTable:
			ci.pc = pc
			l.setIndex(r[a], *rk(r, k, i.b()), *rk(r, k, i.c()), int(a))
			r = l.registers(base)

		case opNewTable:
			ci.pc = pc
			r[a] = l.NewTable(i.b(), i.c()).Value()

		case opSelf:
			self := r[uint8(i>>16)]
			r[uint8(a+1)] = self
			ci.pc = pc
			v := l.index(self, *rk(r, k, i.c()), i.b())
			r = l.registers(base)
			r[a] = v

		case opAddRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.IsNumber() && c.IsNumber() {
				r[a].setNumber(b.num + c.num)
				continue
			}
			ci.pc = pc
			l.arithTo(opAdd, i)
			r = l.registers(base)

		case opSubRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.IsNumber() && c.IsNumber() {
				r[a].setNumber(b.num - c.num)
				continue
			}
			ci.pc = pc
			l.arithTo(opSub, i)
			r = l.registers(base)

		case opMulRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.IsNumber() && c.IsNumber() {
				r[a].setNumber(b.num * c.num)
				continue
			}
			ci.pc = pc
			l.arithTo(opMul, i)
			r = l.registers(base)

		case opDivRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			if b.IsNumber() && c.IsNumber() {
				r[a].setNumber(b.num / c.num)
				continue
			}
			ci.pc = pc
			l.arithTo(opDiv, i)
			r = l.registers(base)

		case opAddRK:
			if b := &r[uint8(i>>16)]; b.IsNumber() {
				r[a].setNumber(b.num + k[uint8(i>>32)].num)
				continue
			}
			ci.pc = pc
			l.arithTo(opAdd, i)
			r = l.registers(base)

		case opSubRK:
			if b := &r[uint8(i>>16)]; b.IsNumber() {
				r[a].setNumber(b.num - k[uint8(i>>32)].num)
				continue
			}
			ci.pc = pc
			l.arithTo(opSub, i)
			r = l.registers(base)

		case opMulRK:
			if b := &r[uint8(i>>16)]; b.IsNumber() {
				r[a].setNumber(b.num * k[uint8(i>>32)].num)
				continue
			}
			ci.pc = pc
			l.arithTo(opMul, i)
			r = l.registers(base)

		case opModRK:
			if b := &r[uint8(i>>16)]; b.IsNumber() {
				r[a].setNumber(modulo(b.num, k[uint8(i>>32)].num))
				continue
			}
			ci.pc = pc
			l.arithTo(opMod, i)
			r = l.registers(base)

		case opAdd, opSub, opMul, opDiv, opMod, opPow:
			b, c := rk(r, k, i.b()), rk(r, k, i.c())
			if b.IsNumber() && c.IsNumber() {
				r[a].setNumber(arithmetic(i.op(), b.num, c.num))
				continue
			}
			ci.pc = pc
			l.arithTo(i.op(), i)
			r = l.registers(base)

		case opUnm:
			b := rk(r, k, i.b())
			if b.IsNumber() {
				r[a].setNumber(-b.num)
				continue
			}
			ci.pc = pc
			v := l.arith(opUnm, *b, *b, i.b(), i.b())
			r = l.registers(base)
			r[a] = v

		case opNot:
			r[a] = Bool(!r[uint8(i>>16)].IsTrue())

		case opLen:
			ci.pc = pc
			v := l.length(r[uint8(i>>16)], i.b())
			r = l.registers(base)
			r[a] = v

		case opConcat:
			ci.pc = pc
			l.concat(base+i.b(), base+i.c())
			r = l.registers(base)
			r[a] = r[uint8(i>>16)]

		case opJmp:
			if i.c() < 0 {
				ci.pc = pc
				if g.steps += i.c(); g.steps < 0 {
					l.step(0)
				}
			}
			pc += i.c()

		case opEqRK:
			b, c := &r[uint8(i>>16)], &k[uint8(i>>32)]
			// A constant has no metamethods.
			if b.Equal(*c) == (a != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opEq:
			ci.pc = pc
			equal := l.equal(*rk(r, k, i.b()), *rk(r, k, i.c()))
			r = l.registers(base)
			if equal == (a != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opLtRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			var less bool
			if b.IsNumber() && c.IsNumber() {
				less = b.num < c.num
			} else {
				ci.pc = pc
				less = l.less(*b, *c)
				r = l.registers(base)
			}
			if less == (a != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opLeRR:
			b, c := &r[uint8(i>>16)], &r[uint8(i>>32)]
			var less bool
			if b.IsNumber() && c.IsNumber() {
				less = b.num <= c.num
			} else {
				ci.pc = pc
				less = l.lessEqual(*b, *c)
				r = l.registers(base)
			}
			if less == (a != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opLt, opLe:
			b, c := rk(r, k, i.b()), rk(r, k, i.c())
			var less bool
			switch {
			case i.op() == opLt && b.IsNumber() && c.IsNumber():
				less = b.num < c.num
			case b.IsNumber() && c.IsNumber():
				less = b.num <= c.num
			default:
				ci.pc = pc
				if i.op() == opLt {
					less = l.less(*b, *c)
				} else {
					less = l.lessEqual(*b, *c)
				}
				r = l.registers(base)
			}
			if less == (a != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opTest:
			if r[a].IsTrue() == (i.c() != 0) {
				pc += forward(code[pc])
				continue
			}
			pc++

		case opTestSet:
			if b := r[uint8(i>>16)]; b.IsTrue() == (i.c() != 0) {
				r[a] = b
				pc += forward(code[pc])
				continue
			}
			pc++

		case opCall:
			fn := base + int(a)
			if b := i.b(); b != 0 {
				l.top = fn + b
			}
			ci.pc = pc
			if g.steps--; g.steps < 0 {
				l.step(0)
			}
			switch l.precall(fn, i.c()-1) {
			case calledLua:
				goto enter
			case calledGo:
				if i.c() != 0 {
					l.top = ci.top
				}
				r = l.registers(base)
			case yielded:
				return
			}

		case opTailCall:
			fn := base + int(a)
			if b := i.b(); b != 0 {
				l.top = fn + b
			}
			ci.pc = pc
			if g.steps--; g.steps < 0 {
				l.step(0)
			}
			if c := l.stack[fn].Closure(); c != nil && !c.flag {
				l.closeUpvalues(base)
				l.top = ci.fn + copy(l.stack[ci.fn:], l.stack[fn:l.top])
				ci.tails++
				l.enter(ci, c, ci.fn)
				goto enter
			}
			switch l.precall(fn, multiple) {
			case calledLua:
				goto enter
			case calledGo:
				r = l.registers(base)
			case yielded:
				return
			}

		case opReturn:
			from := base + int(a)
			if b := i.b(); b != 0 {
				l.top = from + b - 1
			}
			if l.open != nil {
				l.closeUpvalues(base)
			}
			want := ci.want
			l.finish(from, want)
			if ci.entry {
				return
			}
			if want >= 0 {
				l.top = l.ci.top
			}
			goto enter

		case opForLoop:
			index := &r[a]
			stepBy := r[uint8(a+2)].num
			n := index.num + stepBy
			limit := r[uint8(a+1)].num
			if stepBy > 0 && n <= limit || stepBy <= 0 && limit <= n {
				index.num = n
				r[uint8(a+3)].setNumber(n)
				if g.steps += i.c(); g.steps < 0 {
					ci.pc = pc
					l.step(0)
				}
				pc += i.c()
			}

		case opForPrep:
			ci.pc = pc
			l.prepareFor(base + int(a))
			pc += i.c()

		case opTForLoop:
			at := base + int(a)
			ci.pc = pc
			l.iterate(at, i.c())
			r = l.registers(base)
			if r[uint8(a+3)].ref != nil {
				r[uint8(a+2)] = r[uint8(a+3)]
			} else {
				pc++
			}

		case opSetList:
			n := i.b()
			from := base + int(a) + 1
			if n == 0 {
				n = l.top - from
				l.top = ci.top
			}
			ci.pc = pc
			l.setList(r[a].Table(), (i.c()-1)*fieldsPerSet, l.stack[from:from+n])

		case opClose:
			l.closeUpvalues(base + int(a))

		case opClosure:
			ci.pc = pc
			r[a] = l.newClosure(ci, ci.closure.proto.protos[i.c()]).Value()

		case opVararg:
			n := i.b() - 1
			have := base - ci.fn - 1 - ci.closure.proto.params
			if n < 0 {
				n = have
				l.step(n)
				l.top = base + int(a)
				l.need(n)
				r = l.registers(base)
				l.top += n
			}
			to := l.stack[base+int(a) : base+int(a)+n]
			clear(to[copy(to, l.stack[base-have:base]):])

		case opTrap:
			ci.pc = pc
			i = l.trap(ci)
			r = l.registers(base)
			goto again
		}
	}
}

// arithTo is the slow path of arithmetic instructions.
func (l *State) arithTo(op opcode, i instruction) {
	base := l.ci.base
	r, k := l.registers(base), l.ci.closure.proto.k
	v := l.arith(op, *rk(r, k, i.b()), *rk(r, k, i.c()), i.b(), i.c())
	l.stack[base+int(i.a())] = v
}

func (l *State) setList(t *Table, from int, values []Value) {
	if n := from + len(values); n > len(t.array) {
		t.resize(n, len(t.nodes))
	}
	copy(t.array[from:], values)
}

func (l *State) newClosure(ci *frame, p *proto) *Closure {
	l.g.charge(80 + 8*len(p.upvals))
	c := &Closure{header: header{kind: KindFunction}, env: ci.closure.env, proto: p}
	if len(p.upvals) > 0 {
		c.upvals = make([]*upvalue, len(p.upvals))
		for i, u := range p.upvals {
			if u.inStack {
				c.upvals[i] = l.findUpvalue(ci.base + int(u.index))
			} else {
				c.upvals[i] = ci.closure.upvals[u.index]
			}
		}
	}
	return c
}
