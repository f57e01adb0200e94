package repl

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"frankenredis/wal"
)

// Transfer is a snapshot on its way from a primary: an io.Reader that ends with io.EOF exactly where the snapshot does. Only the link's
// follower reads it, from any one goroutine; Progress may be asked from everywhere.
type Transfer struct {
	// ID and Offset are the position at which the snapshot stands.
	ID     wal.ReplID
	Offset wal.LSN

	l    *Link
	in   *input
	size int64  // -1: until mark
	mark []byte // 40 bytes
	old  bool   // answers SYNC
	read atomic.Int64
	err  error

	// Of a snapshot that ends with a mark: bytes that came and were not handed out. The last of them may be the mark.
	held []byte
	buf  []byte
}

// markSize is the length of the mark that ends a snapshot whose length was not known at its beginning.
const markSize = 40

// begin reads the header. Empty lines before it are signs of life while the primary prepares the snapshot.
func (t *Transfer) begin(l *Link, in *input) error {
	t.l, t.in = l, in
	for {
		text, err := in.line()
		switch {
		case errors.Is(err, errTimeout):
			return l.fail("%s", transferTimeout)
		case err != nil:
			return l.fail("I/O error reading bulk count from MASTER: %s", reason(err))
		case text == "":
		case text[0] == '-':
			return l.fail("MASTER aborted replication with an error: %s", text[1:])
		case text[0] != '$':
			return l.fail("Bad protocol from MASTER, the first byte is not '$' (we received '%s'), are you sure the host and port are right?", text)
		case strings.HasPrefix(text, "$EOF:") && len(text) >= len("$EOF:")+markSize:
			t.size, t.mark = -1, []byte(text[len("$EOF:"):len("$EOF:")+markSize])
			t.buf = make([]byte, chunkSize)
			return nil
		default:
			if t.size, err = strconv.ParseInt(text[1:], 10, 63); err != nil || t.size < 0 {
				return l.fail("Bad protocol from MASTER, the length of the snapshot is '%s'", text[1:])
			}
			return nil
		}
	}
}

const transferTimeout = "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' parameter in redis.conf to a larger value."

// Announce logs that the snapshot comes, and where it goes: "to disk" or "to parser".
func (t *Transfer) Announce(where string) {
	if t.size < 0 {
		t.l.info("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF %s", where)
		return
	}
	t.l.info("MASTER <-> REPLICA sync: receiving %d bytes from master %s", t.size, where)
}

// Streamed says that the snapshot's length is not known.
func (t *Transfer) Streamed() bool { return t.size < 0 }

// Progress is how many bytes came, and of how many; -1: nobody knows.
func (t *Transfer) Progress() (read, size int64) { return t.read.Load(), t.size }

// Read reads the snapshot.
func (t *Transfer) Read(p []byte) (int, error) {
	if t.err != nil || len(p) == 0 {
		return 0, t.err
	}
	n, err := t.readSome(p)
	if err != nil && err != io.EOF {
		switch {
		case t.l.stopped():
			err = errStopped
		case errors.Is(err, errTimeout):
			err = t.l.fail("%s", transferTimeout)
		default:
			err = t.l.fail("I/O error trying to sync with MASTER: %s", reason(err))
		}
	}
	t.err = err
	return n, err
}

func (t *Transfer) readSome(p []byte) (int, error) {
	if t.size >= 0 {
		left := t.size - t.read.Load()
		if left == 0 {
			return 0, io.EOF
		}
		n, err := t.in.Read(p[:min(int64(len(p)), left)])
		t.read.Add(int64(n))
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	for len(t.held) <= markSize {
		if bytes.Equal(t.held, t.mark) {
			return 0, io.EOF
		}
		n, err := t.in.Read(t.buf)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		t.held = append(t.held, t.buf[:n]...)
		t.read.Add(int64(n))
	}
	n := copy(p, t.held[:len(t.held)-markSize])
	t.held = append(t.held[:0], t.held[n:]...)
	return n, nil
}

// Beat lets the primary hear a sign of life each second while this server is busy with what it received.
func (t *Transfer) Beat(on bool) { t.l.Beat(on) }
