package config

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"frankenredis/wire/glob"
)

// Store holds the value of every parameter. It is not safe for concurrent use: after start the executor goroutine owns it.
type Store struct {
	Live Live

	values []value // by row
	hooks  []hook
	// file is the absolute path of the configuration file, "" when there is none.
	file string
	// renames and users are directives that are no parameters.
	renames  []Rename
	users    []User
	sentinel []SentinelLine
}

// Pair is a parameter's name as asked for, and its value.
type Pair struct{ Name, Value string }

// Rename is one rename-command directive. An empty To removes the command.
type Rename struct{ From, To string }

// User is one user directive: its words without the leading "user".
type User struct{ Words []string }

// Defaults returns a store in which every parameter has its default and dir is the process's working directory.
func Defaults() *Store {
	s := &Store{values: make([]value, len(rows))}
	for i := range rows {
		if rows[i].Name == "dir" {
			s.values[i] = value{s: WorkingDir()}
			continue
		}
		v, err := rows[i].parseInitial()
		if err != nil {
			panic(err) // buildRows has parsed it before
		}
		s.values[i] = v
	}
	s.refreshLive()
	return s
}

// WorkingDir is the process's working directory as the kernel names it, also where this user may not look into it (a server that root starts
// as another user from its own home); "." if it has been removed.
func WorkingDir() string {
	dir, err := unix.Getwd()
	if err != nil || !filepath.IsAbs(dir) { // "(unreachable)..." outside of a changed root
		return "."
	}
	return dir
}

// at returns the row and value of a parameter; an unknown name is a mistake in the program.
func (s *Store) at(name string) (*Row, value) {
	i, ok := byName[name]
	if !ok {
		panic("config: no parameter " + strconv.Quote(name))
	}
	return &rows[i], s.values[i]
}

func (s *Store) is(name, kinds string) value {
	r, v := s.at(name)
	if !strings.Contains(kinds, r.Kind()) {
		panic(fmt.Sprintf("config: %s is of kind %s, not %s", name, r.Kind(), kinds))
	}
	return v
}

// Bool returns a yes or no.
func (s *Store) Bool(name string) bool { return s.is(name, "bool").n != 0 }

// Int returns an integer; a percentage is negative.
func (s *Store) Int(name string) int64 { return s.is(name, "int octal percent").n }

// Bytes returns an amount of memory, at most the largest int64.
func (s *Store) Bytes(name string) int64 {
	if n := s.is(name, "memory").n; n >= 0 {
		return n
	}
	return math.MaxInt64
}

// Enum returns the word (or words, with spaces between) that an enum stands at.
func (s *Store) Enum(name string) string {
	s.is(name, "enum")
	return s.String(name)
}

// Has tells whether a combinable enum (shutdown-on-sigterm) contains word.
func (s *Store) Has(name, word string) bool {
	return slices.Contains(strings.Fields(s.Enum(name)), word)
}

// String returns any parameter in the form CONFIG GET shows.
func (s *Store) String(name string) string {
	r, v := s.at(name)
	return r.kind.show(v)
}

// Strings returns the elements of a list (bind, save, latency-tracking-info-percentiles, replicaof).
func (s *Store) Strings(name string) []string { return slices.Clone(s.is(name, "special").list) }

// Path returns a file name parameter as an absolute path, relative names standing below dir; "" when it is not set.
func (s *Store) Path(name string) string {
	p := s.is(name, "string").s
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(s.String("dir"), p)
}

// SavePoint is one condition of save: so many changes within so many seconds.
type SavePoint struct {
	Seconds int64
	Changes int64
}

// SavePoints returns the conditions for saving; none means that the server does not save by itself.
func (s *Store) SavePoints() []SavePoint {
	_, v := s.at("save")
	out := make([]SavePoint, 0, len(v.list)/2)
	for i := 0; i+1 < len(v.list); i += 2 {
		seconds, _ := strconv.ParseInt(v.list[i], 10, 64)
		changes, _ := strconv.ParseInt(v.list[i+1], 10, 64)
		out = append(out, SavePoint{seconds, changes})
	}
	return out
}

// OutputLimit is one class of client-output-buffer-limit; zeros mean no limit.
type OutputLimit struct {
	Hard, Soft  int64 // bytes
	SoftSeconds int64
}

// OutputLimit returns the limits of class normal, slave or pubsub.
func (s *Store) OutputLimit(class string) OutputLimit {
	i := slices.Index(clientClasses[:], class)
	if i < 0 {
		panic("config: no client class " + strconv.Quote(class))
	}
	_, v := s.at("client-output-buffer-limit")
	number := func(t string) int64 {
		n, err := strconv.ParseUint(t, 10, 64)
		if err != nil || n > math.MaxInt64 {
			return math.MaxInt64
		}
		return int64(n)
	}
	return OutputLimit{number(v.list[i*3]), number(v.list[i*3+1]), number(v.list[i*3+2])}
}

// events returns a set of keyspace notification classes.
func (s *Store) events(name string) EventSet {
	_, v := s.at(name)
	return EventSet(v.n)
}

// LowerMaxClients sets maxclients to what the system allows when that is less than was asked for. No hook runs.
func (s *Store) LowerMaxClients(n int) {
	i := byName["maxclients"]
	s.values[i].n = min(s.values[i].n, int64(max(n, 1)))
	s.refreshLive()
}

// SetPrimary is what REPLICAOF changes: the server whose replica this one is; host "": none.
func (s *Store) SetPrimary(host string, port int) {
	v := &s.values[byName["replicaof"]]
	if v.list = nil; host != "" {
		v.list = []string{host, strconv.Itoa(port)}
	}
}

// IsSensitive says whether a parameter's value must not be shown in what others see of commands.
func IsSensitive(name string) bool {
	i, ok := byName[strings.ToLower(name)]
	return ok && rows[i].Is(Sensitive)
}

// File returns the absolute path of the configuration file, "" without one.
func (s *Store) File() string { return s.file }

// Renames returns the rename-command directives in order.
func (s *Store) Renames() []Rename { return slices.Clone(s.renames) }

// Users returns the user directives in order.
func (s *Store) Users() []User { return slices.Clone(s.users) }

// Unserved returns the parameters that stand away from their default although the server does not act on them yet. Those
// marked Refuse are reason enough not to start.
func (s *Store) Unserved() []Row {
	var out []Row
	for i := range rows {
		if r := &rows[i]; r.Pending != "" && r.kind.show(s.values[i]) != r.Default {
			out = append(out, *r)
		}
	}
	return out
}

// Get returns the parameters whose names match any of the patterns, each once. A name without *, ? and [ is looked up as
// it is, finds hidden parameters too and comes back in the caller's spelling. Aliases count as names of their own.
func (s *Store) Get(patterns []string) []Pair {
	var out []Pair
	seen := make(map[string]bool)
	add := func(i int, name string) {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			out = append(out, Pair{name, rows[i].kind.show(s.values[i])})
		}
	}
	for _, p := range patterns {
		if !strings.ContainsAny(p, "[*?") {
			if i, ok := byName[strings.ToLower(p)]; ok {
				add(i, p)
			}
			continue
		}
		for i := range rows {
			r := &rows[i]
			if r.Is(Hidden) {
				continue
			}
			for _, name := range [...]string{r.Name, r.Alias} {
				if name != "" && glob.Match([]byte(p), []byte(name), true) {
					add(i, name)
				}
			}
		}
	}
	return out
}

// assign reads args into row i and returns the value; the store is not changed.
func (s *Store) assign(i int, args []string, old value) (value, error) {
	r := &rows[i]
	v, err := r.kind.parse(args, old)
	if err == nil && r.check != nil {
		err = r.check(s, v)
	}
	if err != nil {
		return value{}, err
	}
	if r.clamp != nil {
		v = r.clamp(s, v)
	}
	if _, ok := r.kind.(directory); ok {
		v.s, err = s.enter(v.s)
	}
	return v, err
}

// enter resolves a directory against the present one and makes sure that the process could work there.
func (s *Store) enter(dir string) (string, error) {
	if dir == "" {
		return "", cause(ErrnoText(syscall.ENOENT))
	}
	if !filepath.IsAbs(dir) {
		_, now := s.at("dir")
		dir = filepath.Join(now.s, dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", cause(ErrnoText(err))
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return "", cause(ErrnoText(err))
	case !info.IsDir():
		return "", cause(ErrnoText(syscall.ENOTDIR))
	}
	const searchable = 1 // X_OK
	if err := syscall.Access(real, searchable); err != nil {
		return "", cause(ErrnoText(err))
	}
	return real, nil
}
