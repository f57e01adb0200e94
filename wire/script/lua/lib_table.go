package lua

func openTable(l *State) {
	t := l.NewTable(0, 9)
	l.Register(t, map[string]Function{
		"concat":   tableConcat,
		"foreach":  tableForeach,
		"foreachi": tableForeachi,
		"getn":     func(l *State) int { return l.pushNumber(float64(l.CheckTable(1).Len())) },
		"insert":   tableInsert,
		"maxn":     tableMaxn,
		"remove":   tableRemove,
		"setn":     func(l *State) int { l.CheckTable(1); l.Errorf("'setn' is obsolete"); return 0 },
		"sort":     tableSort,
	})
	l.Globals().SetField("table", t.Value())
}

func tableConcat(l *State) int {
	separator := l.OptString(2, "")
	t := l.CheckTable(1)
	from := l.OptInt(3, 1)
	to := 0
	if l.Arg(4).ref == nil {
		to = t.Len()
	} else {
		to = l.CheckInt(4)
	}
	b := builder{g: l.g}
	for i := from; i <= to; i++ {
		v := t.GetInt(i)
		switch {
		case v.isString():
			b.add(v.string().text)
		case v.IsNumber():
			b.addNumber(v.num)
		default:
			l.Errorf("invalid value (%s) at index %d in table for 'concat'", v.Kind(), i)
		}
		if i < to {
			b.add(separator)
		}
		l.step(1)
	}
	return l.pushText(b.text.String())
}

// callback calls fn with two values and reports its first result.
func (l *State) callback(fn, a, b Value) Value {
	l.step(1)
	return l.callHandler(fn, a, b)
}

func tableForeach(l *State) int {
	t := l.CheckTable(1)
	fn := l.CheckFunction(2).Value()
	for key := Nil; ; {
		k, v, ok := t.Next(key)
		if !ok {
			l.runError("invalid key to 'next'")
		}
		if k.ref == nil {
			return 0
		}
		if r := l.callback(fn, k, v); r.ref != nil {
			l.Push(r)
			return 1
		}
		key = k
	}
}

func tableForeachi(l *State) int {
	t := l.CheckTable(1)
	n := t.Len()
	fn := l.CheckFunction(2).Value()
	for i := 1; i <= n; i++ {
		if r := l.callback(fn, Int(i), t.GetInt(i)); r.ref != nil {
			l.Push(r)
			return 1
		}
	}
	return 0
}

// setInt assigns as the library's functions do: without metamethods but heeding the read-only flag.
func (l *State) setInt(t *Table, i int, v Value) {
	l.checkWritable(t)
	t.SetInt(i, v)
}

func tableInsert(l *State) int {
	t := l.CheckTable(1)
	end := t.Len() + 1
	at := end
	switch l.ArgCount() {
	case 2:
	case 3:
		at = l.CheckInt(2)
		if at > end {
			end = at
		}
		for i := end; i > at; i-- {
			l.setInt(t, i, t.GetInt(i-1))
			l.step(1)
		}
	default:
		l.Errorf("wrong number of arguments to 'insert'")
	}
	l.setInt(t, at, l.stack[l.top-1])
	return 0
}

func tableMaxn(l *State) int {
	t := l.CheckTable(1)
	largest := 0.0
	for i := 0; ; {
		var k Value
		if k, _, i = t.from(i); k.ref == nil {
			return l.pushNumber(largest)
		}
		if k.IsNumber() && k.num > largest {
			largest = k.num
		}
	}
}

func tableRemove(l *State) int {
	t := l.CheckTable(1)
	n := t.Len()
	at := l.OptInt(2, n)
	if at < 1 || at > n {
		return 0
	}
	l.Push(t.GetInt(at))
	for ; at < n; at++ {
		l.setInt(t, at, t.GetInt(at+1))
		l.step(1)
	}
	l.setInt(t, n, Nil)
	return 1
}

// sorter sorts t[1] to t[n]. The order of comparisons is that of Lua 5.1, for a comparison that is no order shows it.
type sorter struct {
	l    *State
	t    *Table
	less Value // nil is the operator
}

func tableSort(l *State) int {
	t := l.CheckTable(1)
	n := t.Len()
	if l.Arg(2).ref != nil {
		l.CheckFunction(2)
	}
	l.setTop(2)
	s := sorter{l, t, l.Arg(2)}
	s.sort(1, n)
	return 0
}

func (s *sorter) before(a, b Value) bool {
	s.l.step(1)
	if s.less.ref != nil {
		return s.l.callHandler(s.less, a, b).IsTrue()
	}
	return s.l.less(a, b)
}

// order swaps t[i] and t[j] if t[j] comes first.
func (s *sorter) order(i, j int) {
	a, b := s.t.GetInt(i), s.t.GetInt(j)
	if s.before(b, a) {
		s.swap(i, j, a, b)
	}
}

// swap stores a, from t[i], in t[j] and b, from t[j], in t[i].
func (s *sorter) swap(i, j int, a, b Value) {
	s.l.setInt(s.t, i, b)
	s.l.setInt(s.t, j, a)
}

// sort is a quicksort with the median of three; it calls itself for the smaller part.
func (s *sorter) sort(lo, hi int) {
	for lo < hi {
		s.order(lo, hi)
		if hi-lo == 1 {
			return
		}
		mid := (lo + hi) / 2
		a, b := s.t.GetInt(mid), s.t.GetInt(lo)
		if s.before(a, b) {
			s.swap(mid, lo, a, b)
		} else if b = s.t.GetInt(hi); s.before(b, a) {
			s.swap(mid, hi, a, b)
		}
		if hi-lo == 2 {
			return
		}
		pivot := s.t.GetInt(mid)
		s.swap(mid, hi-1, pivot, s.t.GetInt(hi-1))
		i := s.partition(lo, hi, pivot)
		s.swap(hi-1, i, s.t.GetInt(hi-1), s.t.GetInt(i))
		if i-lo < hi-i {
			s.sort(lo, i-1)
			lo = i + 1
		} else {
			s.sort(i+1, hi)
			hi = i - 1
		}
	}
}

// partition moves what is less than pivot to the left and returns where pivot belongs.
func (s *sorter) partition(lo, hi int, pivot Value) int {
	i, j := lo, hi-1
	for {
		var a, b Value
		for i++; ; i++ {
			if a = s.t.GetInt(i); !s.before(a, pivot) {
				break
			}
			if i > hi {
				s.l.Errorf("invalid order function for sorting")
			}
		}
		for j--; ; j-- {
			if b = s.t.GetInt(j); !s.before(pivot, b) {
				break
			}
			if j < lo {
				s.l.Errorf("invalid order function for sorting")
			}
		}
		if j < i {
			return i
		}
		s.swap(i, j, a, b)
	}
}
