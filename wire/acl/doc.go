// Package acl says who may do what: users with passwords and rules, the check of one command against them, the text forms
// of both (ACL LIST, user directives, ACL files), and the log of what was refused.
//
// It knows commands only as a Catalog that its user hands in: names, categories, subcommands. All of it belongs to the
// executor; nothing here is safe for concurrent use.
//
// # Rules
//
// A user has one root selector and any number of further ones; a command is allowed when one of them allows all of it: the
// command, each of its keys and each of its channels. Which commands a selector allows is a set of bits; the rules that
// made it are kept beside it, for they cannot be told from the bits. A rule replaces earlier ones about the same command
// or category.
//
// # ACL file
//
// Text, a user on each line: "user", the name and the rules, with single spaces between. Nothing is quoted and there are
// no comments. A file with any error changes nothing. Source: Redis 7.2.4, users.acl as ACL SAVE writes it.
package acl
