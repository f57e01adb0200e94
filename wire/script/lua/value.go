package lua

import (
	"math"
	"strconv"
	"unsafe"
)

// Kind is the type of a value as scripts see it.
type Kind uint8

// The kinds; nil is the zero Value.
const (
	KindNil Kind = iota
	KindBool
	KindNumber
	KindString
	KindTable
	KindFunction
	KindUserdata
	KindThread
)

var kindNames = [...]string{"nil", "boolean", "number", "string", "table", "function", "userdata", "thread"}

// String is the name that type() returns.
func (k Kind) String() string { return kindNames[k] }

// header begins everything a Value may refer to, so that the kind is one load away.
type header struct {
	kind Kind
	flag bool   // Closure: written in Go; Table: read-only
	mark uint16 // the trace that has counted this object last, see memory.go
}

// What values without an object of their own refer to.
var (
	numberTag = header{kind: KindNumber}
	trueTag   = header{kind: KindBool}
	falseTag  = header{kind: KindBool}
)

// Value is any value of a script, in two words: numbers are held here and cost no memory elsewhere. The zero Value is nil.
//
// ref is nil, the address of one of the tags above, or a *String, *Table, *Closure, *Userdata or *State; num counts
// only under numberTag. Only this file converts ref.
type Value struct {
	ref unsafe.Pointer
	num float64
}

// Nil is nil; so is the zero Value.
var Nil = Value{}

// Bool is true or false.
func Bool(b bool) Value {
	if b {
		return Value{ref: unsafe.Pointer(&trueTag)}
	}
	return Value{ref: unsafe.Pointer(&falseTag)}
}

// Number is a number.
func Number(n float64) Value { return Value{unsafe.Pointer(&numberTag), n} }

// Int is the number i, rounded beyond 2^53.
func Int(i int) Value { return Value{unsafe.Pointer(&numberTag), float64(i)} }

// Value returns t as a value.
func (t *Table) Value() Value { return Value{ref: unsafe.Pointer(t)} }

// Value returns s as a value.
func (s *String) Value() Value { return Value{ref: unsafe.Pointer(s)} }

// Value returns c as a value.
func (c *Closure) Value() Value { return Value{ref: unsafe.Pointer(c)} }

// Value returns u as a value.
func (u *Userdata) Value() Value { return Value{ref: unsafe.Pointer(u)} }

// threadValue returns a coroutine as a value.
func (l *State) threadValue() Value { return Value{ref: unsafe.Pointer(l)} }

// Kind returns the type of v.
func (v Value) Kind() Kind {
	if v.ref == nil {
		return KindNil
	}
	return (*header)(v.ref).kind
}

// IsNil reports whether v is nil.
func (v Value) IsNil() bool { return v.ref == nil }

// IsTrue reports whether v counts as true: everything but nil and false does.
func (v Value) IsTrue() bool { return v.ref != nil && v.ref != unsafe.Pointer(&falseTag) }

// IsNumber reports whether v is a number; strings that look like one are not.
func (v Value) IsNumber() bool { return v.ref == unsafe.Pointer(&numberTag) }

// Number returns the number v is, or false.
func (v Value) Number() (float64, bool) { return v.num, v.ref == unsafe.Pointer(&numberTag) }

// Text returns the string v is, or false. Numbers are not converted, see [State.ToString].
func (v Value) Text() (string, bool) {
	if v.Kind() == KindString {
		return (*String)(v.ref).text, true
	}
	return "", false
}

// Table returns the table v is, or nil.
func (v Value) Table() *Table {
	if v.ref != nil && (*header)(v.ref).kind == KindTable {
		return (*Table)(v.ref)
	}
	return nil
}

// Closure returns the function v is, or nil.
func (v Value) Closure() *Closure {
	if v.ref != nil && (*header)(v.ref).kind == KindFunction {
		return (*Closure)(v.ref)
	}
	return nil
}

// Userdata returns the host's object v is, or nil.
func (v Value) Userdata() *Userdata {
	if v.Kind() == KindUserdata {
		return (*Userdata)(v.ref)
	}
	return nil
}

func (v Value) isString() bool { return v.ref != nil && (*header)(v.ref).kind == KindString }

// string is for values known to be strings.
func (v Value) string() *String { return (*String)(v.ref) }

func (v Value) thread() *State {
	if v.Kind() == KindThread {
		return (*State)(v.ref)
	}
	return nil
}

// address is what tostring shows of an object and hashes it by. Go does not move objects.
func (v Value) address() uintptr { return uintptr(v.ref) }

// Equal reports whether v and w are the same value, without asking metamethods.
func (v Value) Equal(w Value) bool {
	if v.ref == w.ref {
		return v.num == w.num || v.ref != unsafe.Pointer(&numberTag)
	}
	if v.isString() && w.isString() {
		return v.string().equal(w.string())
	}
	return false
}

// Address is where the object v is lies, as describe prints it; 0 for the host's null pointer.
func (v Value) Address() uintptr {
	if u := v.Userdata(); u != nil && u.Data == nil {
		return 0
	}
	return v.address()
}

// setNumber makes r the number n; a register that holds a number already needs no write barrier.
func (r *Value) setNumber(n float64) {
	if r.ref == unsafe.Pointer(&numberTag) {
		r.num = n
		return
	}
	*r = Value{unsafe.Pointer(&numberTag), n}
}

// String is an immutable string of bytes with its hash.
type String struct {
	header
	hash uint32 // 0 is not computed yet
	text string
}

// equal compares contents; equal strings are often one object, see intern.
func (s *String) equal(o *String) bool {
	return s == o || (len(s.text) == len(o.text) && s.hashed() == o.hashed() && s.text == o.text)
}

// hashed is the hash that decides in which order tables are walked. It is the one of Lua 5.1, since scripts show that
// order to clients: cjson.encode writes the fields of an object in it. As in Redis it reads all of a string, where the
// original skips parts of long ones.
func (s *String) hashed() uint32 {
	if s.hash == 0 {
		h := hashText(s.text)
		if h == 0 {
			return 0
		}
		s.hash = h
	}
	return s.hash
}

func hashText(text string) uint32 {
	h := uint32(len(text))
	for i := len(text) - 1; i >= 0; i-- {
		h ^= h<<5 + h>>2 + uint32(text[i])
	}
	return h
}

// Userdata is an object of the host that scripts can hold and hand back, but not look into.
type Userdata struct {
	header
	Data any
	meta *Table
}

// describe is how tostring shows a value that has no text of its own: its kind and address.
func (v Value) describe() string {
	if u := v.Userdata(); u != nil && u.Data == nil {
		return "userdata: (nil)" // C's null pointer
	}
	return v.Kind().String() + ": 0x" + strconv.FormatUint(uint64(v.address()), 16)
}

// toNumber is the number v is or, being a string, reads as.
func (v Value) toNumber() (float64, bool) {
	if v.IsNumber() {
		return v.num, true
	}
	if v.isString() {
		return ParseNumber(v.string().text)
	}
	return 0, false
}

// toText is the string v is or, being a number, prints as.
func (v Value) toText() (string, bool) {
	if v.isString() {
		return v.string().text, true
	}
	if v.IsNumber() {
		return FormatNumber(v.num), true
	}
	return "", false
}

// truncate converts as C does on x86-64: out of range and not a number become the smallest integer.
func truncate(f float64) int64 {
	if f >= -0x1p63 && f < 0x1p63 {
		return int64(f)
	}
	return math.MinInt64
}
