// Package listpack reads and changes listpacks, Redis's packed sequences of strings and integers: the bytes of small hashes,
// sets and sorted sets, of the nodes of lists and streams, in memory as in RDB files and DUMP.
//
// Functions that change a listpack take it and return it, in the same memory when its capacity suffices. All functions
// but Validate trust their argument: bytes from outside are validated first.
//
// # Layout
//
// Little-endian.
//
//	0              4          6                                            length-1
//	+--------------+----------+---------+---------+- - -+---------+--------+
//	| total length | entries  | entry 0 | entry 1 |     | entry n | 0xFF   |
//	+--------------+----------+---------+---------+- - -+---------+--------+
//
// entries is 0xFFFF when there are 65535 or more: then they must be counted. An entry is a body and its length, written so
// that it can be read from the end: seven bits a byte, the lowest last, the top bit set where a byte stands before.
//
//	0xxxxxxx                     the integer x
//	10xxxxxx bytes               a string of x bytes
//	110xxxxx xxxxxxxx            an integer of 13 bits, signed
//	1110xxxx xxxxxxxx bytes      a string of x bytes
//	11110000 4 bytes, bytes      a string of so many bytes
//	11110001 2 bytes             an integer of 16,
//	11110010 3 bytes             24,
//	11110011 4 bytes             32,
//	11110100 8 bytes             64 bits, signed
//
// A string that is the canonical spelling of a 64-bit integer is always kept as one.
//
// # Limits
//
// A listpack is kept below MaxBytes; Safe asks before something is added.
//
// # Source
//
// Redis 7.2.4 src/listpack.c.
package listpack
