package acl

import (
	"fmt"
	"slices"
)

// DefaultName is the user of clients that have not logged in. It always exists.
const DefaultName = "default"

// Users are all users.
type Users struct {
	// EveryChannel is where new users begin: all channels or none (acl-pubsub-default).
	EveryChannel bool

	catalog *Catalog
	byName  map[string]*User
	def     *User
}

// NewUsers returns the default user alone, who can do everything and needs no password.
func NewUsers(c *Catalog) *Users {
	u := &Users{catalog: c, byName: make(map[string]*User)}
	u.def = u.openDefault()
	u.byName[DefaultName] = u.def
	return u
}

// openDefault is the default user of a server that nothing was configured for.
func (s *Users) openDefault() *User {
	u := newUser(s.catalog, DefaultName, true)
	for _, rule := range []string{"on", "nopass", "~*", "+@all"} {
		if err := u.apply(s.catalog, true, rule); err != nil {
			panic(err)
		}
	}
	return u
}

// Catalog is what rules can name.
func (s *Users) Catalog() *Catalog { return s.catalog }

// Default is the default user; it is the same one for ever.
func (s *Users) Default() *User { return s.def }

// Get returns a user, or nil.
func (s *Users) Get(name string) *User { return s.byName[name] }

// All lists the users in order of name.
func (s *Users) All() []*User {
	all := make([]*User, 0, len(s.byName))
	for _, u := range s.byName {
		all = append(all, u)
	}
	slices.SortFunc(all, byName)
	return all
}

func byName(a, b *User) int {
	switch {
	case a.Name < b.Name:
		return -1
	case a.Name > b.Name:
		return 1
	}
	return 0
}

// Set is ACL SETUSER: all rules are executed, or after an error none. A user that is not there is made. before is called
// with the user as it is and as it will be, unless it is new.
func (s *Users) Set(name string, words []string, before func(now, then *User)) error {
	rules, wrong := merge(words)
	if wrong >= 0 {
		return fmt.Errorf("Unmatched parenthesis in acl selector starting at '%s'.", cString(words[wrong]))
	}
	u := s.byName[name]
	then := newUser(s.catalog, name, s.EveryChannel)
	if u != nil {
		then = u.clone()
	}
	for _, rule := range rules {
		if err := then.apply(s.catalog, s.EveryChannel, rule); err != nil {
			return fmt.Errorf("Error in ACL SETUSER modifier '%s': %s", cString(rule), err)
		}
	}
	if u == nil {
		s.byName[name] = then
		return nil
	}
	before(u, then)
	u.become(then)
	return nil
}

// Delete removes a user and returns it, or nil when there is none. The default user is not to be removed.
func (s *Users) Delete(name string) *User {
	u := s.byName[name]
	delete(s.byName, name)
	return u
}

// SetPassword makes password the only one of the default user, or with "" lets everybody in (requirepass).
func (s *Users) SetPassword(password string) {
	s.def.passwords, s.def.anyPassword = nil, password == ""
	if password != "" {
		s.def.passwords = []string{hashOf([]byte(password))}
	}
}

// NameAllowed says whether a user may have this name.
func NameAllowed(name string) bool { return !hasSpaces(name) }
