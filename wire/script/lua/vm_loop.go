package lua

// prepareFor checks the three numbers of a loop and steps back, for the loop begins with its step.
func (l *State) prepareFor(at int) {
	for j, what := range []string{"initial value", "limit", "step"} {
		n, ok := l.stack[at+j].toNumber()
		if !ok {
			l.runError("'for' %s must be a number", what)
		}
		l.stack[at+j] = Number(n)
	}
	l.stack[at].num -= l.stack[at+2].num
}

// iterate calls the function of a generic loop.
func (l *State) iterate(at, want int) {
	if c := l.stack[at].Closure(); c != nil && c == l.g.next {
		if t := l.stack[at+1].Table(); t != nil {
			if key, val, ok := t.Next(l.stack[at+2]); ok {
				l.spread(at+3, want, key, val)
				return
			}
		}
	} else if c != nil && c == l.g.inext {
		if t := l.stack[at+1].Table(); t != nil && t.meta == nil && l.stack[at+2].IsNumber() {
			n := int(l.stack[at+2].num) + 1
			if v := t.GetInt(n); v.ref != nil {
				l.spread(at+3, want, Int(n), v)
			} else {
				l.spread(at+3, want, Nil, Nil)
			}
			return
		}
	}
	l.need(3)
	copy(l.stack[at+3:at+6], l.stack[at:at+3])
	l.top = at + 6
	l.call(at+3, want)
	l.top = l.ci.top
}

// spread stores the two results of an iterator in its loop's variables.
func (l *State) spread(at, want int, key, val Value) {
	l.stack[at] = key
	if want > 1 {
		l.stack[at+1] = val
		clear(l.stack[at+2 : at+want])
	}
}
