// Package config knows the parameters of the server: their names, types, defaults and ranges as Redis 7.2.4 has them, the
// files and command lines they come from, CONFIG GET and SET, and the text that CONFIG REWRITE leaves behind.
//
// A parameter is a Row of the table; nothing else knows it by name. A Row with a Pending text is accepted, kept and
// shown, but the server does not act on it yet; the text says what must be true before that word may go.
//
// # Files
//
// The configuration file (redis.conf) is the operator's; only CONFIG REWRITE writes it. Our own parameters, named fr-*, may
// stand in it, but a rewrite moves them to a second file beside it, <file>.fr, which is read right after it without an
// include directive: a redis-server started with redis.conf never sees them. That file holds fr-* directives only.
// Reading order: file, <file>.fr, standard input, command line; the later value counts.
//
// # Layout
//
// Text, one directive a line: a name in any case, then words. Words stand apart by white space; "..." groups with the
// escapes \n \r \t \b \a \" \\ \xHH, '...' groups with \' only, and a closing quote must end its word. Lines that begin
// with # and empty lines are skipped. Amounts of memory take units: 1k is 1000, 1kb is 1024, likewise m, mb, g, gb.
// include takes a file or a pattern (* ? [), relative to dir as set so far; no match of a pattern is no error. A repeated
// save adds a condition (the first one replaces the default), a repeated client-output-buffer-limit overlays, user and
// rename-command collect, of everything else the last one counts.
//
// # Checksums
//
// None: people edit these files.
//
// # Limits
//
// Includes nest at most 32 deep; a file has at most 64 MiB. Memory amounts beyond 64 bits saturate or wrap as in Redis. A line with a NUL byte is
// refused; Redis would go on with what stands before it.
//
// # Crash
//
// A rewrite replaces each file by temporary file, sync, rename and sync of the directory, <file>.fr first. In between a
// restart reads new values of ours and old values of Redis's; a temporary file may be left, named <file>.<pid>.tmp.
//
// # Versions
//
// Directives of Redis 7.2.4 and older aliases are known. An unknown one is fatal, as in Redis.
//
// # Source
//
// Redis 7.2.4 src/config.c and redis.conf; behaviour compared with redict 7.3.6 and redis-server 7.0.15. The fr-*
// parameters and <file>.fr are ours.
package config
