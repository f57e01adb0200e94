package lua

// event is something a metatable may handle.
type event uint8

const (
	eventIndex event = iota
	eventNewIndex
	eventMode
	eventEq
	eventCall // those up to here are asked so often that tables remember what is missing
	eventAdd
	eventSub
	eventMul
	eventDiv
	eventMod
	eventPow
	eventUnm
	eventLen
	eventLt
	eventLe
	eventConcat
	eventCount
)

var eventNames = [eventCount]string{"__index", "__newindex", "__mode", "__eq", "__call", "__add", "__sub", "__mul",
	"__div", "__mod", "__pow", "__unm", "__len", "__lt", "__le", "__concat"}

// handler returns what a metatable, which may be nil, holds for e.
func (g *global) handler(meta *Table, e event) Value {
	if meta == nil {
		return Nil
	}
	if e > eventCall {
		return meta.getString(g.names[e])
	}
	if meta.absent&(1<<e) != 0 {
		return Nil
	}
	v := meta.getString(g.names[e])
	if v.ref == nil {
		meta.absent |= 1 << e
	}
	return v
}

// metatable returns the metatable of any value.
func (g *global) metatable(v Value) *Table {
	switch v.Kind() {
	case KindTable:
		return v.Table().meta
	case KindUserdata:
		return v.Userdata().meta
	case KindString:
		return g.strings
	}
	return nil
}

// maxChain bounds how many __index or __newindex fields lead on.
const maxChain = 100

// index is v[key] with all metamethods; operand is where v comes from, for the message (see [State.typeError]).
func (l *State) index(v, key Value, operand int) Value {
	for range maxChain {
		var h Value
		if t := v.Table(); t != nil {
			if field := t.Get(key); field.ref != nil {
				return field
			}
			if h = l.g.handler(t.meta, eventIndex); h.ref == nil {
				return Nil
			}
		} else if h = l.g.handler(l.g.metatable(v), eventIndex); h.ref == nil {
			l.typeError(v, "index", operand)
		}
		if h.Kind() == KindFunction {
			return l.callHandler(h, v, key)
		}
		v, operand = h, noOperand
	}
	l.runError("loop in gettable")
	return Nil
}

// setIndex is v[key] = val with all metamethods.
func (l *State) setIndex(v, key, val Value, operand int) {
	for range maxChain {
		var h Value
		if t := v.Table(); t != nil {
			l.checkWritable(t)
			slot := t.slot(key)
			if slot == nil {
				l.checkKey(key)
			}
			if slot == nil || slot.ref == nil {
				h = l.g.handler(t.meta, eventNewIndex)
			}
			if h.ref == nil {
				t.put(key, val)
				return
			}
		} else if h = l.g.handler(l.g.metatable(v), eventNewIndex); h.ref == nil {
			l.typeError(v, "index", operand)
		}
		if h.Kind() == KindFunction {
			l.need(4)
			at := l.top
			l.stack[at], l.stack[at+1], l.stack[at+2], l.stack[at+3] = h, v, key, val
			l.top += 4
			l.call(at, 0)
			return
		}
		v, operand = h, noOperand
	}
	l.runError("loop in settable")
}

func (l *State) checkWritable(t *Table) {
	if t.flag {
		l.runError("Attempt to modify a readonly table")
	}
}

func (l *State) checkKey(key Value) {
	if key.ref == nil {
		l.runError("table index is nil")
	}
	if key.num != key.num {
		l.runError("table index is NaN")
	}
}

// callHandler calls a metamethod for its one result.
func (l *State) callHandler(h, a, b Value) Value {
	l.need(3)
	at := l.top
	l.stack[at], l.stack[at+1], l.stack[at+2] = h, a, b
	l.top += 3
	l.call(at, 1)
	l.top--
	return l.stack[l.top]
}

// arith is an arithmetic operation on values that are not both numbers; operands are where they come from.
func (l *State) arith(op opcode, a, b Value, operandA, operandB int) Value {
	x, ok := a.toNumber()
	y, okB := b.toNumber()
	if ok && okB {
		return Number(arithmetic(op, x, y))
	}
	e := eventAdd + event(op-opAdd)
	h := l.g.handler(l.g.metatable(a), e)
	if h.ref == nil {
		h = l.g.handler(l.g.metatable(b), e)
	}
	if h.ref == nil {
		if ok {
			a, operandA = b, operandB
		}
		l.typeError(a, "perform arithmetic on", operandA)
	}
	return l.callHandler(h, a, b)
}

// length is #v.
func (l *State) length(v Value, operand int) Value {
	switch v.Kind() {
	case KindTable:
		return Int(v.Table().Len())
	case KindString:
		return Int(len(v.string().text))
	}
	h := l.g.handler(l.g.metatable(v), eventLen)
	if h.ref == nil {
		l.typeError(v, "get length of", operand)
	}
	return l.callHandler(h, v, Nil)
}

// equal is a == b.
func (l *State) equal(a, b Value) bool {
	if a.Equal(b) {
		return true
	}
	kind := a.Kind()
	if kind != b.Kind() || kind != KindTable && kind != KindUserdata {
		return false
	}
	metaA, metaB := l.g.metatable(a), l.g.metatable(b)
	h := l.g.handler(metaA, eventEq)
	if h.ref == nil {
		return false
	}
	if metaA != metaB && !h.Equal(l.g.handler(metaB, eventEq)) {
		return false
	}
	return l.callHandler(h, a, b).IsTrue()
}

// less is a < b.
func (l *State) less(a, b Value) bool {
	kind := a.Kind()
	if kind == b.Kind() {
		switch kind {
		case KindNumber:
			return a.num < b.num
		case KindString:
			return a.string().text < b.string().text
		}
		if result, ok := l.order(eventLt, a, b); ok {
			return result
		}
	}
	l.orderError(a, b)
	return false
}

// lessEqual is a <= b, which without __le is not b < a.
func (l *State) lessEqual(a, b Value) bool {
	kind := a.Kind()
	if kind == b.Kind() {
		switch kind {
		case KindNumber:
			return a.num <= b.num
		case KindString:
			return a.string().text <= b.string().text
		}
		if result, ok := l.order(eventLe, a, b); ok {
			return result
		}
		if result, ok := l.order(eventLt, b, a); ok {
			return !result
		}
	}
	l.orderError(a, b)
	return false
}

// order asks a metamethod both operands have in common.
func (l *State) order(e event, a, b Value) (result, ok bool) {
	h := l.g.handler(l.g.metatable(a), e)
	if h.ref == nil || !h.Equal(l.g.handler(l.g.metatable(b), e)) {
		return false, false
	}
	return l.callHandler(h, a, b).IsTrue(), true
}

// concat joins the values in the stack from from to to (inclusive) into the first of them.
func (l *State) concat(from, to int) {
	for to > from {
		first := to
		size := 0
		for first >= from && isText(l.stack[first]) {
			size += textBound(l.stack[first])
			first--
		}
		first++
		if first < to || first == to && to-1 >= from && isText(l.stack[to-1]) {
			l.stack[first] = l.join(l.stack[first:to+1], size)
			to = first
			continue
		}
		a, b := l.stack[to-1], l.stack[to]
		h := l.g.handler(l.g.metatable(a), eventConcat)
		if h.ref == nil {
			h = l.g.handler(l.g.metatable(b), eventConcat)
		}
		if h.ref == nil {
			culprit, at := a, to-1
			if isText(a) {
				culprit, at = b, to
			}
			l.typeError(culprit, "concatenate", at-l.ci.base)
		}
		v := l.callHandler(h, a, b)
		to--
		l.stack[to] = v
	}
}

func isText(v Value) bool { return v.IsNumber() || v.isString() }

func textBound(v Value) int {
	if v.IsNumber() {
		return 24
	}
	return len(v.string().text)
}

// join concatenates strings and numbers of at most size bytes.
func (l *State) join(parts []Value, size int) Value {
	l.g.checkLength(size - 24*len(parts))
	if len(parts) == 2 && parts[0].isString() && parts[1].isString() {
		return l.g.newString(parts[0].string().text + parts[1].string().text)
	}
	l.g.charge(0)
	var short [128]byte
	text := short[:0]
	if size > len(short) {
		text = make([]byte, 0, size)
	}
	for _, v := range parts {
		if v.IsNumber() {
			text = AppendNumber(text, v.num)
		} else {
			text = append(text, v.string().text...)
		}
	}
	return l.g.newString(string(text))
}
