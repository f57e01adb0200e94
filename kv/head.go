package kv

import "frankenredis/kv/arena"

// head is the first word of an entry; the package comment draws it.
type head uint64

const (
	typeBits, typeShift     = 3, 0
	encBits, encShift       = 4, 3
	flagVolatile            = head(1) << 7 // word 1 is the expiry
	flagBigKey              = head(1) << 8 // the key is a blob: bigKeyWords words, no inline key
	flagBigValue            = head(1) << 9 // the value is a blob: blobWords words, no inline value
	wordsBits, wordsShift   = 4, 10
	keyLenBits, keyLenShift = 12, 14
	valLenBits, valLenShift = 14, 26
	accessBits, accessShift = 24, 40

	accessMask = head(1<<accessBits-1) << accessShift
)

const (
	blobWords   = 3             // a blob's descriptor
	bigKeyWords = blobWords + 1 // a key blob's descriptor, then the key's hash

	// maxEntry is the longest entry in bytes. What does not fit goes into blobs.
	maxEntry = arena.MaxBlock
	// maxInlineKey is the longest key kept in the entry, in bytes; it leaves room for every word an entry can have.
	maxInlineKey = min(1<<keyLenBits-1, maxEntry-8*16)
	// maxInlineValue is the longest value the header can describe, in bytes.
	maxInlineValue = 1<<valLenBits - 1
)

func (h head) typ() Type      { return Type(h >> typeShift & (1<<typeBits - 1)) }
func (h head) enc() Encoding  { return Encoding(h >> encShift & (1<<encBits - 1)) }
func (h head) volatile() bool { return h&flagVolatile != 0 }
func (h head) bigKey() bool   { return h&flagBigKey != 0 }
func (h head) bigValue() bool { return h&flagBigValue != 0 }

// words counts the 8-byte words before the inline key, the header included.
func (h head) words() int     { return int(h >> wordsShift & (1<<wordsBits - 1)) }
func (h head) keyLen() int    { return int(h >> keyLenShift & (1<<keyLenBits - 1)) }
func (h head) valLen() int    { return int(h >> valLenShift & (1<<valLenBits - 1)) }
func (h head) access() uint32 { return uint32(h >> accessShift) }

// size is the length of the entry in bytes.
func (h head) size() int { return 8*h.words() + h.keyLen() + h.valLen() }

// keyWord is the index of a big key's first word.
func (h head) keyWord() int {
	if h.volatile() {
		return 2
	}
	return 1
}

// valueWord is the index of the first word of a value that has words.
func (h head) valueWord() int {
	if h.bigKey() {
		return h.keyWord() + bigKeyWords
	}
	return h.keyWord()
}

func (h head) withAccess(access uint32) head {
	return h&^accessMask | head(access)<<accessShift
}

func (h head) withEnc(e Encoding) head {
	return h&^((1<<encBits-1)<<encShift) | head(e)<<encShift
}

func (h head) withValLen(n int) head {
	return h&^((1<<valLenBits-1)<<valLenShift) | head(n)<<valLenShift
}

// withVolatile is h with or without the expiry word.
func (h head) withVolatile(v bool) head {
	switch {
	case v && !h.volatile():
		return (h | flagVolatile) + 1<<wordsShift
	case !v && h.volatile():
		return (h &^ flagVolatile) - 1<<wordsShift
	}
	return h
}

// isInt says that the value is one word holding an integer.
func (h head) isInt() bool { return h.typ() == String && h.enc() == Int }

// isTable says that the value is a table's words, see table.go.
func (h head) isTable() bool { return h.enc() >= Hashtable }

// word addresses word i of the entry at r.
func word(r arena.Ref, i int) arena.Ref { return r + arena.Ref(8*i) }
