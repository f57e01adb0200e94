package acl

import (
	"errors"
	"fmt"
	"strings"
)

// ParseFile reads the text of an ACL file. name stands in messages, which are those of Redis: all that is wrong in one
// line of text. The default user is as at first when the file does not name it.
func (s *Users) ParseFile(name, text string) (*Users, error) {
	next := NewUsers(s.catalog)
	next.EveryChannel = s.EveryChannel
	var wrong strings.Builder
	defined := make(map[string]bool)
	for i, line := range strings.Split(cString(text), "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" {
			continue
		}
		place := fmt.Sprintf("%s:%d", name, i+1)
		words := strings.Split(line, " ")
		switch {
		case words[0] != "user" || len(words) < 2:
			wrong.WriteString(place + " should start with user keyword followed by the username. ")
			continue
		case hasSpaces(words[1]):
			wrong.WriteString("'" + place + ": username '" + words[1] + "' contains invalid characters. ")
			continue
		case defined[words[1]]:
			fmt.Fprintf(&wrong, "WARNING: Duplicate user '%s' found on line %d. ", words[1], i+1)
			continue
		}
		defined[words[1]] = true
		u := newUser(s.catalog, words[1], s.EveryChannel)
		wrong.WriteString(next.applyLine(u, place, words[2:]))
		if u.Name == DefaultName {
			next.def.become(u)
		} else {
			next.byName[u.Name] = u
		}
	}
	if wrong.Len() > 0 {
		return nil, errors.New(wrong.String() + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	}
	return next, nil
}

// applyLine executes the rules of one line. Unknown commands are all told, of other errors the first.
func (s *Users) applyLine(u *User, place string, words []string) (wrong string) {
	rules, open := merge(words)
	if open >= 0 {
		return place + ": Unmatched parenthesis in selector definition."
	}
	told := false
	for _, rule := range rules {
		rule = strings.Trim(rule, "\t\r\n")
		err := u.apply(s.catalog, s.EveryChannel, rule)
		switch {
		case errors.Is(err, errUnknown):
			wrong += fmt.Sprintf("%s: Error in applying operation '%s': %s. ", place, rule, err)
		case err != nil && !told:
			wrong += fmt.Sprintf("%s: %s. ", place, err)
			told = true
		}
	}
	return wrong
}

// Replace puts other users in place of all. The default user stays the one it is and becomes what the other is; for each
// other user that was there, moved is called with the one that has the name now, nil when there is none.
func (s *Users) Replace(next *Users, moved func(old, now *User)) {
	s.def.become(next.def)
	old := s.byName
	s.byName = next.byName
	s.byName[DefaultName] = s.def
	for name, u := range old {
		if name != DefaultName {
			moved(u, s.byName[name])
		}
	}
}

// Lines lists all users, in order of name, as they stand in files behind the word "user".
func (s *Users) Lines() []string {
	var lines []string
	for _, u := range s.All() {
		lines = append(lines, u.Name+" "+u.String())
	}
	return lines
}
