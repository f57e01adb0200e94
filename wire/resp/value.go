package resp

// Kind is the type of a reply: the byte it begins with.
type Kind byte

// RESP2 knows the first five kinds, RESP3 all.
const (
	SimpleKind    Kind = '+'
	ErrorKind     Kind = '-'
	IntKind       Kind = ':'
	BulkKind      Kind = '$'
	ArrayKind     Kind = '*'
	NullKind      Kind = '_'
	BoolKind      Kind = '#'
	DoubleKind    Kind = ','
	BigKind       Kind = '('
	BulkErrorKind Kind = '!'
	VerbatimKind  Kind = '='
	MapKind       Kind = '%'
	SetKind       Kind = '~'
	PushKind      Kind = '>'

	// attributeKind begins what goes before a reply; no Value a caller sees has it.
	attributeKind Kind = '|'
)

// Value is one reply of a server. It owns its memory.
type Value struct {
	Kind Kind
	// Null marks $-1, *-1 and _, which Kind tells apart.
	Null  bool
	Bool  bool
	Int   int64
	Float float64
	// Str is the text of strings, of errors (with their code), of big numbers, and of doubles as the server wrote them.
	Str string
	// Format is the word of three letters that says what a verbatim string is.
	Format string
	// Elems are the elements of an array, set or push; of a map key, value, key, value and so on.
	Elems []Value
	// Attributes are keys and values, in turn, that the server sent ahead of this reply.
	Attributes []Value
}

// Err returns the reply as an error if the server sent it as one, and nil otherwise. It does not look at elements.
func (v Value) Err() error {
	if v.Kind == ErrorKind || v.Kind == BulkErrorKind {
		return ReplyError(v.Str)
	}
	return nil
}

// ReplyError is an error a server replied: its code, a space, and the text.
type ReplyError string

func (e ReplyError) Error() string { return string(e) }
