package acl

import "strings"

// RuleError says why a rule was refused, in Redis's words.
type RuleError string

// Error returns the text.
func (e RuleError) Error() string { return string(e) }

// The causes for which rules are refused.
const (
	errUnknown    = RuleError("Unknown command or category name in ACL")
	errSyntax     = RuleError("Syntax error")
	errAfterKeys  = RuleError("Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns")
	errAfterChans = RuleError("Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels")
	errNoPassword = RuleError("The password you are trying to remove from the user does not exist")
	errHash       = RuleError("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")
	errDuplicate  = RuleError("Duplicate user found. A user can only be defined once in config files")
	errFirstArg   = RuleError("Allowing first-arg of a subcommand is not supported")
	errUnmatched  = RuleError("Wrong format")
)

// cString is what C sees of a text: nothing behind a NUL.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// hasSpaces says whether a text holds what may stand neither in names nor in patterns: a blank or a NUL.
func hasSpaces(s string) bool { return strings.ContainsAny(s, " \t\n\v\f\r\x00") }

// merge joins the words of each selector, from "(" to ")", into one. wrong is the index of a "(" that is never closed, -1
// without one.
func merge(words []string) (rules []string, wrong int) {
	open := -1
	selector := ""
	for i, w := range words {
		switch {
		case open < 0 && strings.HasPrefix(w, "(") && !strings.HasSuffix(w, ")"):
			selector, open = w, i
		case open >= 0:
			selector += " " + cString(w)
			if strings.HasSuffix(w, ")") {
				rules, open = append(rules, selector), -1
			}
		default:
			rules = append(rules, w)
		}
	}
	return rules, open
}
