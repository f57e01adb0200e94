// Package script reads and runs command scripts: text files that say what a client sees.
//
// # Layout
//
// A script is blocks with empty lines between them. A block is commands, a line "----", and what redis-cli prints for their
// replies:
//
//	SET k v
//	GET k
//	----
//	OK
//	"v"
//
// It is run once in RESP2 and once in RESP3. Where RESP3 prints something else, a second expectation follows:
//
//	HGETALL h
//	----
//	1) "f"
//	2) "v"
//	---- 3
//	1# "f" => "v"
//
// A connection that the server closes prints (closed). An empty line inside a reply is written as a single dot.
//
// # Commands
//
// Arguments are split as redis-cli splits them. {{x*100}} inside one stands for 100 times x, ${name} for a variable. "b> GET k" sends
// from a second client called b (any lower-case word), which connects when it is first named. After the client's name may stand
// a word of the runner instead of a command; these print nothing, except !recv:
//
//	!send GET k       send without waiting for the reply
//	!recv             wait for one reply and print it
//	!let id CLIENT ID keep the reply's text as ${id}
//	!raw "GET k\r\n"  send these bytes
//	!close            close the connection; the client connects again at its next command
//
// # Directives
//
// Lines that start with "#" are comments. Lines that start with "@" speak of the block below them, the first four of the whole file or its rest:
//
//	@server --databases 4     arguments to start the server with
//	@file-since 7.2           servers that call themselves an older redis_version do not run this file
//	@resp2-only               not to be run in RESP3: the runner would say HELLO 3 first
//	@mask id: /re/text/       in all replies, here and below, what matches becomes text
//	@since 7.2                older servers do not run this block
//	@not redict id: because   this server does not run this block (name: redis, redict, valkey), and why
//	@sort                     the reply's elements come in no order: sort the lines
//	@until                    repeat the command until the reply is the wanted one, or ten seconds have passed
//
// An id names an entry of the drift ledger, conformance/DRIFT.md: nothing is left uncompared that does not stand there.
package script
