// Package ziplist reads the two packed formats that Redis wrote before listpacks, ziplist and zipmap, as old RDB files and
// DUMP payloads contain them: what is read is stored anew in a form of today. It writes ziplists for RDB files that an old
// server shall load.
//
// # Layout of a ziplist
//
// Little-endian where nothing else is said. Lists, hashes and sorted sets of Redis 2.2 to 6.2, and the nodes of quicklists.
//
//	0              4           8        10                                length-1
//	+--------------+-----------+---------+---------+- - -+---------+--------+
//	| total length | last at   | entries | entry 0 |     | entry n | 0xFF   |
//	+--------------+-----------+---------+---------+- - -+---------+--------+
//
// "last at" is the position of the last entry; entries is 0xFFFF when they must be counted. An entry begins with the length of the
// one before it, 0 for the first: one byte below 254, or 254 and four bytes. Then:
//
//	00xxxxxx bytes               a string of x bytes
//	01xxxxxx xxxxxxxx bytes      a string of x bytes, big-endian
//	10------ 4 bytes, bytes      a string of so many bytes, big-endian
//	11000000 2 bytes             an integer of 16,
//	11010000 4 bytes             32,
//	11100000 8 bytes             64,
//	11110000 3 bytes             24,
//	11111110 1 byte              8 bits, signed
//	1111xxxx                     the integer x-1, x from 1 to 13
//
// # Layout of a zipmap
//
// Hashes of Redis before 2.6.
//
//	0        1
//	+--------+--------+-------+--------+------+-------+--------+- - -+------+
//	| fields | length | field | length | free | value | unused |     | 0xFF |
//	+--------+--------+-------+--------+------+-------+--------+- - -+------+
//
// fields is their number, or 254 when they must be counted. A length below 254 is one byte, any other 254 and four bytes. free, one
// byte, is how many unused bytes follow the value. Bytes behind the first 0xFF that stands for a field are ignored, as in Redis.
//
// # Limits
//
// Any bytes may come, and nothing that they tell is believed before it is checked. Reading allocates nothing.
//
// # Source
//
// Redis 7.2.4 src/ziplist.c, src/zipmap.c.
package ziplist
