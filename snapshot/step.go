package snapshot

// Doing is what a Reader is about to do, or has just done.
type Doing int

// What a Reader does. The first are about to be done, those that begin with Have or Selected are done.
const (
	ReadingHeader Doing = iota
	ReadingType         // the byte that is an opcode or a value type; told again with it
	ReadingExpiry
	ReadingLength // of a database, or its number
	ReadingAux
	ReadingModuleAux
	ReadingFunction
	ReadingKey   // Type is the value's
	ReadingValue // Type, and the key as Name
	ReadingChecksum
	HaveAux    // Name and Value
	HaveModule // Name
	SelectedDB // Number
	HaveKey    // a key with its value; Number is its expiry in Unix milliseconds, or NoExpiry
)

// Step is one thing a Reader comes to. Its bytes are valid during the call only.
type Step struct {
	Doing       Doing
	Pos         int64 // position up to which the input has been used
	Type        byte
	Number      int64
	Name, Value []byte
}

// watch tells the owner, if it wants to know; small enough to be inlined, because it stands in the path of each key.
func (r *Reader) watch(s Step) {
	if r.o.Watch != nil {
		r.tell(s)
	}
}

func (r *Reader) tell(s Step) {
	s.Pos = r.src.pos()
	r.o.Watch(s)
}

// TypeName is what error messages and frctl call a value type; empty if there is none of that number.
func TypeName(typ byte) string { return typeNames[typ] }
