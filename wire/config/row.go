package config

import "strings"

// Flags say who may change a parameter, when, and who sees it.
type Flags uint8

const (
	// Immutable parameters are set by file or command line only.
	Immutable Flags = 1 << iota
	// Hidden parameters answer to their exact name only, never to a pattern.
	Hidden
	// Sensitive values are redacted in SLOWLOG, MONITOR and logs.
	Sensitive
	// Protected parameters need enable-protected-configs (yes, or local and a local client).
	Protected
	// DenyLoading parameters cannot be set while the data set is being loaded.
	DenyLoading
	// Several marks parameters that take several words; CONFIG SET splits its one argument at spaces.
	Several
	// Volatile parameters name a file: setting one acts also when the name stays the same, for the file may be another.
	Volatile
)

// Row is one parameter.
type Row struct {
	Name    string
	Alias   string // the older name, equally valid; "" when there is none
	Default string // as CONFIG GET shows it on a fresh server
	Flags   Flags
	// Pending is the closing criterion of a parameter that is accepted, kept and shown but not yet acted on; "" when the
	// server acts on it.
	Pending string

	kind kind
	// initial is the default in redis.conf syntax.
	initial string
	// check looks at a value that the kind has accepted; its error is the cause a user sees.
	check func(s *Store, v value) error
	// clamp forces a value into the range that Redis silently keeps.
	clamp func(s *Store, v value) value
	// atSet is what Redis does to a value at run time only: refuse it, or keep another one.
	atSet func(s *Store, v value) (value, error)
	// appends: in files, a repeated directive adds to the earlier one (save).
	appends bool
}

// Is tells whether all flags of f are set.
func (r *Row) Is(f Flags) bool { return r.Flags&f == f }

// Kind names the type of the parameter's value: bool, int, memory, percent, octal, enum, string or special.
func (r *Row) Kind() string { return r.kind.name() }

// Range returns the smallest and largest number of a numeric parameter; of a percentage the smallest is negative.
// ok is false for other kinds. An unsigned maximum beyond int64 shows as -1.
func (r *Row) Range() (lo, hi int64, ok bool) {
	n, ok := r.kind.(number)
	return n.lo, n.hi, ok
}

// Words returns what an enum accepts, nil for other kinds.
func (r *Row) Words() []string {
	if e, ok := r.kind.(enum); ok {
		return append([]string(nil), e.words...)
	}
	return nil
}

// Ours tells the parameters that Redis does not know.
func (r *Row) Ours() bool { return strings.HasPrefix(r.Name, "fr-") }

// value is a parameter's typed value; the kind says which field counts.
type value struct {
	n    int64    // bool (0, 1), number, enum (index, or bits of flag words)
	s    string   // string
	list []string // special: its normalised elements
}

func (v value) equal(w value) bool {
	if v.n != w.n || v.s != w.s || len(v.list) != len(w.list) {
		return false
	}
	for i := range v.list {
		if v.list[i] != w.list[i] {
			return false
		}
	}
	return true
}

// line is one line that CONFIG REWRITE makes for a parameter.
type line struct {
	text string
	// force writes it even where the file had no such directive.
	force bool
}

// kind is what the parameters of one type share.
type kind interface {
	name() string
	// parse reads a directive's arguments. old is what special kinds add to or overlay.
	parse(args []string, old value) (value, error)
	// show returns the form CONFIG GET answers.
	show(v value) string
	// lines returns what CONFIG REWRITE writes.
	lines(name string, v, def value) []line
}

// cause is the reason why a value is refused, in Redis's words.
type cause string

func (c cause) Error() string { return string(c) }

const errArgCount = cause("wrong number of arguments")
