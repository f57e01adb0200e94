package engine

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"frankenredis/wire/acl"
)

// Flag is a property of a command, named as COMMAND INFO names it.
type Flag uint64

// The command flags of Redis 7.2.4. Those that COMMAND INFO does not show stand at the end.
const (
	Write Flag = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	NoAsyncLoading
	AllowBusy
	NoMulti
	MovableKeys
	NoMandatoryKeys
	OnlySentinel

	// Protected commands are refused unless their enable-* directive allows the client (DEBUG, MODULE).
	Protected
	// Control commands run at once inside MULTI instead of being queued (EXEC, DISCARD, WATCH, MULTI, QUIT, RESET).
	Control
	// Scattered commands meet keys that have nothing to do with each other (SCAN, RANDOMKEY): each expiry they come upon is
	// a unit of its own.
	Scattered
	// Subscribed commands may be run by a RESP2 client that is subscribed to something.
	Subscribed
	// MayReplicate commands write nothing by their nature, but what they do may be replicated: CLIENT PAUSE WRITE holds them back.
	MayReplicate
)

var flagNames = []struct {
	flag Flag
	name string
}{
	{Write, "write"}, {ReadOnly, "readonly"}, {DenyOOM, "denyoom"}, {Admin, "admin"}, {PubSub, "pubsub"},
	{NoScript, "noscript"}, {Blocking, "blocking"}, {Loading, "loading"}, {Stale, "stale"},
	{SkipMonitor, "skip_monitor"}, {SkipSlowlog, "skip_slowlog"}, {Asking, "asking"}, {Fast, "fast"},
	{NoAuth, "no_auth"}, {NoMandatoryKeys, "no_mandatory_keys"},
	{NoAsyncLoading, "no_async_loading"}, {NoMulti, "no_multi"}, {MovableKeys, "movablekeys"}, {AllowBusy, "allow_busy"},
}

// Names returns the flags as COMMAND INFO lists them.
func (f Flag) Names() []string {
	var out []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// Category is a set of ACL categories.
type Category uint64

// The ACL categories of Redis 7.2.4, in its own order.
const (
	CatKeyspace Category = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

var categoryNames = []string{"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
	"transaction", "scripting"}

// Names returns the categories with Redis's "@" in front.
func (c Category) Names() []string {
	var out []string
	for i, n := range categoryNames {
		if c&(1<<i) != 0 {
			out = append(out, "@"+n)
		}
	}
	return out
}

// CategoryByName returns the category with the given name (without "@"), or 0.
func CategoryByName(name string) Category {
	for i, n := range categoryNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// KeyFlag says what a command does with the keys of one key spec.
type KeyFlag uint16

// The key spec flags of Redis 7.2.4.
const (
	KeyRO KeyFlag = 1 << iota
	KeyRW
	KeyOW
	KeyRM
	KeyAccess
	KeyUpdate
	KeyInsert
	KeyDelete
	KeyNotKey
	KeyIncomplete
	KeyVariable
)

var keyFlagNames = []string{"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete",
	"variable_flags"}

// Names returns the flags as COMMAND INFO lists them.
func (f KeyFlag) Names() []string {
	var out []string
	for i, n := range keyFlagNames {
		if f&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// KeySpec tells where in an argument vector keys stand: Begin finds the first one, Find the others.
type KeySpec struct {
	Flags KeyFlag
	Notes string

	// Begin: at Index (Keyword empty), or after Keyword searched from StartFrom (negative: from the end).
	Index     int
	Keyword   string
	StartFrom int

	// Find by range: Last relative to the first key (negative: from the end of argv), Step, Limit as in Redis.
	Last  int
	Step  int
	Limit int

	// Find by a count (KeyNum true): the count stands at KeyNumIndex, keys begin at FirstKey, both relative to Begin.
	KeyNum      bool
	KeyNumIndex int
	FirstKey    int

	// Unknown: the keys cannot be told from a spec; Spec.GetKeys can.
	Unknown bool
}

// KeyRef is one key found in an argument vector.
type KeyRef struct {
	Pos   int
	Flags KeyFlag
}

// ChannelArgs says which arguments of a command are channels.
type ChannelArgs uint8

// What the arguments are.
const (
	NoChannels   ChannelArgs = iota
	FirstChannel             // the first one is a channel
	EveryChannel             // each is
	EveryPattern             // each is a pattern of channels
)

// Handler runs one command. It appends its reply to c.W, or returns an error, which the engine turns into the
// client's error reply; after an error nothing may be half applied. It runs on the executor.
type Handler func(c *Call) error

// Spec is one row of the command table.
type Spec struct {
	Name  string // lower case; of a subcommand, its own word
	Arity int    // as in Redis: negative means at least
	Flags Flag
	// Categories holds the explicit ones; those that follow from Flags are added when the table is built.
	Categories Category
	Keys       []KeySpec
	// GetKeys finds the keys where specs fail, or tell too little of what is done to a key (see FindKeys).
	GetKeys func(argv [][]byte) ([]KeyRef, bool)
	// Channels says which arguments are channels that ACLs are about.
	Channels ChannelArgs
	// FlagsOf, if any, says which flags hold for one argument vector: of a script its text decides.
	FlagsOf func(argv [][]byte) Flag
	Tips    []string
	Sub     []Spec
	Handler Handler

	full  string // "client|kill"
	rules *acl.Command
	stats Stats
	// histogram is how long the command took; nil before the first time.
	histogram *Histogram
	subs      map[string]*Spec
}

// FullName is the command's name with its parent's: "client|kill".
func (s *Spec) FullName() string { return s.full }

// flagsOf are the flags that hold for argv.
func (s *Spec) flagsOf(argv [][]byte) Flag {
	if s.FlagsOf == nil {
		return s.Flags
	}
	return s.FlagsOf(argv)
}

// Stats are the counters INFO commandstats shows for one command.
type Stats struct {
	Calls, Nanos     uint64
	Rejected, Failed uint64
}

// Stats returns the command's counters; the executor may change them.
func (s *Spec) Stats() *Stats { return &s.stats }

// Subcommand returns the row of a subcommand, or nil. The name may be in any case.
func (s *Spec) Subcommand(name []byte) *Spec {
	var buf [64]byte
	low, ok := lower(buf[:], name)
	if !ok {
		return nil
	}
	return s.subs[string(low)]
}

// Table is the set of all commands.
type Table struct {
	byName  map[string]*Spec
	index   nameIndex // of byName
	sorted  []*Spec
	catalog *acl.Catalog // of all commands by their original names

	libraries Libraries
}

// Catalog is what ACL rules can name.
func (t *Table) Catalog() *acl.Catalog { return t.catalog }

// NewTable builds the table from the families' rows. A duplicate or malformed row is our own mistake: it panics.
func NewTable(families ...[]Spec) *Table {
	t := &Table{byName: make(map[string]*Spec)}
	for _, rows := range families {
		for i := range rows {
			s := &rows[i]
			if s.Name == "" || s.Name != strings.ToLower(s.Name) || s.Arity == 0 || (s.Handler == nil && len(s.Sub) == 0) {
				panic(fmt.Sprintf("engine: malformed command row %q", s.Name))
			}
			if t.byName[s.Name] != nil {
				panic(fmt.Sprintf("engine: command %q has two rows", s.Name))
			}
			s.full = s.Name
			finish(s)
			if len(s.Sub) > 0 {
				s.subs = make(map[string]*Spec, len(s.Sub))
				for j := range s.Sub {
					sub := &s.Sub[j]
					if s.subs[sub.Name] != nil || sub.Handler == nil || sub.Arity == 0 {
						panic(fmt.Sprintf("engine: malformed command row %q %q", s.Name, sub.Name))
					}
					sub.full = s.Name + "|" + sub.Name
					finish(sub)
					s.subs[sub.Name] = sub
				}
			}
			t.byName[s.Name] = s
			t.sorted = append(t.sorted, s)
		}
	}
	sort.Slice(t.sorted, func(i, j int) bool { return t.sorted[i].Name < t.sorted[j].Name })
	t.catalog = newCatalog(t.sorted)
	t.index = newNameIndex(t.byName)
	return t
}

// finish derives what follows from a row's flags, as Redis does for its implicit ACL categories.
func finish(s *Spec) {
	if s.Flags&Write != 0 {
		s.Categories |= CatWrite
	}
	if s.Flags&ReadOnly != 0 && s.Categories&CatScripting == 0 {
		s.Categories |= CatRead
	}
	if s.Flags&Admin != 0 {
		s.Categories |= CatAdmin | CatDangerous
	}
	if s.Flags&PubSub != 0 {
		s.Categories |= CatPubSub
	}
	if s.Flags&Fast != 0 {
		s.Categories |= CatFast
	} else {
		s.Categories |= CatSlow
	}
	if s.Flags&Blocking != 0 {
		s.Categories |= CatBlocking
	}
}

// Lookup finds a command by its name in any case, or nil.
func (t *Table) Lookup(name []byte) *Spec { return t.index.find(name) }

// Rename gives a command another name for clients; an empty name takes it away (rename-command). COMMAND and ACL keep the
// original name. It does nothing when there is no such command.
func (t *Table) Rename(from, to string) {
	from, to = strings.ToLower(from), strings.ToLower(to)
	s := t.byName[from]
	if s == nil {
		return
	}
	delete(t.byName, from)
	if to != "" {
		t.byName[to] = s
	}
	t.index = newNameIndex(t.byName)
	if to != "" {
		return
	}
	t.sorted = slices.DeleteFunc(t.sorted, func(o *Spec) bool { return o == s })
}

// All returns every top-level command in order of name.
func (t *Table) All() []*Spec { return t.sorted }

// lower writes the lower-case form of name into buf; no command name is longer than buf.
func lower(buf, name []byte) ([]byte, bool) {
	if len(name) > len(buf) {
		return nil, false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)], true
}

// LegacyRange is the range of keys as first, last and step: what COMMAND INFO showed before there were key specs, and
// still shows beside them. All zero when the command has no keys at fixed places.
func (s *Spec) LegacyRange() (first, last, step int) {
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Keyword != "" || k.KeyNum || k.Unknown {
			continue
		}
		end := k.Last
		if end >= 0 {
			end += k.Index
		}
		if first == 0 {
			first, last, step = k.Index, end, max(k.Step, 1)
			continue
		}
		// Compared unsigned, as Redis does: a range to the end reaches furthest.
		first, last = min(first, k.Index), int(max(uint32(last), uint32(end)))
		if int32(uint32(last)) < 0 {
			last = int(int32(uint32(last)))
		}
	}
	return first, last, step
}
