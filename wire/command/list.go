package command

import (
	"math"
	"time"

	"frankenredis/kv"
	"frankenredis/wire/engine"
)

var listCommands = []engine.Spec{
	{Name: "blmove", Arity: 6, Flags: engine.Write | engine.DenyOOM | engine.Blocking, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
		Handler: blmoveCommand},
	{Name: "blmpop", Arity: -5, Flags: engine.Write | engine.Blocking | engine.MovableKeys, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 2, KeyNum: true, FirstKey: 1}},
		Handler: blmpopCommand},
	{Name: "blpop", Arity: -3, Flags: engine.Write | engine.Blocking, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, Last: -2}},
		Handler: blpopCommand},
	{Name: "brpop", Arity: -3, Flags: engine.Write | engine.Blocking, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, Last: -2}},
		Handler: brpopCommand},
	{Name: "brpoplpush", Arity: 4, Flags: engine.Write | engine.DenyOOM | engine.Blocking, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
		Handler: brpoplpushCommand},
	{Name: "lindex", Arity: 3, Flags: engine.ReadOnly, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: lindexCommand},
	{Name: "linsert", Arity: 5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: linsertCommand},
	{Name: "llen", Arity: 2, Flags: engine.ReadOnly | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO, Index: 1}},
		Handler: llenCommand},
	{Name: "lmove", Arity: 5, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
		Handler: lmoveCommand},
	{Name: "lmpop", Arity: -4, Flags: engine.Write | engine.MovableKeys, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1, KeyNum: true, FirstKey: 1}},
		Handler: lmpopCommand},
	{Name: "lpop", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Handler: lpopCommand},
	{Name: "lpos", Arity: -3, Flags: engine.ReadOnly, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: lposCommand},
	{Name: "lpush", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: lpushCommand},
	{Name: "lpushx", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: lpushxCommand},
	{Name: "lrange", Arity: 4, Flags: engine.ReadOnly, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Handler: lrangeCommand},
	{Name: "lrem", Arity: 4, Flags: engine.Write, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: lremCommand},
	{Name: "lset", Arity: 4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyUpdate, Index: 1}},
		Handler: lsetCommand},
	{Name: "ltrim", Arity: 4, Flags: engine.Write, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyDelete, Index: 1}},
		Handler: ltrimCommand},
	{Name: "rpop", Arity: -2, Flags: engine.Write | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}},
		Handler: rpopCommand},
	{Name: "rpoplpush", Arity: 3, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 1}, {Flags: engine.KeyRW | engine.KeyInsert, Index: 2}},
		Handler: rpoplpushCommand},
	{Name: "rpush", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: rpushCommand},
	{Name: "rpushx", Arity: -3, Flags: engine.Write | engine.DenyOOM | engine.Fast, Categories: engine.CatList,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyInsert, Index: 1}},
		Handler: rpushxCommand},
}

var (
	wordLpop      = []byte("LPOP")
	wordRpop      = []byte("RPOP")
	wordLmove     = []byte("LMOVE")
	wordRpoplpush = []byte("RPOPLPUSH")
)

// end is one of a list's two ends.
type end bool

const (
	headEnd end = true
	tailEnd end = false
)

func (at end) popWord() []byte {
	if at == headEnd {
		return wordLpop
	}
	return wordRpop
}

func (at end) pushed() string {
	if at == headEnd {
		return "lpush"
	}
	return "rpush"
}

func (at end) popped() string {
	if at == headEnd {
		return "lpop"
	}
	return "rpop"
}

// parseEnd reads LEFT or RIGHT.
func parseEnd(arg []byte) (end, error) {
	switch {
	case is(arg, "LEFT"):
		return headEnd, nil
	case is(arg, "RIGHT"):
		return tailEnd, nil
	}
	return headEnd, engine.ErrSyntax
}

// readList is the list at key for reading; found is false when there is none.
func readList(c *engine.Call, key []byte) (l kv.ListView, found bool, err error) {
	e, found := c.LookupRead(key)
	if !found {
		return l, false, nil
	}
	if e.Type() != kv.List {
		return l, false, engine.ErrWrongType
	}
	return e.List(), true, nil
}

// writeList is readList for a command that is about to change the list.
func writeList(c *engine.Call, key []byte) (l kv.ListView, found bool, err error) {
	e, found := c.LookupWrite(key)
	if !found {
		return l, false, nil
	}
	if e.Type() != kv.List {
		return l, false, engine.ErrWrongType
	}
	return e.List(), true, nil
}

func lpushCommand(c *engine.Call) error { return push(c, headEnd, false) }

func rpushCommand(c *engine.Call) error { return push(c, tailEnd, false) }

func lpushxCommand(c *engine.Call) error { return push(c, headEnd, true) }

func rpushxCommand(c *engine.Call) error { return push(c, tailEnd, true) }

func push(c *engine.Call, at end, onlyThere bool) error {
	l, err := c.DB.EditList(c.Args[1])
	if err != nil {
		return err
	}
	if onlyThere && !l.Found() {
		l.Done()
		c.W.Int(0)
		return nil
	}
	elems := c.Args[2:]
	size := 0
	for _, v := range elems {
		size += len(v)
	}
	l.Expect(len(elems), size)
	for _, v := range elems {
		pushEnd(&l, v, at)
	}
	n := l.Len()
	l.Done()
	c.Dirty(len(elems))
	c.Notify('l', at.pushed(), c.Args[1])
	c.W.Int(int64(n))
	return nil
}

func pushEnd(l *kv.ListEdit, v []byte, at end) {
	if at == headEnd {
		l.PushHead(v)
	} else {
		l.PushTail(v)
	}
}

func lpopCommand(c *engine.Call) error { return popCommand(c, headEnd) }

func rpopCommand(c *engine.Call) error { return popCommand(c, tailEnd) }

func popCommand(c *engine.Call, at end) error {
	if len(c.Args) > 3 {
		return engine.ErrArity(c.Spec.FullName())
	}
	count, counted := int64(1), len(c.Args) == 3
	if counted {
		var err error
		if count, err = integer(c.Args[2]); err != nil || count < 0 {
			return engine.ErrMustBePos
		}
	}
	l, err := c.DB.EditList(c.Args[1])
	if err != nil {
		return err
	}
	switch {
	case !l.Found():
		l.Done()
		if counted {
			c.W.NullArray()
		} else {
			c.W.Null()
		}
	case count == 0:
		l.Done()
		c.W.EmptyArray()
	default:
		n := int(min(count, int64(l.Len())))
		if counted {
			c.W.Array(n)
		}
		popElems(c, c.Args[1], &l, at, n)
	}
	return nil
}

// popElems replies and removes n elements from an end, and the key when none is left. It ends the edit.
func popElems(c *engine.Call, key []byte, l *kv.ListEdit, at end, n int) {
	l.Take(n, at == tailEnd, func(v kv.Elem) { bulkElem(c, v) })
	endRemoval(c, key, l, at.popped(), n)
}

// endRemoval ends an edit that removed n elements.
func endRemoval(c *engine.Call, key []byte, l *kv.ListEdit, event string, n int) {
	l.Shrink()
	gone := l.Done()
	c.Notify('l', event, key)
	if gone {
		c.Notify('g', "del", key)
	}
	c.Dirty(n)
}

// editList begins the change of what is known to be a list.
func editList(c *engine.Call, key []byte) kv.ListEdit {
	l, err := c.DB.EditList(key)
	if err != nil {
		panic("command: a list became another type: " + err.Error())
	}
	return l
}

func lmpopCommand(c *engine.Call) error { return popFirstList(c, 1, false) }

func blmpopCommand(c *engine.Call) error {
	return popFirstList(c, 2, true)
}

func popFirstList(c *engine.Call, arg int, block bool) error {
	p, err := parsePopArguments(c, arg, "LEFT", "RIGHT")
	if err != nil {
		return err
	}
	var until time.Time
	if block { // the time is looked at last, as in Redis
		if until, err = blockTimeout(c, c.Args[1]); err != nil {
			return err
		}
	}
	key, l, err := firstList(c, p.keys)
	switch {
	case err != nil:
		return err
	case key == nil && block:
		return waitForLists(c, p.keys, until)
	case key == nil:
		c.W.NullArray()
		return nil
	}
	at := end(!p.second)
	n := int(min(p.count, int64(l.Len()), math.MaxInt32))
	c.W.Array(2)
	c.W.Bulk(key)
	c.W.Array(n)
	popElems(c, key, &l, at, n)
	c.Replace(at.popWord(), key, decimal(int64(n)))
	return nil
}

func blpopCommand(c *engine.Call) error { return popBlocking(c, headEnd) }

func brpopCommand(c *engine.Call) error { return popBlocking(c, tailEnd) }

func popBlocking(c *engine.Call, at end) error {
	last := len(c.Args) - 1
	until, err := blockTimeout(c, c.Args[last])
	if err != nil {
		return err
	}
	keys := c.Args[1:last]
	key, l, err := firstList(c, keys)
	switch {
	case err != nil:
		return err
	case key == nil:
		return waitForLists(c, keys, until)
	}
	c.W.Array(2)
	c.W.Bulk(key)
	popElems(c, key, &l, at, 1)
	c.Replace(at.popWord(), key)
	return nil
}

// firstList begins the change of the first list among the keys; key is nil when none exists. One of another type is an error.
func firstList(c *engine.Call, keys [][]byte) (key []byte, l kv.ListEdit, err error) {
	for _, key := range keys {
		if l, err = c.DB.EditList(key); err != nil {
			return nil, l, err
		}
		if l.Found() {
			return key, l, nil
		}
		l.Done()
	}
	return nil, l, nil
}

// waitForLists blocks the client, or where nothing may block answers at once that there is nothing.
func waitForLists(c *engine.Call, keys [][]byte, until time.Time) error {
	if !c.CanBlock() {
		c.W.NullArray()
		return nil
	}
	c.BlockOnKeys(keys, kv.List, until, false)
	return nil
}

func rpoplpushCommand(c *engine.Call) error { return move(c, tailEnd, headEnd, nil) }

func brpoplpushCommand(c *engine.Call) error {
	until, err := blockTimeout(c, c.Args[3])
	if err != nil {
		return err
	}
	return move(c, tailEnd, headEnd, &until)
}

func lmoveCommand(c *engine.Call) error { return moveEnds(c, nil) }

func blmoveCommand(c *engine.Call) error {
	from, err := parseEnd(c.Args[3])
	if err != nil {
		return err
	}
	to, err := parseEnd(c.Args[4])
	if err != nil {
		return err
	}
	until, err := blockTimeout(c, c.Args[5])
	if err != nil {
		return err
	}
	return move(c, from, to, &until)
}

func moveEnds(c *engine.Call, until *time.Time) error {
	from, err := parseEnd(c.Args[3])
	if err != nil {
		return err
	}
	to, err := parseEnd(c.Args[4])
	if err != nil {
		return err
	}
	return move(c, from, to, until)
}

// move takes an element from one list to another, or the same one. With until, it waits for one.
func move(c *engine.Call, from, to end, until *time.Time) error {
	src, dst := c.Args[1], c.Args[2]
	l, found, err := writeList(c, src)
	if err != nil {
		return err
	}
	if !found {
		switch {
		case until == nil || !c.CanBlock():
			c.W.Null()
		default:
			c.BlockOnKeys([][]byte{src}, kv.List, *until, false)
		}
		return nil
	}
	if _, _, err := writeList(c, dst); err != nil {
		return err
	}
	pos := 0
	if from == tailEnd {
		pos = l.Len() - 1
	}
	cur := l.At(pos)
	var buf [64]byte
	v := cur.Elem().Append(buf[:0])
	size := len(v)
	if _, isInt := cur.Elem().Int(); isInt {
		size = 0 // Redis does not count what it moves as a number
	}
	if string(src) == string(dst) {
		e := editList(c, src)
		e.Delete(pos, 1)
		e.Expect(1, size)
		pushEnd(&e, v, to)
		e.Shrink()
		e.Done()
		c.Notify('l', to.pushed(), dst)
		c.Notify('l', from.popped(), src)
	} else {
		d := editList(c, dst)
		d.Expect(1, size)
		pushEnd(&d, v, to)
		d.Done()
		c.Notify('l', to.pushed(), dst)
		s := editList(c, src)
		s.Delete(pos, 1)
		s.Shrink()
		gone := s.Done()
		c.Notify('l', from.popped(), src)
		if gone {
			c.Notify('g', "del", src)
		}
	}
	c.Dirty(1)
	if until != nil {
		if len(c.Args) == 4 {
			c.Replace(wordRpoplpush, src, dst)
		} else {
			c.Replace(wordLmove, src, dst, c.Args[3], c.Args[4])
		}
	}
	c.W.Bulk(v)
	return nil
}
