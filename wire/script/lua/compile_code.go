package lua

import "fmt"

// function is the state of one function while it is being compiled. Instructions are written in one pass, with the
// parse; registers are a stack on which the active local variables come first.
type function struct {
	proto    *proto
	outer    *function
	c        *compiler
	blocks   *block
	consts   map[Value]int
	target   int   // the last position something jumps to: no instruction before it may be changed
	pending  int   // jumps to the next instruction
	free     int   // the first free register
	active   []int // the variables in registers 0, 1, ..., as indices of proto.locals
	declared []int // variables that are not active yet
	upvals   []upvalDesc
}

// block is a nesting level of variables.
type block struct {
	outer    *block
	breaks   int // jumps out of it
	active   int // variables outside
	captured bool
	loop     bool
}

func (f *function) pc() int { return len(f.proto.code) }

func (f *function) emit(op opcode, a, b, c int) int {
	f.patchList(f.pending, f.pc(), noRegister, f.pc())
	f.pending = noJump
	f.proto.code = append(f.proto.code, encode(op, a, b, c))
	f.proto.lines = append(f.proto.lines, int32(f.c.lastLine))
	return f.pc() - 1
}

func (f *function) at(e *expr) *instruction { return &f.proto.code[e.info] }

// fixLine says which line the last instruction belongs to.
func (f *function) fixLine(line int) { f.proto.lines[f.pc()-1] = int32(line) }

func (f *function) emitReturn(first, count int) { f.emit(opReturn, first, count+1, 0) }

func (f *function) emitNil(from, count int) {
	if pc := f.pc(); pc > f.target && pc > 0 {
		last := &f.proto.code[pc-1]
		if last.op() == opLoadNil && int(last.a()) <= from && from <= last.b()+1 {
			last.setB(max(last.b(), from+count-1))
			return
		}
	}
	if f.pc() == 0 && f.target < 0 {
		f.proto.nilStart = true
	}
	f.emit(opLoadNil, from, from+count-1, 0)
}

// emitSetList stores count values from registers behind the table as its last fields of total.
func (f *function) emitSetList(table, total, count int) {
	f.emit(opSetList, table, max(count, 0), (total-1)/fieldsPerSet+1)
	f.free = table + 1
}

func (f *function) checkStack(n int) {
	size := f.free + n
	if size > f.proto.stack {
		if size >= maxRegisters {
			f.c.failHere("function or expression too complex")
		}
		f.proto.stack = size
	}
}

func (f *function) reserve(n int) {
	f.checkStack(n)
	f.free += n
}

func (f *function) release(register int) {
	if !isConst(register) && register >= len(f.active) {
		f.free--
	}
}

func (f *function) releaseExpr(e *expr) {
	if e.kind == exprRegister {
		f.release(e.info)
	}
}

// constant returns the index of v among the constants.
func (f *function) constant(v Value) int {
	if i, ok := f.consts[v]; ok {
		return i
	}
	i := len(f.proto.k)
	if i > 1<<18-1 {
		f.c.fail("constant table overflow", tokNone)
	}
	f.proto.k = append(f.proto.k, v)
	f.consts[v] = i
	return i
}

func (f *function) stringConstant(text string) int { return f.constant(f.c.text(text)) }

func (f *function) limit(count, limit int, what string) {
	if count <= limit {
		return
	}
	where := "main function"
	if f.proto.line != 0 {
		where = fmt.Sprintf("function at line %d", f.proto.line)
	}
	f.c.fail(fmt.Sprintf("%s has more than %d %s", where, limit, what), tokNone)
}

// Jumps not patched yet form a list: each one's offset leads to the next.
const noJump = -1

func (f *function) jump() int {
	pending := f.pending
	f.pending = noJump
	j := f.emit(opJmp, 0, 0, noJump)
	f.concat(&j, pending)
	return j
}

func (f *function) condJump(op opcode, a, b, c int) int {
	f.emit(op, a, b, c)
	return f.jump()
}

// label marks the next instruction as one that is jumped to.
func (f *function) label() int {
	f.target = f.pc()
	return f.pc()
}

func (f *function) destination(pc int) int {
	if offset := f.proto.code[pc].c(); offset != noJump {
		return pc + 1 + offset
	}
	return noJump
}

func (f *function) fixJump(pc, dest int) { f.proto.code[pc].setC(dest - (pc + 1)) }

// concat appends list to *to.
func (f *function) concat(to *int, list int) {
	if list == noJump {
		return
	}
	if *to == noJump {
		*to = list
		return
	}
	last := *to
	for next := f.destination(last); next != noJump; next = f.destination(last) {
		last = next
	}
	f.fixJump(last, list)
}

// control is the instruction that decides over the jump at pc.
func (f *function) control(pc int) *instruction {
	if pc >= 1 {
		switch i := &f.proto.code[pc-1]; i.op() {
		case opEq, opLt, opLe, opTest, opTestSet, opTForLoop:
			return i
		}
	}
	return &f.proto.code[pc]
}

// needsValue reports whether a jump in list leaves no value behind.
func (f *function) needsValue(list int) bool {
	for ; list != noJump; list = f.destination(list) {
		if f.control(list).op() != opTestSet {
			return true
		}
	}
	return false
}

// patchTest makes the test before a jump store its value in register, or nowhere.
func (f *function) patchTest(pc, register int) bool {
	i := f.control(pc)
	if i.op() != opTestSet {
		return false
	}
	if register != noRegister && register != i.b() {
		i.setA(register)
	} else {
		*i = encode(opTest, i.b(), 0, i.c())
	}
	return true
}

func (f *function) removeValues(list int) {
	for ; list != noJump; list = f.destination(list) {
		f.patchTest(list, noRegister)
	}
}

// patchList leads the jumps that store a value in register to withValue, the others to without.
func (f *function) patchList(list, withValue, register, without int) {
	for list != noJump {
		next := f.destination(list)
		if f.patchTest(list, register) {
			f.fixJump(list, withValue)
		} else {
			f.fixJump(list, without)
		}
		list = next
	}
}

func (f *function) patch(list, target int) {
	if target == f.pc() {
		f.patchToHere(list)
	} else {
		f.patchList(list, target, noRegister, target)
	}
}

func (f *function) patchToHere(list int) {
	f.label()
	f.concat(&f.pending, list)
}
