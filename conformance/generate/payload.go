package generate

import (
	"encoding/binary"
	"hash/crc64"
)

// payloads are for RESTORE: values as DUMP writes them, and what is not quite that.
var payloads = makePayloads()

func makePayloads() []string {
	good := []string{
		payload(9, "\x00\x05hello"),
		payload(11, "\x00\x00"),                               // the empty string
		payload(11, "\x00\xc0\x7f"),                           // 127 as an 8-bit integer
		payload(10, "\x00\xc1\x00\x80"),                       // -32768 in 16 bits
		payload(6, "\x00\xc2\xff\xff\xff\xff"),                // -1 in 32 bits
		payload(11, "\x00\xc3\x05\x40\x64\x01aa\xe0\x57\x00"), // LZF, whose copy ends behind the value
	}
	bad := []string{"", "x", "\x00\x01a\x0b\x00\x00\x00\x00\x00\x00\x00\x00",
		payload(99, "\x00\x01a"),     // a version from the future
		payload(11, "\x00\x40\xc8a"), // shorter than it says, even with the footer
		payload(11, "\xee\x01a"),     // no such type
		payload(11, "\x00\x01atail"), // more than the value
		good[0][:len(good[0])-1]}
	return append(good, bad...)
}

// jones is Redis's CRC-64: reflected, starts and ends with zero where Go's package inverts.
var jones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// payload puts DUMP's footer behind a value: the RDB version in two bytes, then the checksum, both little-endian.
func payload(version uint16, value string) string {
	b := binary.LittleEndian.AppendUint16([]byte(value), version)
	return string(binary.LittleEndian.AppendUint64(b, checksum(b)))
}

func checksum(b []byte) uint64 { return ^crc64.Update(^uint64(0), jones, b) }
