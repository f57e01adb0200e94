package config

import (
	"fmt"
	"strings"
)

// Access says on whose behalf a parameter is set.
type Access struct {
	// Local: the client came over a unix socket or the loopback interface.
	Local bool
	// Loading: the data set is being loaded.
	Loading bool
}

type hook struct {
	rows []int
	run  func() error
}

// OnApply registers what is to be done when the parameter, or one of the further ones, has got another value by Set. f
// sees the new values in the Store; its error (its text is the cause that the client reads) takes the whole Set back, and
// then f is called once more to go back. A hook runs at most once a Set however many of its parameters changed.
func (s *Store) OnApply(name string, f func() error, further ...string) {
	h := hook{run: f}
	for _, n := range append([]string{name}, further...) {
		i, ok := byName[n]
		if !ok {
			panic("config: no parameter " + n)
		}
		h.rows = append(h.rows, i)
	}
	s.hooks = append(s.hooks, h)
}

// Set changes several parameters or none. The error is a *SetError with the reply.
func (s *Store) Set(pairs []Pair, by Access) error {
	targets, err := s.settable(pairs, by)
	if err != nil {
		return err
	}
	before := make([]value, len(targets))
	for k, i := range targets {
		before[k] = s.values[i]
	}
	restore := func() {
		for k := len(targets) - 1; k >= 0; k-- {
			s.values[targets[k]] = before[k]
		}
		s.refreshLive()
	}
	for k, i := range targets {
		v, err := s.assignSet(i, pairs[k].Value)
		if err != nil {
			restore()
			return failed(spelled(i, pairs[k].Name), err)
		}
		s.values[i] = v
	}
	s.refreshLive()
	if k, err := s.apply(targets, before, restore); err != nil {
		name := spelled(targets[k], pairs[k].Name)
		refusal := failed(name, err)
		refusal.Applied = name
		return refusal
	}
	return nil
}

// settable finds the rows of all pairs and refuses what may not be set at all.
func (s *Store) settable(pairs []Pair, by Access) ([]int, error) {
	targets := make([]int, 0, len(pairs))
	names := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		key := strings.ToLower(p.Name)
		i, ok := byName[key]
		if !ok {
			return nil, &SetError{Text: fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", p.Name)}
		}
		r := &rows[i]
		switch {
		case r.Is(Immutable):
			return nil, failed(p.Name, cause("can't set immutable config"))
		case r.Is(Protected) && !s.protectedAllowed(by):
			return nil, failed(p.Name, cause("can't set protected config"))
		case r.Is(DenyLoading) && by.Loading:
			return nil, &SetError{Text: "LOADING Redis is loading the dataset in memory"}
		case names[key]:
			return nil, failed(p.Name, cause("duplicate parameter"))
		}
		names[key] = true
		targets = append(targets, i)
	}
	return targets, nil
}

func (s *Store) protectedAllowed(by Access) bool {
	switch s.Enum("enable-protected-configs") {
	case "yes":
		return true
	case "local":
		return by.Local
	}
	return false
}

// assignSet reads the one argument that CONFIG SET has for a parameter.
func (s *Store) assignSet(i int, arg string) (value, error) {
	r := &rows[i]
	args := []string{arg}
	if r.Is(Several) {
		args = nil
		if arg != "" {
			args = strings.Split(arg, " ")
		}
	}
	old := s.values[i]
	if r.appends {
		old = value{}
	}
	v, err := s.assign(i, args, old)
	if err == nil && r.atSet != nil {
		return r.atSet(s, v)
	}
	return v, err
}

// apply runs the hooks of all changed rows. When one fails it restores the values, runs those hooks again in reverse and
// returns which target was to blame.
func (s *Store) apply(targets []int, before []value, restore func()) (int, error) {
	done := make([]int, 0, len(s.hooks)) // hooks that ran
	for k, i := range targets {
		if s.values[i].equal(before[k]) && !rows[i].Is(Volatile) {
			continue
		}
	hooks:
		for h := range s.hooks {
			if !contains(s.hooks[h].rows, i) {
				continue
			}
			for _, d := range done {
				if d == h {
					continue hooks
				}
			}
			done = append(done, h)
			if err := s.hooks[h].run(); err != nil {
				restore()
				for d := len(done) - 1; d >= 0; d-- {
					// A failure on the way back has nobody to tell: the hook logs what it could not undo.
					_ = s.hooks[done[d]].run()
				}
				return k, err
			}
		}
	}
	return 0, nil
}

func contains(list []int, n int) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// spelled is the table's spelling of the name by which row i was called.
func spelled(i int, name string) string {
	if strings.EqualFold(name, rows[i].Alias) {
		return rows[i].Alias
	}
	return rows[i].Name
}

func failed(name string, err error) *SetError {
	return &SetError{Text: fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", name, err)}
}
