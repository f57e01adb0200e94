// Package hll is the HyperLogLog of Redis: a string that estimates how many different elements were added to it, with a
// standard error of 0.81%. It works on the bytes of the string and is exact to the byte: after any sequence of PFADD and
// PFMERGE a string equals the one that Redis made. Nothing here keeps state or knows keys.
//
// # Layout
//
//	0        4          5        8                 16
//	+--------+----------+--------+-----------------+-----------
//	| "HYLL" | encoding | unused | cached estimate | registers
//	+--------+----------+--------+-----------------+-----------
//
// encoding is 0 for dense, 1 for sparse. The cached estimate is little-endian; its highest bit says that it is stale, because
// a register has changed since. What stands in the unused bytes is kept.
//
// An element's hash is MurmurHash64A. Its low 14 bits choose one of 16384 registers; the position of the lowest one among the
// other 50 bits, 1 to 51, is what the register keeps the maximum of.
//
// Dense: registers of 6 bits from the lowest bit on, four in three bytes, 12304 bytes in all.
//
//	 byte 0     byte 1     byte 2
//	+--------+ +--------+ +--------+
//	|11000000| |22221111| |33333322|
//	+--------+ +--------+ +--------+
//
// Sparse: runs of registers, in order, that together cover all 16384:
//
//	00nnnnnn           ZERO   n+1 registers of zero, 1 to 64
//	01nnnnnn nnnnnnnn  XZERO  n+1 registers of zero, 1 to 16384
//	1vvvvvnn           VAL    n+1 registers (1 to 4) of value v+1 (1 to 32)
//
// A sparse string becomes dense when it would grow over a configured length (hll-sparse-max-bytes) or a register over 32, and
// never goes back.
//
// # Limits
//
// Strings come from clients, so any byte may be wrong. Valid checks what Redis checks before each use; runs that do not fit are
// found by those that walk them, which return ErrCorrupt. As in Redis 7.2.4 the walks differ a little: a union tolerates VAL runs
// behind the last register, an estimate does not.
//
// # Source
//
// Redis 7.2.4 src/hyperloglog.c, by its behaviour. Flajolet, Fusy, Gandouet, Meunier 2007; the estimator is Ertl's,
// "New cardinality estimation algorithms for HyperLogLog sketches", 2017. To look at one: PFDEBUG DECODE key.
package hll
