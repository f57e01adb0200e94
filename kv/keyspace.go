package kv

import (
	"math/bits"
	"math/rand/v2"

	"frankenredis/kv/arena"
	"frankenredis/kv/btree"
	"frankenredis/kv/dict"
	"frankenredis/snapshot/lzf"
)

// Options configure a Keyspace.
type Options struct {
	Databases  int                     // how many databases; 0 means 16
	HashSeed   dict.Seed               // keys the hash of keys; random in a server, so that clients cannot aim at one bucket
	RandomSeed uint64                  // seeds what is random: RANDOMKEY, LFU counters
	SlotOf     func(key []byte) uint16 // the hash slot of a key, for SlotLen and EachInSlot; nil: there are none
	Protect    bool                    // arena.Options.Protect and Restless, for tests: stray writes fault, and defragmentation moves much
}

// Hooks are called by the keyspace as things happen. They may look keys up with NoTouch and NoExpire, and must not change
// the keyspace. The key is valid during the call only. A nil hook is not called.
type Hooks struct {
	// Expired: an expired key was just deleted, lazily or actively.
	Expired func(db *DB, key []byte)
	// Changed: the key was just changed or removed. Called only while Keyspace.Watching is above zero; for a key
	// that expired, before Expired.
	Changed func(db *DB, key []byte)
	// Added: the key has just come into being. Called only while Keyspace.Announce is set.
	Added func(db *DB, key []byte)
	// Flushed: the database is about to be emptied or swapped. Called only while Keyspace.Watching is above zero.
	Flushed func(db *DB)
}

// Keyspace is all databases of a server. Every method belongs to the executor's goroutine.
type Keyspace struct {
	Hooks    Hooks
	Watching int  // number of watched keys; the engine keeps it
	Announce bool // whether Hooks.Added is called

	a      *arena.Arena
	seed   dict.Seed
	table  dict.Type
	dbs    []*DB
	now    Millis
	mode   ExpireMode
	access accessPolicy
	next   func() uint64 // the seeded generator
	slotOf func(key []byte) uint16
	lazy   lazyQueue
	cycle  expireCycle
	defrag defrag
	pool   evictPool

	lazyExpire    bool // what expired is freed as by Unlink
	lazyServerDel bool // so is what is overwritten or removed as a side effect

	limits Limits
	// packedThreshold is the length from which an element of a list is a node of its own.
	packedThreshold int
	image           []byte          // a packed value that is being changed
	editing         bool            // an edit is under way
	spot            btree.Spot      // the node at an end of the list that is being changed
	replacing       bool            // the next entry made takes the place of one that Clear removed
	lzf             *lzf.Encoder    // for nodes of lists; made when one is compressed
	scratch         []byte          // an inline value on its way from one block to another
	hookKey         []byte          // the key of an entry that expires, for the hooks
	refs            []arena.Ref     // expired entries found by a scan
	indexes         [][]uint64      // of probes that were closed
	digits          [intDigits]byte // the spelling of a number that a probe is asked for
	joint           dict.Joint      // what joining two tables works with
	loading         loading         // what loading a table works with
}

// New makes an empty keyspace.
func New(o Options) *Keyspace {
	ks := &Keyspace{
		a:    arena.New(arena.Options{Protect: o.Protect, Restless: o.Protect}),
		seed: o.HashSeed, slotOf: o.SlotOf,
		next: rand.NewPCG(o.RandomSeed, 0x9e3779b97f4a7c15).Uint64,
	}
	ks.table = dict.Type{Match: matchEntry, Hash: ks.hashEntry}
	ks.pool.visit = ks.consider
	ks.SetExpireEffort(1)
	ks.SetLimits(DefaultLimits())
	ks.SetPackedThreshold(0)
	ks.SetPolicy(false, 10, 1)
	n := o.Databases
	if n <= 0 {
		n = 16
	}
	for i := range n {
		db := &DB{ks: ks, id: i}
		db.reset()
		ks.dbs = append(ks.dbs, db)
	}
	return ks
}

// Close gives all memory back. No view may be open; nothing may be called afterwards.
func (ks *Keyspace) Close() { ks.a.Close() }

// SetNow sets the clock by which keys expire and age until the next call.
func (ks *Keyspace) SetNow(now Millis) {
	ks.now = now
	ks.access.setNow(now)
}

// Now is the time last set.
func (ks *Keyspace) Now() Millis { return ks.now }

// DB is database i; it panics when i is out of range. The pointer stays good for life: a swap exchanges contents.
func (ks *Keyspace) DB(i int) *DB { return ks.dbs[i] }

// Len is the number of databases.
func (ks *Keyspace) Len() int { return len(ks.dbs) }

// Swap exchanges the contents of two databases.
func (ks *Keyspace) Swap(i, j int) {
	if i == j {
		return
	}
	a, b := ks.dbs[i], ks.dbs[j]
	a.flushed()
	b.flushed()
	a.dbState, b.dbState = b.dbState, a.dbState
}

// Arena is where everything is kept, for its statistics and for Reclaim.
func (ks *Keyspace) Arena() *arena.Arena { return ks.a }

// UsedBytes is what the data occupies: entries, chunks and tables, in the arena's block sizes, pages that are merely held
// not counted. It falls with the command that removes data, also where freeing is put off (see LazyFree); only UNLINK and
// asynchronous flushes lower it as the freeing proceeds, as in Redis.
func (ks *Keyspace) UsedBytes() int64 { return ks.a.UsedBytes() - ks.lazy.hidden }

// Pick is a random number from 0 to n-1, each with the same probability, by the keyspace's seeded generator.
func (ks *Keyspace) Pick(n int) int {
	hi, _ := bits.Mul64(ks.next(), uint64(n))
	return int(hi)
}

// hashEntry hashes the key of an entry.
func (ks *Keyspace) hashEntry(m arena.Mem, r arena.Ref) uint64 {
	h := head(m.Load64(r))
	if h.bigKey() {
		return m.Load64(word(r, h.keyWord()+blobWords))
	}
	return dict.Hash(&ks.seed, cell{r, h}.key(m))
}

// matchEntry compares an entry's key. The arena itself, which every command asks, is called without the interface.
func matchEntry(m arena.Mem, r arena.Ref, key []byte) bool {
	if a, ok := m.(*arena.Arena); ok {
		h := head(a.Load64(r))
		if !h.bigKey() {
			return h.keyLen() == len(key) && string(a.At(r, 8*h.words()+len(key))[8*h.words():]) == string(key)
		}
	}
	h := head(m.Load64(r))
	if h.bigKey() {
		b := loadBlob(m, word(r, h.keyWord()))
		return b.equal(m, key)
	}
	return h.keyLen() == len(key) && string(cell{r, h}.key(m)) == string(key)
}
