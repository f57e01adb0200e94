package lua

import "fmt"

// ArgCount is how many arguments the running Go function has got, before it pushes anything.
func (l *State) ArgCount() int { return l.top - l.ci.base }

// Arg returns argument i, from 1; nil if there is none.
func (l *State) Arg(i int) Value {
	if at := l.ci.base + i - 1; at < l.top {
		return l.stack[at]
	}
	return Nil
}

// Push pushes a result or an argument for a call. There is room for 20 values; [State.Need] makes more.
func (l *State) Push(v Value) {
	l.stack[l.top] = v
	l.top++
}

// Need makes room for n values more. It is false if that would be too many for one function.
func (l *State) Need(n int) bool {
	if n < 0 || n > maxGoStack || l.top-l.ci.base+n > maxGoStack {
		return false
	}
	l.need(n)
	return true
}

// setTop makes the running Go function have n arguments.
func (l *State) setTop(n int) {
	top := l.ci.base + n
	if top > l.top {
		clear(l.stack[l.top:top])
	}
	l.top = top
}

// insert puts v in a place of the stack and moves all above.
func (l *State) insert(at int, v Value) {
	l.need(1)
	copy(l.stack[at+1:l.top+1], l.stack[at:l.top])
	l.stack[at] = v
	l.top++
}

// ArgError raises an error over argument i.
func (l *State) ArgError(i int, msg string) {
	sort, name := l.ci.calledAs()
	if sort == "method" {
		i--
		if i == 0 {
			l.Errorf("calling '%s' on bad self (%s)", name, msg)
		}
	}
	if name == "" {
		name = "?"
	}
	l.Errorf("bad argument #%d to '%s' (%s)", i, name, msg)
}

func (l *State) argType(i int, wanted string) {
	got := "no value"
	if i <= l.ArgCount() {
		got = l.Arg(i).Kind().String()
	}
	l.ArgError(i, fmt.Sprintf("%s expected, got %s", wanted, got))
}

// CheckAny raises an error if argument i is missing.
func (l *State) CheckAny(i int) Value {
	if i > l.ArgCount() {
		l.ArgError(i, "value expected")
	}
	return l.Arg(i)
}

// CheckTable returns argument i, which must be a table.
func (l *State) CheckTable(i int) *Table {
	t := l.Arg(i).Table()
	if t == nil {
		l.argType(i, "table")
	}
	return t
}

// CheckFunction returns argument i, which must be a function.
func (l *State) CheckFunction(i int) *Closure {
	c := l.Arg(i).Closure()
	if c == nil {
		l.argType(i, "function")
	}
	return c
}

// CheckNumber returns argument i, which must be a number or a string that reads as one.
func (l *State) CheckNumber(i int) float64 {
	n, ok := l.Arg(i).toNumber()
	if !ok {
		l.argType(i, "number")
	}
	return n
}

// CheckInteger is CheckNumber without the fraction; what does not fit is the smallest integer.
func (l *State) CheckInteger(i int) int { return int(truncate(l.CheckNumber(i))) }

// CheckInt is CheckInteger cut to 32 bits, as C's int.
func (l *State) CheckInt(i int) int { return int(int32(l.CheckInteger(i))) }

// OptInteger is CheckInteger with a default for nil.
func (l *State) OptInteger(i, otherwise int) int {
	if l.Arg(i).ref == nil {
		return otherwise
	}
	return l.CheckInteger(i)
}

// OptInt is CheckInt with a default for nil.
func (l *State) OptInt(i, otherwise int) int {
	if l.Arg(i).ref == nil {
		return otherwise
	}
	return l.CheckInt(i)
}

// CheckString returns argument i, which must be a string or a number.
func (l *State) CheckString(i int) string {
	v := l.Arg(i)
	if v.isString() {
		return v.string().text
	}
	s, ok := v.toText()
	if !ok {
		l.argType(i, "string")
	}
	return s
}

// OptString is CheckString with a default for nil.
func (l *State) OptString(i int, otherwise string) string {
	if l.Arg(i).ref == nil {
		return otherwise
	}
	return l.CheckString(i)
}

// ToString returns the text of a string or number, or false.
func (l *State) ToString(v Value) (string, bool) { return v.toText() }

// ToNumber returns the number v is or, being a string, reads as.
func (l *State) ToNumber(v Value) (float64, bool) { return v.toNumber() }

// pushText pushes s as a result and returns 1.
func (l *State) pushText(s string) int {
	l.Push(l.NewString(s))
	return 1
}

func (l *State) pushNumber(n float64) int {
	l.Push(Number(n))
	return 1
}

func (l *State) pushBool(b bool) int {
	l.Push(Bool(b))
	return 1
}

// Charge counts n bytes that the running Go function is about to take for a string, and raises an error if they are too many.
func (l *State) Charge(n int) {
	l.g.checkLength(n)
	l.g.charge(n)
}

// Step counts n instructions for work that the running Go function does; it may call the hook.
func (l *State) Step(n int) { l.step(n) }

// SetField sets t[key], which must be neither nil nor NaN, and heeds no metamethod; it raises the errors of rawset.
func (l *State) SetField(t *Table, key, val Value) {
	l.checkWritable(t)
	l.checkKey(key)
	t.put(key, val)
}

// SetTop makes the running Go function have n values; those behind are dropped, missing ones are nil.
func (l *State) SetTop(n int) { l.setTop(n) }
