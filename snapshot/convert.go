package snapshot

import (
	"errors"
	"fmt"
	"io"
	"time"

	"frankenredis/kv"
)

// ConvertOptions say what Convert makes of a snapshot.
type ConvertOptions struct {
	// Version is that of the result, MinWritten to Version; 0 means Version.
	Version int
	// MaxString is the longest string taken, in bytes; 0 means 4 GiB.
	MaxString int64
	// Lost is told of everything that the version has no place for, as it is left out. It may be nil; the key is valid during
	// the call.
	Lost func(Loss)
	// Progress, if set, is told now and then how far the input has been read.
	Progress func(pos, keys int64)
}

// Loss is what is left out of a snapshot or, with a key, of a key's value.
type Loss struct {
	DB   int
	Key  []byte // nil: it is no key's
	What string // one of the Lost constants, with a name behind a colon where there is one
}

// Converted is what Convert has done.
type Converted struct {
	From, To int   // versions
	Keys     int64 // written
	Empty    int64 // keys without elements, which every server passes over
	Losses   int64
	Read     int64 // bytes, which end with the snapshot: what stands behind it was not looked at
	Written  int64 // bytes
}

// Convert writes the snapshot that begins with r's next byte in another version, key by key; the longest value with all its
// elements is what it needs memory for. Expired keys stay. The error is an *Error when the input is at fault: what was
// written until then is of no use, and neither is it before nil was returned.
func Convert(w io.Writer, r io.Reader, o ConvertOptions) (Converted, error) {
	if o.Version == 0 {
		o.Version = Version
	}
	if o.Version < MinWritten || o.Version > Version {
		return Converted{}, fmt.Errorf("snapshot: version %d cannot be written", o.Version)
	}
	c := &converter{o: o, e: newEncoder(w, true, true), rd: NewReader(r, Options{MaxString: o.MaxString, SkipModules: true}),
		ks: kv.New(kv.Options{Databases: 1}), db: -1}
	defer c.rd.Close()
	defer c.ks.Close()
	c.e.version = o.Version
	c.e.buf = fmt.Appendf(c.e.buf, "%s%04d", magic, o.Version)
	err := c.run()
	c.done.From, c.done.To, c.done.Read, c.done.Written = c.rd.Info().Version, o.Version, c.rd.Pos(), c.e.written
	return c.done, err
}

// converter is one run of Convert. A collection goes through a keyspace that holds nothing else.
type converter struct {
	o    ConvertOptions
	rd   *Reader
	e    *encoder
	ks   *kv.Keyspace
	done Converted

	db                      int // selected in the output, -1: none
	aux, functions, modules int // of the reader's, how many are dealt with
	scratch                 []byte
}

// transit is the key under which a collection passes through the keyspace.
var transit = []byte("value")

func (c *converter) run() error {
	var b Batch
	for {
		err := c.rd.Next(&b)
		if err != nil && err != io.EOF {
			return err
		}
		c.meta()
		for i := range b.Items {
			if err := c.item(&b.Items[i]); err != nil {
				return err
			}
		}
		if c.o.Progress != nil {
			c.o.Progress(c.rd.Pos(), c.done.Keys)
		}
		if err == io.EOF {
			if err := c.e.end(); err != nil {
				return fmt.Errorf("snapshot: write: %w", err)
			}
			return nil
		}
	}
}

// meta writes what the reader has found beside the keys since it was called last.
func (c *converter) meta() {
	info := c.rd.Info()
	for ; c.aux < len(info.Aux); c.aux++ {
		c.e.aux(info.Aux[c.aux].Name, info.Aux[c.aux].Value)
	}
	for ; c.functions < len(info.Functions); c.functions++ {
		if c.o.Version < 10 {
			if c.functions == 0 {
				c.lost(Loss{What: LostFunctions})
			}
			continue
		}
		c.e.function(info.Functions[c.functions])
	}
	for ; c.modules < len(info.Modules); c.modules++ {
		c.lost(Loss{What: LostModules + ": " + info.Modules[c.modules]})
	}
}

func (c *converter) lost(l Loss) {
	c.done.Losses++
	if c.o.Lost != nil {
		c.o.Lost(l)
	}
}

// selectDB goes over to a database, with the sizes announced for it.
func (c *converter) selectDB(db int) {
	if db == c.db {
		return
	}
	c.db = db
	c.e.selectDB(db)
	for _, s := range c.rd.Info().Sizes {
		if s.DB == db {
			c.e.sizes(s.Keys, s.Expires)
			return
		}
	}
}

// item takes a key or a part of one, and writes it with the last part.
func (c *converter) item(it *Item) error {
	if it.Module != "" {
		c.lost(Loss{DB: it.DB, Key: it.Key, What: LostModuleValue + ": " + it.Module})
		return nil
	}
	if it.Coll != nil && it.Coll.Empty {
		c.done.Empty++
		return nil
	}
	if it.Coll == nil {
		c.begin(it, typeString)
		if it.IsInt {
			c.e.number(it.Int)
		} else {
			c.e.str(it.Value)
		}
		return c.end()
	}
	db := c.ks.DB(0)
	if err := it.Store(db, transit, NoExpiry); err != nil {
		return c.fault(it, err)
	}
	if it.Coll.More {
		return nil
	}
	entry, ok := db.Lookup(transit, kv.NoTouch|kv.NoExpire)
	if !ok {
		return c.fault(it, corrupt("a collection of empty parts"))
	}
	v := entry.Value()
	for _, what := range lostOf(v, c.o.Version) {
		c.lost(Loss{DB: it.DB, Key: it.Key, What: what})
	}
	typ := c.e.typeOf(v)
	c.begin(it, typ)
	if c.scratch = c.e.value(typ, v, c.scratch); cap(c.scratch) > 1<<20 {
		c.scratch = nil
	}
	db.Delete(transit)
	for c.ks.LazyFree(time.Second) {
	}
	return c.end()
}

func (c *converter) begin(it *Item, typ byte) {
	c.selectDB(it.DB)
	c.e.key(typ, it.Key, it.ExpireMs, it.Idle, it.Freq)
	c.done.Keys++
}

func (c *converter) end() error {
	c.e.settle()
	if c.e.err != nil {
		return fmt.Errorf("snapshot: write: %w", c.e.err)
	}
	return nil
}

// fault says that a value could be read but does not hold together.
func (c *converter) fault(it *Item, err error) error {
	e := &Error{Pos: it.Pos, DB: it.DB, Key: append([]byte{}, it.Key...), Reason: err.Error(), Err: ErrCorrupt}
	var inner *Error
	if errors.As(err, &inner) {
		e.Reason, e.Err = inner.Reason, inner.Err
	}
	return e
}

// ConvertFile makes a file of what Convert writes, as WriteFile does: it has its name, durably, or does not exist.
func ConvertFile(s SaveOptions, r io.Reader, o ConvertOptions) (done Converted, err error) {
	_, err = s.save(func(w io.Writer) (int64, error) {
		done, err = Convert(w, r, o)
		return done.Written, err
	})
	return done, err
}
