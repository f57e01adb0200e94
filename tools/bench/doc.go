// Command bench measures a server beside redis-server on the same machine, in one run, in turn, under the same load.
//
// # Method
//
// A case is an fsync policy, a number of clients and a pipeline depth. In each round every contestant runs it once, each in a
// fresh process and an empty directory, loaded by redis-benchmark; the order changes from round to round. There are three
// contestants: the server, redis-server, and the server once more, whose ratio to itself is the noise floor: a difference smaller
// than that says nothing. What counts is the ratio within a round; shown are the median of the rounds and the extremes.
//
// Processor time is the server process's own, user and system, all threads, from /proc, over the commands of the run. Memory is the
// resident set after loading keys of 16 bytes with values of 64 bytes, less that of the empty server.
//
// # Files
//
// Each run leaves two files in -out: NAME.json with the machine, the versions, the settings and every single measurement, and NAME.md
// with the tables that are also printed.
package main
