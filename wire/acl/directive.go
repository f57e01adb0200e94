package acl

import (
	"errors"
	"fmt"
)

// DirectiveCheck returns what looks at each user directive of a configuration while it is read; words are those behind
// "user". A command or category that is not known is an error only when the user is made (see Define). wrong is the index
// of the word to name, -1 for "user" itself: Redis miscounts by two, and so does this.
func DirectiveCheck(c *Catalog) func(words []string) (wrong int, err error) {
	seen := make(map[string]bool)
	return func(words []string) (int, error) {
		if seen[words[0]] {
			return 0, errDuplicate
		}
		rules, open := merge(words[1:])
		if open >= 0 {
			return open - 1, errUnmatched
		}
		u := newUser(c, words[0], false)
		for i, rule := range rules {
			if err := u.apply(c, false, rule); err != nil && !errors.Is(err, errUnknown) {
				return i - 1, err
			}
		}
		seen[words[0]] = true
		return 0, nil
	}
}

// Define makes the user of a directive that was checked; the default user is made anew. The error is what the log says.
func (s *Users) Define(words []string) (*User, error) {
	name := words[0]
	if hasSpaces(name) {
		return nil, errors.New("Spaces not allowed in ACL usernames")
	}
	rules, _ := merge(words[1:])
	u := newUser(s.catalog, name, s.EveryChannel)
	for _, rule := range rules {
		if err := u.apply(s.catalog, s.EveryChannel, rule); err != nil {
			return nil, fmt.Errorf("Error loading ACL rule '%s' for the user named '%s': %w", cString(rule), name, err)
		}
	}
	if name == DefaultName {
		s.def.become(u)
		return s.def, nil
	}
	s.byName[name] = u
	return u, nil
}
