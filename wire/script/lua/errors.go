package lua

import (
	"fmt"
	"runtime/debug"
)

// Error is an error raised by a script, or what ended it.
type Error struct {
	Value Value // as given to error(); a string for all errors of Lua itself
	Fatal error // what the hook returned, or a fault of this package: not to be caught by scripts
}

// Error is the message.
func (e *Error) Error() string {
	if e.Fatal != nil {
		return e.Fatal.Error()
	}
	if text, ok := e.Value.toText(); ok {
		return text
	}
	return "(error object is a " + e.Value.Kind().String() + " value)"
}

// Unwrap returns Fatal.
func (e *Error) Unwrap() error { return e.Fatal }

// asError turns what was recovered from into an error.
func (l *State) asError(recovered any) *Error {
	switch r := recovered.(type) {
	case *Error:
		return r
	case syntaxError:
		return &Error{Value: l.g.text(string(r))}
	default:
		return &Error{Fatal: fmt.Errorf("lua: internal error: %v\n%s", r, debug.Stack())}
	}
}

// Throw raises v as an error.
func (l *State) Throw(v Value) {
	if h := l.handler; h != nil {
		v = h(l, v)
	}
	panic(&Error{Value: v})
}

// Errorf raises a message as a Go function does: it begins with where the function was called.
func (l *State) Errorf(format string, args ...any) {
	l.Throw(l.NewString(l.Where(1) + fmt.Sprintf(format, args...)))
}

// Where is the position of the function at level for the beginning of a message, "user_script:1: ", or empty.
func (l *State) Where(level int) string {
	if f, ok := l.Frame(level); ok && f.Line > 0 {
		return fmt.Sprintf("%s:%d: ", chunkTitle(f.Source, 60), f.Line)
	}
	return ""
}

// runError raises an error of the running function itself.
func (l *State) runError(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if f := l.ci; f.closure != nil && !f.closure.flag {
		msg = l.Where(0) + msg
	}
	l.Throw(l.NewString(msg))
}

func (g *global) memoryError() *Error { return &Error{Value: g.memoryText()} }

// memoryText does not count its own bytes, for there are none left.
func (g *global) memoryText() Value {
	return (&String{header: header{kind: KindString}, text: "not enough memory"}).Value()
}

// noOperand is for values that are in no register.
const noOperand = -1

// typeError raises an error over a value of the wrong type. operand, a register, names the variable it comes from.
func (l *State) typeError(v Value, what string, operand int) {
	kind := v.Kind().String()
	if operand >= 0 && !isConst(operand) {
		if sort, name := l.ci.describe(operand); name != "" {
			l.runError("attempt to %s %s '%s' (a %s value)", what, sort, name, kind)
		}
	}
	l.runError("attempt to %s a %s value", what, kind)
}

func (l *State) orderError(a, b Value) {
	x, y := a.Kind().String(), b.Kind().String()
	if x[2] == y[2] { // so the original compares them
		l.runError("attempt to compare two %s values", x)
	}
	l.runError("attempt to compare %s with %s", x, y)
}

// describe finds out what a register holds at the current instruction: a local, global, upvalue, field or method.
func (f *frame) describe(register int) (sort, name string) {
	if f.closure == nil || f.closure.flag {
		return "", ""
	}
	return f.closure.proto.describe(max(f.pc-1, 0), register)
}

func (p *proto) describe(pc, register int) (sort, name string) {
	if name := p.localName(register, pc); name != "" {
		return "local", name
	}
	at := p.lastWrite(pc, register)
	if at < 0 {
		return "", ""
	}
	switch i := p.instruction(at); i.op() {
	case opGetGlobal:
		return "global", p.k[i.c()].string().text
	case opMove:
		if i.b() < int(i.a()) {
			return p.describe(at, i.b())
		}
	case opGetTable, opGetField, opGetIndex:
		return "field", p.constantName(i.c())
	case opGetUpval:
		return "upvalue", p.upvals[i.b()].name
	case opSelf:
		return "method", p.constantName(i.c())
	}
	return "", ""
}

func (p *proto) constantName(rk int) string {
	if isConst(rk) {
		if text, ok := p.k[rk&^constFlag].Text(); ok {
			return text
		}
	}
	return "?"
}

// lastWrite finds the instruction before pc that has set register, or -1. Like the original it follows forward jumps as
// if they were always taken.
func (p *proto) lastWrite(pc, register int) int {
	last := -1
	for at := 0; at < pc; at++ {
		i := p.instruction(at)
		a := int(i.a())
		switch i.op() {
		case opLoadNil:
			if a <= register && register <= i.b() {
				last = at
			}
		case opSelf:
			if register == a || register == a+1 {
				last = at
			}
		case opTForLoop:
			if register >= a+2 {
				last = at
			}
		case opCall, opTailCall:
			if register >= a {
				last = at
			}
		case opJmp, opForPrep, opForLoop:
			if to := at + 1 + i.c(); at < to && to <= pc {
				at = to - 1
			}
		case opTest, opTestSet, opMove, opLoadK, opLoadBool, opGetUpval, opGetGlobal, opGetTable, opGetField, opGetIndex,
			opNewTable, opUnm, opNot, opLen, opConcat, opClosure, opVararg:
			if register == a {
				last = at
			}
		default:
			if op := i.op(); register == a && (op >= opAdd && op <= opPow || op >= opAddRR && op <= opModRK) {
				last = at
			}
		}
	}
	return last
}

// calledAs is how the caller of an active function names it.
func (f *frame) calledAs() (sort, name string) {
	if f.closure != nil && !f.closure.flag && f.tails > 0 {
		return "", ""
	}
	caller := f.prev
	if caller == nil || caller.closure == nil || caller.closure.flag {
		return "", ""
	}
	i := caller.closure.proto.instruction(max(caller.pc-1, 0))
	switch i.op() {
	case opCall, opTailCall, opTForLoop:
		return caller.describe(int(i.a()))
	}
	return "", ""
}
