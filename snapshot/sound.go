package snapshot

import (
	"encoding/binary"
	"io"

	"frankenredis/snapshot/crc64"
)

// Sound tells whether size bytes of r are an RDB file whose checksum, which must not be switched off, is right. It reads all of them.
func Sound(r io.ReaderAt, size int64) bool {
	const trailer = 8
	buf := make([]byte, 1<<20)
	if size < 10+trailer {
		return false
	}
	if n, _ := r.ReadAt(buf[:5], 0); n < 5 || string(buf[:5]) != "REDIS" {
		return false
	}
	crc := uint64(0)
	for pos := int64(0); pos < size-trailer; {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-trailer-pos)], pos)
		if n == 0 && err != nil {
			return false
		}
		crc = crc64.Update(crc, buf[:n])
		pos += int64(n)
	}
	n, _ := r.ReadAt(buf[:trailer], size-trailer)
	return n == trailer && crc != 0 && binary.LittleEndian.Uint64(buf) == crc
}
