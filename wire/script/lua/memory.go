package lua

import "sort"

// Memory returns an estimate of the bytes that live values take. It grows with each allocation and is corrected by
// walking all values, which happens when it has doubled since the last walk, when it passes MaxMemory, and on collectgarbage().
func (l *State) Memory() int { return l.g.used }

// restingStack is how many places of a stack stay when a script has ended.
const restingStack = 4096

// Recount corrects what Memory returns if much was allocated since it was correct. It is for when a script has ended, and most of what it
// took is garbage; a stack that recursion has made long is cut.
func (l *State) Recount() {
	if l.g.used > l.g.recountFrom {
		if l.ci.prev == nil && l.open == nil && l.top < restingStack/2 && len(l.stack) > restingStack {
			l.stack = append(make([]Value, 0, restingStack), l.stack[:restingStack]...)
			l.ci.next = nil
		}
		l.g.trace()
		l.g.threshold = 0 // as in SetMaxMemory
		l.g.recountFrom = max(2*l.g.used, 1<<20)
	}
}

// SetMaxMemory changes [Options].MaxMemory. What is there already stays.
func (l *State) SetMaxMemory(n int) {
	l.g.MaxMemory = n
	l.g.threshold = 0 // the next allocation counts anew
}

// charge counts n bytes that are about to be allocated; it raises an error if there are too many.
func (g *global) charge(n int) {
	g.used += n
	if g.used > g.threshold {
		g.reclaim(n)
	}
}

// reclaim counts anew, with n bytes that nothing refers to yet.
func (g *global) reclaim(n int) {
	g.trace()
	g.used += n
	if g.MaxMemory > 0 && g.used > g.MaxMemory {
		g.used -= n
		g.threshold = g.MaxMemory
		panic(g.memoryError())
	}
	g.threshold = max(2*g.used, 1<<20)
	if g.MaxMemory > 0 {
		g.threshold = min(g.threshold, g.MaxMemory)
	}
}

// tracer walks everything scripts can reach and adds up its size. The values are a queue instead of a recursion, for
// structures may be deep. Weak tables do not count what they refer to.
type tracer struct {
	g    *global
	used int
	work []*Table
	weak []*Table
}

// trace sets used to what is reachable now and clears dead entries of weak tables.
func (g *global) trace() {
	g.mark++
	if g.mark == 0 {
		g.mark = 1
	}
	t := tracer{g: g}
	for _, table := range []*Table{g.env, g.strings} {
		t.table(table)
	}
	t.state(g.main)
	t.state(g.running)
	for len(t.work) > 0 {
		table := t.work[len(t.work)-1]
		t.work = t.work[:len(t.work)-1]
		t.fields(table)
	}
	for _, table := range t.weak {
		t.clearDead(table)
	}
	g.used = t.used
}

// first marks an object and reports whether it was not yet.
func (t *tracer) first(h *header) bool {
	if h.mark == t.g.mark {
		return false
	}
	h.mark = t.g.mark
	return true
}

func (t *tracer) value(v Value) {
	switch v.Kind() {
	case KindString:
		if s := v.string(); t.first(&s.header) {
			t.used += 32 + len(s.text)
		}
	case KindTable:
		t.table(v.Table())
	case KindFunction:
		t.closure(v.Closure())
	case KindUserdata:
		if u := v.Userdata(); t.first(&u.header) {
			t.used += 48
			t.table(u.meta)
		}
	case KindThread:
		t.state(v.thread())
	}
}

func (t *tracer) table(table *Table) {
	if table != nil && t.first(&table.header) {
		t.used += tableBytes + len(table.array)*valueBytes + len(table.nodes)*nodeBytes
		t.work = append(t.work, table)
	}
}

func (t *tracer) fields(table *Table) {
	t.table(table.meta)
	weakKeys, weakValues := t.g.weakness(table)
	if weakKeys || weakValues {
		t.weak = append(t.weak, table)
	}
	if !weakValues {
		for _, v := range table.array {
			t.value(v)
		}
	}
	for i := range table.nodes {
		n := &table.nodes[i]
		if !weakKeys {
			t.value(n.key)
		}
		if !weakValues && n.val.ref != nil {
			t.value(n.val)
		}
	}
}

// weakness reads __mode.
func (g *global) weakness(table *Table) (keys, values bool) {
	if table.meta == nil {
		return false, false
	}
	mode, _ := g.handler(table.meta, eventMode).Text()
	for i := range len(mode) {
		keys = keys || mode[i] == 'k'
		values = values || mode[i] == 'v'
	}
	return keys, values
}

// clearDead removes the entries whose weak key or value nothing else refers to.
func (t *tracer) clearDead(table *Table) {
	weakKeys, weakValues := t.g.weakness(table)
	if weakValues {
		for i := range table.array {
			if t.dead(table.array[i]) {
				table.array[i] = Nil
			}
		}
	}
	for i := range table.nodes {
		n := &table.nodes[i]
		if weakValues && t.dead(n.val) || weakKeys && t.dead(n.key) {
			n.val = Nil
		}
	}
}

// dead reports whether v is an object that was not reached. Strings are values and never dead.
func (t *tracer) dead(v Value) bool {
	switch v.Kind() {
	case KindTable:
		return v.Table().mark != t.g.mark
	case KindFunction:
		return v.Closure().mark != t.g.mark
	case KindUserdata:
		return v.Userdata().mark != t.g.mark
	case KindThread:
		return v.thread().mark != t.g.mark
	}
	return false
}

func (t *tracer) closure(c *Closure) {
	if !t.first(&c.header) {
		return
	}
	t.used += 80
	t.table(c.env)
	for _, u := range c.upvals {
		t.used += 8
		if u.mark != t.g.mark {
			u.mark = t.g.mark
			t.used += 64
			t.value(*u.v)
		}
	}
	if c.proto != nil {
		t.proto(c.proto)
	}
}

func (t *tracer) proto(p *proto) {
	if p.mark == t.g.mark {
		return
	}
	p.mark = t.g.mark
	t.used += p.size
	for _, v := range p.k {
		t.value(v)
	}
	for _, inner := range p.protos {
		t.proto(inner)
	}
}

func (t *tracer) state(l *State) {
	if !t.first(&l.header) {
		return
	}
	t.used += 200 + len(l.stack)*valueBytes
	for f := l.ci; f != nil; f = f.prev {
		t.used += 96
	}
	for _, v := range l.stack[:l.top] {
		t.value(v)
	}
	if l.resumer != nil {
		t.state(l.resumer)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
