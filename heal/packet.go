package heal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"

	"github.com/zeebo/xxh3"
)

const (
	cellSize   = 4096
	shardSize  = 64 * cellSize // of a full stripe, bytes
	smallSize  = 65536         // files below it are kept as copies
	headerSize = 64
	version    = 1
	magic      = "FRHEAL\r\n"
	flagKeyed  = 1
	copies     = 3

	maxPayload = 64 * shardSize / cellSize * 16 // a table of the largest stripe; every other packet of a sidecar is smaller
	maxName    = 1024
	maxCatalog = 16 << 20
)

// kind is a packet's type.
type kind uint8

const (
	kindInfo kind = 1 + iota
	kindTable
	kindParity
	kindCatalog
	kindTail
)

// Sum is a digest.
type Sum [16]byte

// bound is what a packet belongs to: an artifact of one generation.
type bound struct {
	UUID       [16]byte
	Generation uint64
}

// packetID tells the packets of a sidecar apart.
type packetID struct {
	kind         kind
	stripe, part uint32
}

// digester makes the digests of one key; nil means unkeyed. Any goroutine may use it.
type digester struct{ key []byte }

func (d digester) flags() byte {
	if d.key != nil {
		return flagKeyed
	}
	return 0
}

// hash is SHA-256, keyed if there is a key.
func (d digester) hash() hash.Hash {
	if d.key != nil {
		return hmac.New(sha256.New, d.key)
	}
	return sha256.New()
}

// bytes is the digest of p.
func (d digester) bytes(p []byte) Sum {
	if d.key == nil {
		return xxh3.Hash128(p).Bytes()
	}
	h := d.hash()
	h.Write(p)
	return Sum(h.Sum(nil)[:16])
}

// head is the artifact's part of what is digested.
func (b bound) head() []byte { return binary.LittleEndian.AppendUint64(b.UUID[:16:16], b.Generation) }

// cells returns the digest of cells of b by their number in the file.
func (d digester) cells(b bound) func(number uint64, cell []byte) Sum {
	if d.key == nil {
		salt := xxh3.Hash(b.head())
		return func(n uint64, cell []byte) Sum { return xxh3.Hash128Seed(cell, salt+n*0x9E3779B97F4A7C15).Bytes() }
	}
	head := b.head()
	return func(n uint64, cell []byte) Sum {
		h := d.hash()
		h.Write(binary.LittleEndian.AppendUint64(head[:24:24], n))
		h.Write(cell)
		return Sum(h.Sum(nil)[:16])
	}
}

// appendPacket appends one packet.
func (d digester) appendPacket(p []byte, b bound, id packetID, payload []byte) []byte {
	at := len(p)
	p = append(p, magic...)
	p = append(p, make([]byte, 16)...)
	p = binary.LittleEndian.AppendUint16(p, version)
	p = append(p, byte(id.kind), d.flags())
	p = binary.LittleEndian.AppendUint32(p, uint32(len(payload)))
	p = append(p, b.head()...)
	p = binary.LittleEndian.AppendUint32(p, id.stripe)
	p = binary.LittleEndian.AppendUint32(p, id.part)
	p = append(p, payload...)
	sum := d.bytes(p[at+24:])
	copy(p[at+8:], sum[:])
	return p
}

// errPacket says that no valid packet begins here.
var errPacket = errors.New("no valid packet")

// parsePacket reads the packet that p begins with. payload is part of p.
func (d digester) parsePacket(p []byte, most int) (b bound, id packetID, payload []byte, err error) {
	if len(p) < headerSize || string(p[:8]) != magic || binary.LittleEndian.Uint16(p[24:]) != version || p[27] != d.flags() {
		return b, id, nil, errPacket
	}
	n := binary.LittleEndian.Uint32(p[28:])
	if uint64(n) > uint64(most) || int(n) > len(p)-headerSize {
		return b, id, nil, errPacket
	}
	p = p[:headerSize+int(n)]
	if d.bytes(p[24:]) != Sum(p[8:24]) {
		return b, id, nil, errPacket
	}
	b = bound{[16]byte(p[32:48]), binary.LittleEndian.Uint64(p[48:])}
	id = packetID{kind(p[26]), binary.LittleEndian.Uint32(p[56:]), binary.LittleEndian.Uint32(p[60:])}
	return b, id, p[headerSize:], nil
}

// scan calls found for each valid packet of b among size bytes of r, wherever it stands. payload is good until found returns.
func (d digester) scan(r io.ReaderAt, size int64, b bound, found func(id packetID, pos int64, payload []byte)) error {
	return d.scanAll(r, size, func(of bound, id packetID, pos int64, payload []byte) {
		if of == b {
			found(id, pos, payload)
		}
	})
}

// scanAll is scan for the packets of any artifact.
func (d digester) scanAll(r io.ReaderAt, size int64, found func(of bound, id packetID, pos int64, payload []byte)) error {
	const window = 1 << 20
	buf := make([]byte, min(window, size))
	for pos := int64(0); pos < size; {
		n, err := r.ReadAt(buf[:min(window, size-pos)], pos)
		if err != nil && err != io.EOF || n == 0 {
			return err
		}
		last := pos+int64(n) >= size || n < window
		at := 0
		for {
			i := bytes.Index(buf[at:n], []byte(magic))
			if i < 0 {
				at = max(at, n-len(magic)+1)
				break
			}
			at += i
			if !last && n-at < headerSize+maxPayload {
				break
			}
			of, id, payload, err := d.parsePacket(buf[at:n], maxPayload)
			if err != nil {
				at++
				continue
			}
			found(of, id, pos+int64(at), payload)
			at += headerSize + len(payload)
		}
		if last {
			return nil
		}
		pos += int64(at)
	}
	return nil
}
