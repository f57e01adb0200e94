package kv

import (
	"time"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/dict"
)

// lazyThreshold is the largest blob, in chunks, that is freed on the spot; Redis draws its line at 64 allocations, too.
const lazyThreshold = 64

// lazyStep is how many chunks or entries are freed between two looks at the clock.
const lazyStep = 256

// lazyItem is something unlinked from the keyspace whose memory is still to be freed: a blob, a table, or a database's
// contents.
type lazyItem struct {
	blob blob
	left int // chunks of the blob that are still there

	typ   Type // of a table; String: it is none
	table table

	db             bool // the dicts count
	volatileGone   bool // the volatile one is freed already
	keys, volatile dict.Dict
	slots          arena.Ref // the tree of slots still to be freed; 0: there is none

	objects int   // objects it still counts for LazyPending
	hidden  int64 // bytes UsedBytes no longer counts
	owed    int64 // bytes it still counts
}

// lazyQueue is what waits to be freed, first come first served.
type lazyQueue struct {
	items   []lazyItem
	hidden  int64 // sum of the items' hidden
	owed    int64 // sum of the items' owed
	pending int   // sum of the items' objects
	freed   int64
}

// LazyPending counts the objects that UNLINK and asynchronous flushes left to LazyFree.
func (ks *Keyspace) LazyPending() int { return ks.lazy.pending }

// Freeing says whether LazyFree has anything to do.
func (ks *Keyspace) Freeing() bool { return len(ks.lazy.items) > 0 }

// LazyFreed counts the objects that LazyFree has freed since the start.
func (ks *Keyspace) LazyFreed() int64 { return ks.lazy.freed }

// LazyBytes is what LazyFree will free: owed is still part of UsedBytes, hidden is not.
func (ks *Keyspace) LazyBytes() (owed, hidden int64) { return ks.lazy.owed, ks.lazy.hidden }

// SetLazy chooses what leaves big values to LazyFree as Unlink does, rather than as Delete: expiry (lazyfree-lazy-expire), and
// commands that overwrite a key, rename over it or leave it empty (lazyfree-lazy-server-del).
func (ks *Keyspace) SetLazy(expire, serverDel bool) {
	ks.lazyExpire, ks.lazyServerDel = expire, serverDel
}

// ResetLazyFreed sets LazyFreed back to zero, for CONFIG RESETSTAT.
func (ks *Keyspace) ResetLazyFreed() { ks.lazy.freed = 0 }

// Flush empties the database and returns how many keys it had. Either way the memory is freed by LazyFree; after a
// synchronous flush it is off the account at once, after an asynchronous one it leaves the account as it is freed, and the
// keys count as pending objects.
func (db *DB) Flush(async bool) (removed int) {
	db.flushed()
	removed = db.Len()
	if removed == 0 {
		return 0
	}
	item := lazyItem{db: true, keys: db.keys, volatile: db.volatile, slots: db.slots}
	if async {
		item.objects = removed
		item.owed, _ = db.Bytes()
	} else {
		item.hidden, _ = db.Bytes()
	}
	db.ks.lazy.push(item)
	db.reset()
	return removed
}

// LazyFree frees memory that commands left behind, for about the given time, and reports whether there is more.
func (ks *Keyspace) LazyFree(budget time.Duration) (more bool) {
	q := &ks.lazy
	if len(q.items) == 0 {
		return false
	}
	for start := time.Now(); ; {
		if ks.freeStep() {
			q.pop()
			if len(q.items) == 0 {
				return false
			}
		}
		if time.Since(start) >= budget {
			return true
		}
	}
}

// freeStep frees a little of the first item and reports whether that was the last of it. The item stays first, but
// freeing may append others and so move it.
func (ks *Keyspace) freeStep() (done bool) {
	q := &ks.lazy
	before := ks.a.UsedBytes()
	switch item := &q.items[0]; {
	case item.db && item.slots != 0:
		if btree.Open(ks.a, &slotTree, item.slots).Free(func(arena.Ref) {}, lazyStep) {
			item.slots = 0
		}
	case item.db && !item.volatileGone:
		item.volatileGone = item.volatile.Free(func(arena.Ref) {}, lazyStep)
	case item.db:
		done = item.keys.Free(ks.freeFlushed, lazyStep)
	case item.typ != String:
		t := item.table // freeing may append items, which moves this one
		done = tableKinds[item.typ].free(ks, &t, lazyStep, ks.freeFlushedElement)
		q.items[0].table = t
		if done {
			q.settle(q.items[0].objects)
		}
	default:
		item.left = item.blob.release(ks.a, item.left, lazyStep)
		done = item.left == 0
		if done {
			q.settle(item.objects)
		}
	}
	q.uncover(before - ks.a.UsedBytes())
	return done
}

// freeFlushed frees an entry of the flushed database that is first in the queue.
func (ks *Keyspace) freeFlushed(r arena.Ref) {
	h := head(ks.a.Load64(r))
	c := cell{r, h}
	if h.bigKey() {
		ks.freeFlushedBlob(loadBlob(ks.a, word(r, h.keyWord())))
	}
	switch {
	case h.bigValue():
		ks.freeFlushedBlob(c.blob(ks.a))
	case h.isTable():
		ks.freeFlushedTable(h.typ(), c.table(ks.a))
	}
	ks.a.Free(r)
	if ks.lazy.items[0].objects > 0 {
		ks.lazy.settle(1)
	}
}

// freeFlushedBlob frees a blob of the flushed database, or makes it an item of its own, which takes its share of the bytes
// that are hidden.
func (ks *Keyspace) freeFlushedBlob(b blob) {
	n := chunks(b.size)
	if n <= lazyThreshold {
		b.release(ks.a, n, n)
		return
	}
	ks.lazy.push(ks.lazy.part(lazyItem{blob: b, left: n}, b.bytes))
}

// freeFlushedTable is freeFlushedBlob for a table.
func (ks *Keyspace) freeFlushedTable(typ Type, t table) {
	kind := tableKinds[typ]
	if kind.effort(ks, t) <= lazyThreshold {
		for !kind.free(ks, &t, lazyStep, ks.freeFlushedElement) {
		}
		return
	}
	ks.lazy.push(ks.lazy.part(lazyItem{typ: typ, table: t}, t.bytes))
}

// dropBlob frees a blob, now if it is small. A bigger one waits in the queue: as a pending object if lazy, else off the
// account from now on.
func (ks *Keyspace) dropBlob(b blob, lazy bool) {
	n := chunks(b.size)
	if n <= lazyThreshold {
		b.release(ks.a, n, n)
		return
	}
	item := lazyItem{blob: b, left: n}
	if lazy {
		item.objects, item.owed = 1, b.bytes
	} else {
		item.hidden = b.bytes
	}
	ks.lazy.push(item)
}

func (q *lazyQueue) push(item lazyItem) {
	q.items = append(q.items, item)
	q.hidden += item.hidden
	q.owed += item.owed
	q.pending += item.objects
}

// part makes an item of something of n bytes that the first item holds: its share of the bytes that are hidden or owed goes
// with it.
func (q *lazyQueue) part(item lazyItem, n int64) lazyItem {
	first := &q.items[0]
	item.hidden, item.owed = min(n, first.hidden), min(n, first.owed)
	q.take(first, item.hidden, item.owed)
	return item
}

// take takes bytes off what an item hides and owes.
func (q *lazyQueue) take(item *lazyItem, hidden, owed int64) {
	item.hidden -= hidden
	q.hidden -= hidden
	item.owed -= owed
	q.owed -= owed
}

// settle counts n objects of the first item as freed.
func (q *lazyQueue) settle(n int) {
	q.items[0].objects -= n
	q.pending -= n
	q.freed += int64(n)
}

// uncover takes n freed bytes of the first item off those it hides or owes.
func (q *lazyQueue) uncover(n int64) {
	first := &q.items[0]
	q.take(first, min(n, first.hidden), min(n, first.owed))
}

// pop removes the first item, which is freed to the last byte.
func (q *lazyQueue) pop() {
	q.take(&q.items[0], q.items[0].hidden, q.items[0].owed)
	q.settle(q.items[0].objects)
	q.items[0] = lazyItem{}
	q.items = q.items[1:]
	if len(q.items) == 0 {
		q.items = nil
	}
}
