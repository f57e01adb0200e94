// Package repl speaks PSYNC from both ends.
//
// A [Link] follows a primary: it connects, introduces this server, asks for the stream from where this server stands, and hands what comes
// to its [Follower]: a whole snapshot ([Transfer]) or the stream's bytes. It knows nothing of commands.
package repl
