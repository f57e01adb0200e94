package testbed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// ReceiveRaw reads one reply and returns its bytes as they came, for comparisons that forgive nothing. ParseRaw makes a Reply of
// them.
func (c *Client) ReceiveRaw() ([]byte, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(ReplyTimeout)); err != nil {
		return nil, err
	}
	return appendRaw(nil, c.r)
}

// ParseRaw parses the bytes of one reply.
func ParseRaw(raw []byte) (Reply, error) {
	r := bytes.NewReader(raw)
	br := bufio.NewReader(r)
	reply, err := ReadReply(br)
	if err == nil && br.Buffered()+r.Len() > 0 {
		err = errors.New("testbed: bytes after the reply")
	}
	return reply, err
}

// appendRaw appends the bytes of one reply.
func appendRaw(dst []byte, br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	dst = append(dst, line...)
	if errors.Is(err, bufio.ErrBufferFull) { // a line longer than the reader's buffer
		var rest []byte
		rest, err = br.ReadBytes('\n')
		line = append(append([]byte{}, dst[len(dst)-len(line):]...), rest...)
		dst = append(dst, rest...)
	}
	if err != nil {
		return dst, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return dst, fmt.Errorf("testbed: line %q does not end in CR LF", line)
	}
	kind, header := Kind(line[0]), string(line[1:len(line)-2])
	switch kind {
	case Bulk, BlobError, Verbatim:
		n, err := strconv.Atoi(header)
		if err != nil || n < -1 {
			return dst, fmt.Errorf("testbed: bulk length %q", header)
		}
		if n < 0 {
			return dst, nil
		}
		at := len(dst)
		dst = append(dst, make([]byte, n+2)...)
		_, err = io.ReadFull(br, dst[at:])
		return dst, err
	case Array, Set, Push, Map, Attribute:
		n, err := strconv.Atoi(header)
		if err != nil || n < -1 {
			return dst, fmt.Errorf("testbed: aggregate length %q", header)
		}
		if kind == Map || kind == Attribute {
			n *= 2
		}
		if kind == Attribute {
			n++ // the reply that it describes
		}
		for range n {
			if dst, err = appendRaw(dst, br); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}
