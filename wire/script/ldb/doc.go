// Package ldb is the debugger of scripts, as clients of Redis 7.2 know it (SCRIPT DEBUG, redis-cli --ldb): the script stops before a
// line, its client looks around with commands and lets it go on.
//
// # The wire
//
// What the debugger says is an array of simple strings, one a line of text, sent past the client's replies: at a stop where it is, and
// behind each command what that had to say. Line ends within a text become spaces. A text begins with what it is: "* Stopped at",
// "<value>", "<retval>", "<reply>", "<redis>" (a command that the script calls), "<error>", "<debug>", "<hint>". The last array of a session
// ends with "<endsession>"; the reply of EVAL follows, and the end of the connection.
//
// Commands are arrays of bulk strings, at most 1024 of at most 1024 bytes each. One is taken at a time, and what came with it in one piece
// behind it is dropped.
//
// # Bounds
//
// 64 breakpoints; 1 MB of input that makes no command; values and replies are cut after 256 bytes or what maxlen says; tables
// are shown ten levels deep.
package ldb
