// Package snapshot writes and reads RDB files: a whole data set as it was at one position of the effect stream.
//
// A snapshot is the data file of SAVE and BGSAVE, the base of an append-only file, what a full sync sends, and (one
// value at a time) what DUMP and RESTORE carry. Write and WriteFile make one from a frozen view of the keyspace;
// Reader takes one apart into batches of Items, of versions 1 to 12. Neither changes the keyspace.
//
// # Files
//
// WriteFile makes dir/temp-<pid>.rdb, syncs it, renames it to its name and syncs the directory; when it gives up it
// removes the temporary file. A file of that name is therefore always whole or left over from a dead process.
//
// # Layout
//
// All of it is one sequence without padding or alignment. Multi-byte numbers are big-endian inside a length,
// little-endian elsewhere.
//
//	"REDIS" <4 decimal digits of the version>
//	0xFA <string> <string>              an aux field, name and value; unknown ones are skipped
//	0xF7 <module aux>                   data of a module, before or after the keys
//	0xF5 <string>                       source text of a function library
//	for each database that is not empty:
//	    0xFE <length>                   its number
//	    0xFB <length> <length>          how many keys, how many of them with an expiry
//	    0xF4 <length> <length> <length> (version 12) cluster slot, its keys, its keys with an expiry
//	    for each key:
//	        0xFC <8 bytes> | 0xFD <4 bytes>   optional: expiry, Unix milliseconds or seconds
//	        0xF8 <length>               optional: idle seconds (an LRU policy is in force)
//	        0xF9 <1 byte>               optional: access frequency (an LFU policy)
//	        <type byte> <string: key> <value>
//	0xFF <8 bytes: checksum>            the end; the checksum only since version 5
//
// A length tells its own size in its top two bits, and may announce an encoded string instead:
//
//	00xxxxxx                            6 bits
//	01xxxxxx xxxxxxxx                   14 bits
//	10000000 <4 bytes>                  32 bits
//	10000001 <8 bytes>                  64 bits
//	11000000 <1 byte>                   a string: an integer of 8 bits,
//	11000001 <2 bytes>                  of 16 bits,
//	11000010 <4 bytes>                  of 32 bits, signed, standing for its decimal digits
//	11000011 <length> <length> <bytes>  a string: compressed size, real size, LZF block
//
// # Checksums
//
// The last eight bytes are the CRC64 (package snapshot/crc64) of everything before them; zero means that the writer
// made none. A mismatch is an error and nothing read may be activated. Cells of the file are protected apart from that
// by the file's sidecar (package heal).
//
// # Limits
//
// No length is believed: memory grows with the bytes that arrive, and a compressed string's real size is checked
// against what its compressed bytes can hold at most. Options.MaxString bounds one string. Redis allows 512 MiB a
// string unless proto-max-bulk-len says more.
//
// # Crash
//
// A file under its final name was synced before the rename, so a cut or changed one is corrupt, never torn.
//
// # Versions
//
// Written: 11 (Redis 7.2); on request 10 (7.0) and 9 (5.0 to 6.2), with the types that these have, or the oldest of the three
// that loses nothing. Read: 1 to 12, 12 as long as no type or opcode newer than these notes occurs. A type byte that is known but not supported yet is an
// error that names type, key and position.
//
// # Source
//
// Redis 7.2.4 src/rdb.h and rdb.c (rdbSaveRio, rdbLoadRio). To look at one: frctl inspect FILE.
package snapshot

// The opcodes.
const (
	opSlotInfo    = 244
	opFunction    = 245
	opFunctionPre = 246 // a function library as 7.0's release candidates wrote it; refused as Redis does
	opModuleAux   = 247
	opIdle        = 248
	opFreq        = 249
	opAux         = 250
	opResizeDB    = 251
	opExpireMs    = 252
	opExpireSec   = 253
	opSelectDB    = 254
	opEOF         = 255
)

// The forms of a length.
const (
	len6   = 0
	len14  = 1
	len32  = 0x80
	len64  = 0x81
	lenEnc = 3 // an encoded string follows

	encInt8  = 0
	encInt16 = 1
	encInt32 = 2
	encLZF   = 3
)

// The pieces of a module's data.
const (
	moduleEnd    = 0
	moduleSInt   = 1
	moduleUInt   = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// The versions.
const (
	// Version is what is written unless Meta says otherwise.
	Version = 11
	// MinVersion and MaxVersion bound what is read.
	MinVersion = 1
	MaxVersion = 12

	checksumSince = 5
)

const (
	magic     = "REDIS"
	headerLen = len(magic) + 4
)

// The value types that are written, with the version they begin with.
const (
	typeString        = 0
	typeList          = 1
	typeSet           = 2
	typeHash          = 4
	typeZSet2         = 5  // 8
	typeSetIntset     = 11 // 2
	typeZSetZiplist   = 12 // 2
	typeHashZiplist   = 13 // 4
	typeListQuicklist = 14 // 7
	typeStream        = 15 // 9
	typeHashListpack  = 16 // 10
	typeZSetListpack  = 17 // 10
	typeListNodes     = 18 // 10
	typeStream2       = 19 // 10
	typeSetListpack   = 20 // 11
	typeStream3       = 21 // 11
)

// The value types of older servers, which are read only.
const (
	typeZSet        = 3
	typeModule      = 6 // as release candidates of 4.0 wrote it
	typeModule2     = 7
	typeHashZipmap  = 9
	typeListZiplist = 10
)

// typeNames are the value types of versions up to 12, as error messages call them.
var typeNames = [256]string{
	0: "string", 1: "list", 2: "set", 3: "zset", 4: "hash", 5: "zset-2", 6: "module-1", 7: "module-2",
	9: "hash-zipmap", 10: "list-ziplist", 11: "set-intset", 12: "zset-ziplist", 13: "hash-ziplist",
	14: "list-quicklist", 15: "stream-listpacks", 16: "hash-listpack", 17: "zset-listpack",
	18: "list-quicklist-2", 19: "stream-listpacks-2", 20: "set-listpack", 21: "stream-listpacks-3",
	22: "hash-metadata-pre-ga", 23: "hash-listpack-ex-pre-ga", 24: "hash-metadata", 25: "hash-listpack-ex",
}
