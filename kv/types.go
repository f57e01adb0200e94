package kv

import "errors"

// ErrWrongType reports a command for one type of value on a key that holds another.
var ErrWrongType = errors.New("kv: key holds another type of value")

// Millis is a Unix time, or a span of time, in milliseconds.
type Millis int64

// Type is the type of a value, numbered as in Redis, but for Stream: Redis has modules' types before it.
type Type uint8

// The types of values.
const (
	String Type = iota
	List
	Set
	ZSet
	Hash
	Stream
)

// String is the word the TYPE command replies.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case List:
		return "list"
	case Set:
		return "set"
	case ZSet:
		return "zset"
	case Hash:
		return "hash"
	case Stream:
		return "stream"
	}
	return "unknown"
}

// Encoding is how a value is represented, as OBJECT ENCODING shows it.
type Encoding uint8

// The encodings. Raw and Embstr hold the same bytes; they differ in what Redis would show. Listpack and Intset are packed:
// the value is one byte string in Redis's own format. From Hashtable on a value lives in tables (table.go).
const (
	Raw Encoding = iota
	Int
	Embstr
	Listpack
	Intset
	Hashtable
	Quicklist
	Skiplist
	StreamTree
)

// String is the word OBJECT ENCODING replies.
func (e Encoding) String() string {
	switch e {
	case Raw:
		return "raw"
	case Int:
		return "int"
	case Embstr:
		return "embstr"
	case Listpack:
		return "listpack"
	case Intset:
		return "intset"
	case Hashtable:
		return "hashtable"
	case Quicklist:
		return "quicklist"
	case Skiplist:
		return "skiplist"
	case StreamTree:
		return "stream"
	}
	return "unknown"
}

// embstrMax is the longest string Redis keeps in one block with its object header, in bytes.
const embstrMax = 44
