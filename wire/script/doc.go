// Package script runs the scripts of EVAL: it keeps those that were loaded, gives them the global variables Redis 7.2 gives them, and
// turns replies into values and values into replies. The language is package lua's; what scripts call is the Host's.
//
// # Globals
//
// Beside the libraries of package lua there are bit, cjson, cmsgpack and struct, KEYS and ARGV, and the table redis. All tables but
// KEYS and ARGV are read-only, a global that does not exist cannot be read, and pcall hands on the text of an error that is a table
// with the field err.
//
// # Errors
//
// An error is a table: err is the text with its code, source and line say where it was raised. What reaches the client ends with
// them and the script's name, its SHA-1 in hexadecimal.
//
// # Bounds
//
// Scripts that were loaded stay until Flush. Replies may be nested as deep as Redis's stack lets them.
package script
