package acl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"

	"frankenredis/wire/resp"
)

// User is one user. Sessions keep a pointer to theirs: changes act on them at once.
type User struct {
	Name string

	on           bool
	anyPassword  bool
	skipSanitize bool
	passwords    []string    // SHA-256, lower-case hex
	selectors    []*selector // the first is the root
	unlimited    bool
}

// newUser returns a user who can do nothing.
func newUser(c *Catalog, name string, everyChannel bool) *User {
	return &User{Name: name, selectors: []*selector{newSelector(c, everyChannel)}}
}

// Unlimited says that a selector refuses nothing: there is no need to ask Check. So it is for nil, who is nobody.
func (u *User) Unlimited() bool { return u == nil || u.unlimited }

// Enabled says whether one can log in as this user.
func (u *User) Enabled() bool { return u.on }

// AnyPassword says whether every password is taken.
func (u *User) AnyPassword() bool { return u.anyPassword }

// Accepts says whether one may log in with a password. The time it takes tells nothing about how alike passwords are.
func (u *User) Accepts(password []byte) bool {
	if !u.on || u.anyPassword {
		return u.on
	}
	hash := []byte(hashOf(password))
	match := 0
	for _, p := range u.passwords {
		match |= subtle.ConstantTimeCompare(hash, []byte(p))
	}
	return match == 1
}

func hashOf(password []byte) string {
	sum := sha256.Sum256(password)
	return hex.EncodeToString(sum[:])
}

// become makes u what v is, but for the name.
func (u *User) become(v *User) {
	name := u.Name
	*u = *v.clone()
	u.Name = name
}

func (u *User) clone() *User {
	n := *u
	n.passwords = slices.Clone(u.passwords)
	n.selectors = make([]*selector, len(u.selectors))
	for i, s := range u.selectors {
		n.selectors[i] = s.clone()
	}
	return &n
}

// apply executes one rule; everyChannel is where reset leaves the channels. After an error the user may be half changed.
func (u *User) apply(c *Catalog, everyChannel bool, rule string) error {
	if rule == "" {
		return nil
	}
	err := u.change(c, everyChannel, rule)
	u.unlimited = slices.ContainsFunc(u.selectors, (*selector).everything)
	return err
}

func (u *User) change(c *Catalog, everyChannel bool, rule string) error {
	switch low := strings.ToLower(cString(rule)); {
	case low == "on":
		u.on = true
	case low == "off":
		u.on = false
	case low == "nopass":
		u.anyPassword, u.passwords = true, nil
	case low == "resetpass":
		u.anyPassword, u.passwords = false, nil
	case low == "skip-sanitize-payload":
		u.skipSanitize = true
	case low == "sanitize-payload":
		u.skipSanitize = false
	case low == "clearselectors":
		u.selectors = u.selectors[:1]
	case low == "reset":
		*u = *newUser(c, u.Name, everyChannel)
	case strings.ContainsRune(">#<!", rune(rule[0])):
		return u.changePassword(rule[0], rule[1:])
	case rule[0] == '(' && rule[len(rule)-1] == ')':
		s := newSelector(c, everyChannel)
		words, _ := resp.SplitWords(rule[1 : len(rule)-1]) // with open quotes there are none, as in Redis
		for _, w := range words {
			if w == "" {
				return errSyntax
			}
			if err := s.apply(c, w); err != nil {
				return err
			}
		}
		u.selectors = append(u.selectors, s)
	default:
		return u.selectors[0].apply(c, rule)
	}
	return nil
}

// changePassword adds ('>' in the clear, '#' hashed) or removes ('<', '!') a password.
func (u *User) changePassword(op byte, password string) error {
	if op == '>' || op == '<' {
		password = hashOf([]byte(password))
	} else if len(password) != 2*sha256.Size || strings.Trim(password, "0123456789abcdef") != "" {
		return errHash
	}
	at := slices.Index(u.passwords, password)
	switch {
	case op == '<' || op == '!':
		if at < 0 {
			return errNoPassword
		}
		u.passwords = slices.Delete(u.passwords, at, at+1)
	case at < 0:
		u.passwords = append(u.passwords, password)
	}
	if op == '>' || op == '#' {
		u.anyPassword = false
	}
	return nil
}

// Flags lists the user's own switches.
func (u *User) Flags() []string {
	flags := []string{"off"}
	if u.on {
		flags[0] = "on"
	}
	if u.anyPassword {
		flags = append(flags, "nopass")
	}
	if u.skipSanitize {
		return append(flags, "skip-sanitize-payload")
	}
	return append(flags, "sanitize-payload")
}

// Passwords lists the hashes of the passwords taken.
func (u *User) Passwords() []string { return u.passwords }

// Permissions describes one selector.
type Permissions struct{ Commands, Keys, Channels string }

// Permissions describes all selectors, the root first.
func (u *User) Permissions() []Permissions {
	out := make([]Permissions, len(u.selectors))
	for i, s := range u.selectors {
		out[i] = Permissions{s.describeCommands(), s.describeKeys(), s.describeChannels()}
	}
	return out
}

// String is the rules that make the user, the way ACL LIST shows it: "on nopass ...".
func (u *User) String() string {
	words := u.Flags()
	for _, p := range u.passwords {
		words = append(words, "#"+p)
	}
	words = append(words, u.selectors[0].describe())
	for _, s := range u.selectors[1:] {
		words = append(words, "("+s.describe()+")")
	}
	return strings.Join(words, " ")
}
