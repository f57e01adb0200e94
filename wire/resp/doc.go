// Package resp is the wire format: it cuts a client's bytes into commands ([Reader]), appends replies ([Writer]), and
// reads replies as a client does ([ReplyReader]). It knows bytes, not commands, and imports nothing of ours.
//
// # Layout
//
// A command is an array of strings, or a line of plain words with the quoting of [SplitArgs]. Numbers are decimal without
// plus or leading zeros. Lengths are those of the bytes alone, without the CR LF behind them.
//
//	*2\r\n           number of arguments; 0 and negative numbers stand for nothing and get no reply
//	$3\r\n GET \r\n  length and bytes of each
//	$1\r\n k \r\n
//
//	SET k "a b"\n    the same idea in words; CR before LF is optional, empty lines are skipped
//
// Replies begin with the byte of their kind; aggregates are followed by their elements.
//
//	kind             RESP3                       as a Writer puts it in RESP2
//	status           +OK\r\n                     the same
//	error            -ERR text\r\n               the same
//	integer          :1\r\n                      the same
//	string           $3\r\nfoo\r\n               the same
//	array            *2\r\n ...                  the same
//	null             _\r\n                       $-1\r\n, and *-1\r\n in place of an array
//	boolean          #t\r\n  #f\r\n              :1\r\n  :0\r\n
//	double           ,0.1\r\n  ,inf\r\n  ,nan\r\n  a string
//	big number       (123\r\n                    a string
//	verbatim string  =7\r\ntxt:foo\r\n           a string, without the format
//	bulk error       !5\r\nERR x\r\n             not written, only read
//	map              %1\r\n key value            an array of twice the length
//	set              ~1\r\n ...                  an array
//	push             >2\r\n ...                  an array
//	attribute        |1\r\n key value, then the reply it describes; must not occur
//
// # Checksums
//
// None. TCP has its own; the AOF, which holds commands in this form, is covered elsewhere.
//
// # Limits
//
// A Reader takes lines of 64 KiB, 2147483647 arguments of proto-max-bulk-len bytes each, and from clients that have not
// authenticated 10 arguments of 16 KiB; beyond, and for anything that is not a command, the connection ends with a
// [ProtocolError] in Redis's words. Memory grows with the bytes that arrive, not with the lengths they claim: how, is
// said at [Reader.Space]. No byte is parsed twice, however small the pieces in which it arrives, and whole commands take no
// allocation. A ReplyReader bounds strings, elements and depth.
//
// # Crash
//
// Nothing here outlives the process. A connection that ends within a command leaves nothing of it.
//
// # Versions
//
// RESP2 until HELLO 3, as in Redis. Commands have the same form in both.
//
// # Source
//
// Redis 7.2.4 src/networking.c (processInlineBuffer, processMultibulkBuffer, addReply...), src/sds.c sdssplitargs, src/util.c
// string2ll and d2string, deps/fpconv; every request in the tests was sent to a redis-server 7.0.15, whole and byte by
// byte. What differs on purpose: a line of more than 64 KiB is refused however it arrives; Redis takes it if its end comes
// with the read that crosses the limit. To look at a connection's bytes: redis-cli MONITOR, or any packet dump.
//
// # redcon
//
// Replies are appended by github.com/tidwall/redcon (v1.6.4) where its forms are Redis's. Its command reader is not used.
// It panics on "$-2" and on lengths near 2^63, starts over when a command arrives in pieces, takes "$4 PING" for another
// protocol and gives an empty command for "*0", so it may only see whole commands with checked headers; and who has checked
// all headers has parsed the command. BenchmarkReader and BenchmarkRedcon, SET with 16 bytes of key and 64 of value, best of
// 60 runs on two busy cores of an AMD EPYC, Go 1.26, nanoseconds a command:
//
//	pipeline          1     16    100
//	Reader           84     42     43    with getting and giving back its buffer
//	redcon           54     55     54    as it is, on a buffer of its own
//	redcon, checked  74     70     72    behind a check of the headers
package resp
