// Package listpack reads and changes listpacks, Redis's packed sequences of strings and integers: the bytes of small hashes,
// sets and sorted sets, of the nodes of lists and streams, in memory as in RDB files and DUMP.
//
// A listpack is a []byte whose length is the listpack's; an entry is named by its position in it, and None is no position.
// Functions that change a listpack take it and return it, in the same memory when its capacity suffices; positions behind
// the change are then void. Strings given to them must not lie in the listpack itself. All functions but Validate trust
// their argument and panic or answer nonsense when it is malformed: bytes from outside are validated first.
//
// After the same operations the bytes equal those of Redis, which DUMP shows.
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
// entries is 0xFFFF when there are, or once were, 65535 or more: then they must be counted. An entry is a body and behind it
// the body's length in 1 to 5 bytes, written so that it can be read from the end: seven bits a byte, the lowest last, the top
// bit set where a byte stands before. Bodies:
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
// The bits x go from high to low; what stands in whole bytes is little-endian. A string that is the canonical spelling of a
// 64-bit integer is kept as one, everything in its shortest form. Listpacks of other programs need not keep to that: Validate
// lets them pass, as Redis does, and they are read and searched like others.
//
// # Limits
//
// A listpack is kept at MaxBytes or below: the caller asks Safe before something is added. What does not fit the header's 32
// bits makes a panic.
//
// # Source
//
// Redis 7.2.4 src/listpack.c. To look at one: DEBUG LISTPACK key.
package listpack
