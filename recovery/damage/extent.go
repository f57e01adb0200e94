// Package damage names what damaged bytes of a server's file hold: which positions of the stream, and which keys.
//
// What can be brought back is read as its sidecar says it was, so that the names are exact. What is beyond repair is read as it is found,
// around holes (the lost cells): a name that stands in a hole is doubtful, since its bytes may be changed, and where nothing can be read
// there are no names, only a count of bytes. Nothing is loaded or proven here: it is for reports. The package only reads.
package damage

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"unicode/utf8"

	"frankenredis/heal"
	"frankenredis/wal"
)

// Extent is what damaged bytes hold.
type Extent struct {
	Kind Kind       `json:"kind"`
	LSN  *Positions `json:"lsn,omitempty"` // nil: they are no part of the stream, or nothing says which
	// Keys are those whose values or changes stand in damaged bytes, wholly or in part, by their first occurrence. Of a transaction it is all
	// of its keys, since it counts whole or not at all. At most Options.Most are listed; MoreKeys counts the others, and counts one twice
	// if there are more than 100,000.
	Keys     []Key `json:"keys,omitempty"`
	MoreKeys int64 `json:"more_keys,omitempty"`
	// Unread are bytes that nothing could be read from, so there may be keys of which no name is left. UnnamedKeys is how many at
	// least, where the file says how many there should be.
	Unread      []heal.Range `json:"unread,omitempty"`
	UnnamedKeys int64        `json:"unnamed_keys,omitempty"`
	// Other is what else stands there: commands without keys, function libraries, parts of the format, lines of a text.
	Other []string `json:"other,omitempty"`
}

// Kind is what a file is.
type Kind string

// The kinds.
const (
	Snapshot  Kind = "snapshot"  // an RDB file
	Base      Kind = "base"      // of a log
	Increment Kind = "increment" // of a log
	Manifest  Kind = "manifest"
	Companion Kind = "companion" // of a manifest
	Ledger    Kind = "ledger"
	Text      Kind = "text" // configuration, ACL, cluster nodes
	Unknown   Kind = "unknown"
)

// Positions are those that damaged bytes stand for: whole commands, and whole transactions.
type Positions struct {
	From wal.LSN `json:"from"`
	To   wal.LSN `json:"to"` // the same as From for a state
	// State says that the file is the data set at From; else it has the changes between From and To.
	State bool `json:"state,omitempty"`
	// AtMost says that To is a bound, since nothing behind the damage tells its position.
	AtMost bool `json:"at_most,omitempty"`
}

// Key is one key.
type Key struct {
	DB       int
	Name     []byte // at most 1024 bytes of it
	Doubtful bool   // it was read from bytes that are lost, in an RDB also behind some, and may be another
	// DoubtfulDB says that bytes are lost that may have selected another database before it.
	DoubtfulDB bool
}

// Text is the name in printable characters: as it is, or with bytes as \xHH.
func (k Key) Text() string {
	if utf8.Valid(k.Name) && !strings.ContainsFunc(string(k.Name), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return string(k.Name)
	}
	var b strings.Builder
	for _, c := range k.Name {
		if c >= ' ' && c < 0x7f {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// String shows a key for a person; what is doubtful has a question mark behind it.
func (k Key) String() string {
	mark := map[bool]string{true: "?"}
	return fmt.Sprintf("db%d%s %s%s", k.DB, mark[k.DoubtfulDB], strconv.Quote(k.Text()), mark[k.Doubtful])
}

// MarshalJSON shows a key for a program.
func (k Key) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		DB         int    `json:"db"`
		Key        string `json:"key"`
		Doubtful   bool   `json:"doubtful,omitempty"`
		DoubtfulDB bool   `json:"doubtful_db,omitempty"`
	}{k.DB, k.Text(), k.Doubtful, k.DoubtfulDB})
}

// String shows positions for a person.
func (p *Positions) String() string {
	switch {
	case p.State:
		return fmt.Sprintf("the state at LSN %d", p.From)
	case p.AtMost:
		return fmt.Sprintf("LSN %d to at most %d", p.From, p.To)
	}
	return fmt.Sprintf("LSN %d to %d", p.From, p.To)
}

// UnreadBytes is how many bytes nothing could be read from.
func (e *Extent) UnreadBytes() (n int64) {
	for _, g := range e.Unread {
		n += g.Bytes
	}
	return n
}

// KeysText lists the first keys, at most so many, and how many there are besides; "" if there are none.
func (e *Extent) KeysText(most int) string {
	var b strings.Builder
	shown := e.Keys[:min(most, len(e.Keys))]
	for i, k := range shown {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k.String())
	}
	if more := e.MoreKeys + int64(len(e.Keys)-len(shown)); more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// UnreadText says what no name is left of; "" if there is nothing.
func (e *Extent) UnreadText() string {
	n := e.UnreadBytes()
	switch {
	case n == 0:
		return ""
	case e.UnnamedKeys > 0:
		return fmt.Sprintf("%d bytes that cannot be read any more, with at least %d keys", n, e.UnnamedKeys)
	}
	return fmt.Sprintf("%d bytes that cannot be read any more", n)
}

// String is all of it in a line, for logs; it names a few keys.
func (e *Extent) String() string {
	const keys, others = 10, 5
	var parts []string
	if e.LSN != nil {
		parts = append(parts, e.LSN.String())
	}
	if s := e.KeysText(keys); s != "" {
		parts = append(parts, "keys "+s)
	}
	if s := e.UnreadText(); s != "" {
		parts = append(parts, s)
	}
	for i, s := range e.Other {
		if i == others {
			parts = append(parts, fmt.Sprintf("%d more", len(e.Other)-i))
			break
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return "no keys"
	}
	return strings.Join(parts, "; ")
}

const (
	defaultMost = 100
	// maxCounted bounds the keys that are told apart.
	maxCounted = 100_000
	maxOther   = 50
)

var keySeed = maphash.MakeSeed()

// collector fills an Extent.
type collector struct {
	e    *Extent
	most int
	seen map[uint64]int // index in e.Keys; -1: counted
}

func (c *collector) key(k Key) {
	h := maphash.Bytes(keySeed, k.Name) ^ uint64(k.DB)*0x9E3779B97F4A7C15
	if i, ok := c.seen[h]; ok {
		if i >= 0 {
			was := &c.e.Keys[i]
			was.Doubtful, was.DoubtfulDB = was.Doubtful && k.Doubtful, was.DoubtfulDB && k.DoubtfulDB
		}
		return
	}
	i := -1
	if len(c.e.Keys) < c.most {
		i = len(c.e.Keys)
		k.Name = append([]byte(nil), k.Name...)
		c.e.Keys = append(c.e.Keys, k)
	} else {
		c.e.MoreKeys++
	}
	if len(c.seen) < maxCounted {
		c.seen[h] = i
	}
}

func (c *collector) other(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	for _, o := range c.e.Other {
		if o == s {
			return
		}
	}
	if len(c.e.Other) < maxOther {
		c.e.Other = append(c.e.Other, s)
	}
}

// maxUnread bounds the ranges that are listed; what is more joins the last.
const maxUnread = 100

func (c *collector) unread(from, to int64) {
	if n := len(c.e.Unread); n >= maxUnread && to > from {
		from = min(from, c.e.Unread[n-1].Pos)
	}
	if to > from {
		c.e.Unread = append(spans(c.e.Unread), heal.Range{Pos: from, Bytes: to - from}).merged()
	}
}
