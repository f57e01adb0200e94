package snapshot

import (
	"fmt"
	"io"
	"strconv"

	"frankenredis/kv"
	"frankenredis/kv/double"
)

// itemsPerCommand bounds the elements that one command adds, so that no reader needs memory for a whole collection (Redis:
// AOF_REWRITE_ITEMS_PER_CMD).
const itemsPerCommand = 64

// WriteCommands writes f as the commands that make it, in RESP, as the base of an append-only file has them without an RDB
// preamble, and returns the number of bytes. Of m Progress, Pace, Yield and Functions count. Like Write it runs on any goroutine.
func WriteCommands(w io.Writer, f *kv.Frozen, m Meta) (size int64, err error) {
	c := &commands{e: newEncoder(w, false, false)}
	c.e.yield = m.Yield
	for _, source := range m.Functions {
		c.begin(3)
		c.word("FUNCTION")
		c.word("LOAD")
		c.bytes(source)
	}
	err = eachItem(f, &m, func(db *kv.FrozenDB) {
		c.begin(2)
		c.word("SELECT")
		c.int(int64(db.ID()))
	}, func(it kv.Item) error {
		c.item(it)
		c.e.settle()
		return c.e.err
	})
	if err == nil {
		c.e.flush()
		err = c.e.err
	}
	if err != nil {
		return c.e.written, fmt.Errorf("snapshot: write: %w", err)
	}
	return c.e.written, nil
}

// commands writes commands.
type commands struct {
	e   *encoder
	buf []byte // an element
}

// begin begins a command of n words.
func (c *commands) begin(n int) { c.header('*', n) }

func (c *commands) header(kind byte, n int) {
	c.e.buf = strconv.AppendInt(append(c.e.buf, kind), int64(n), 10)
	c.e.buf = append(c.e.buf, '\r', '\n')
}

func (c *commands) bytes(p []byte) {
	c.header('$', len(p))
	c.e.raw(p)
	c.e.buf = append(c.e.buf, '\r', '\n')
}

func (c *commands) word(s string) {
	c.header('$', len(s))
	c.e.buf = append(append(c.e.buf, s...), '\r', '\n')
}

func (c *commands) int(n int64) {
	c.buf = strconv.AppendInt(c.buf[:0], n, 10)
	c.bytes(c.buf)
}

func (c *commands) elem(v kv.Elem) {
	c.buf = v.Append(c.buf[:0])
	c.bytes(c.buf)
	c.e.settle()
}

func (c *commands) id(id kv.StreamID) {
	c.buf = strconv.AppendUint(c.buf[:0], id.Ms, 10)
	c.buf = strconv.AppendUint(append(c.buf, '-'), id.Seq, 10)
	c.bytes(c.buf)
}

// item writes the commands for one key.
func (c *commands) item(it kv.Item) {
	key, v := it.Key(), it.Value()
	switch it.Type() {
	case kv.String:
		c.begin(3)
		c.word("SET")
		c.bytes(key)
		c.header('$', it.StringLen())
		if n, isInt := it.Int(); isInt {
			c.e.buf = strconv.AppendInt(c.e.buf, n, 10)
		} else {
			it.Walk(0, it.StringLen(), func(piece []byte) bool {
				c.e.raw(piece)
				return c.e.err == nil
			})
		}
		c.e.buf = append(c.e.buf, '\r', '\n')
	case kv.List:
		b := c.batches("RPUSH", key, v.List().Len(), 1)
		for cur := v.List().At(0); cur.Valid() && c.e.err == nil; cur.Next() {
			b.next()
			c.elem(cur.Elem())
		}
	case kv.Set:
		b := c.batches("SADD", key, v.Set().Len(), 1)
		v.Set().Each(func(member kv.Elem) bool {
			b.next()
			c.elem(member)
			return c.e.err == nil
		})
	case kv.Hash:
		b := c.batches("HMSET", key, v.Hash().Len(), 2)
		v.Hash().Each(func(field, value kv.Elem) bool {
			b.next()
			c.elem(field)
			c.elem(value)
			return c.e.err == nil
		})
	case kv.ZSet:
		b := c.batches("ZADD", key, v.ZSet().Len(), 2)
		for cur := v.ZSet().At(0); cur.Valid() && c.e.err == nil; cur.Next() {
			b.next()
			c.buf = double.Append17(c.buf[:0], cur.Score())
			c.bytes(c.buf)
			c.elem(cur.Member())
		}
	case kv.Stream:
		c.stream(key, v.Stream())
	}
	if at, volatile := it.Expire(); volatile {
		c.begin(3)
		c.word("PEXPIREAT")
		c.bytes(key)
		c.int(int64(at))
	}
}

// batches spreads n elements of so many words each over commands.
type batches struct {
	c          *commands
	name       string
	key        []byte
	left, room int
	words      int
}

func (c *commands) batches(name string, key []byte, n, words int) *batches {
	return &batches{c: c, name: name, key: key, left: n, words: words}
}

// next is called before each element.
func (b *batches) next() {
	if b.room == 0 {
		b.room = min(b.left, itemsPerCommand)
		b.c.begin(2 + b.room*b.words)
		b.c.word(b.name)
		b.c.bytes(b.key)
	}
	b.room--
	b.left--
}

func (c *commands) stream(key []byte, s kv.StreamView) {
	info := s.Info()
	if info.Length == 0 {
		// An entry that is trimmed away again makes the stream. Its id must be one that XSETID can still go back to.
		c.begin(7)
		c.word("XADD")
		c.bytes(key)
		c.word("MAXLEN")
		c.word("0")
		c.word("0-1")
		c.word("x")
		c.word("y")
	}
	it := s.Range(kv.StreamID{}, kv.MaxStreamID, false)
	for it.Next() && c.e.err == nil {
		c.begin(3 + 2*it.Fields())
		c.word("XADD")
		c.bytes(key)
		c.id(it.ID())
		it.Each(func(field, value kv.Elem) {
			c.elem(field)
			c.elem(value)
		})
	}
	c.begin(7)
	c.word("XSETID")
	c.bytes(key)
	c.id(info.Last)
	c.word("ENTRIESADDED")
	c.int(info.Added)
	c.word("MAXDELETEDID")
	c.id(info.MaxDeleted)
	s.EachGroup(func(g kv.StreamGroup) bool {
		c.begin(7)
		c.word("XGROUP")
		c.word("CREATE")
		c.bytes(key)
		c.bytes(g.Name())
		c.id(g.Last())
		c.word("ENTRIESREAD")
		c.int(g.Read())
		g.EachConsumer(func(consumer kv.StreamConsumer) bool {
			c.consumer(key, g, consumer)
			return c.e.err == nil
		})
		return c.e.err == nil
	})
}

// consumer writes what makes a consumer: the claims of what it has pending, or its creation when that is nothing.
func (c *commands) consumer(key []byte, g kv.StreamGroup, consumer kv.StreamConsumer) {
	if consumer.Pending() == 0 {
		c.begin(5)
		c.word("XGROUP")
		c.word("CREATECONSUMER")
		c.bytes(key)
		c.bytes(g.Name())
		c.bytes(consumer.Name())
		return
	}
	consumer.PendingFrom(kv.StreamID{}, func(p kv.StreamPending) bool {
		c.begin(12)
		c.word("XCLAIM")
		c.bytes(key)
		c.bytes(g.Name())
		c.bytes(consumer.Name())
		c.word("0")
		c.id(p.ID)
		c.word("TIME")
		c.int(int64(p.Time))
		c.word("RETRYCOUNT")
		c.int(p.Count)
		c.word("JUSTID")
		c.word("FORCE")
		c.e.settle()
		return c.e.err == nil
	})
}
