package repl

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"frankenredis/wal"
)

// input is the reading half of a link: it notes when the primary was heard of and gives up after repl-timeout.
type input struct {
	l    *Link
	conn net.Conn
	br   *bufio.Reader
}

func newInput(l *Link, conn net.Conn) *input {
	in := &input{l: l, conn: conn}
	in.br = bufio.NewReaderSize(rawInput{in}, chunkSize)
	return in
}

// Read takes what there is.
func (in *input) Read(p []byte) (int, error) { return in.br.Read(p) }

// rawInput reads the socket.
type rawInput struct{ *input }

func (in rawInput) Read(p []byte) (int, error) {
	l := in.l
	for {
		_ = in.conn.SetReadDeadline(time.Now().Add(pollEvery))
		n, err := in.conn.Read(p)
		if n > 0 {
			l.heard.Store(time.Now().UnixNano())
			l.received.Add(int64(n))
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if l.stopped() {
			return 0, errStopped
		}
		if time.Since(l.Heard()) > l.o.Timeout() {
			return 0, errTimeout
		}
	}
}

// maxReply bounds a line of the handshake, in bytes.
const maxReply = 1024

// line reads one line, without its end.
func (in *input) line() (string, error) {
	var b strings.Builder
	for {
		c, err := in.br.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return strings.TrimSuffix(b.String(), "\r"), nil
		case b.Len() >= maxReply:
			return "", errLongLine
		}
		b.WriteByte(c)
	}
}

var errLongLine = errors.New("a line without end")

// reply reads the answer to a command of the handshake.
func (l *Link) reply(in *input) (string, error) {
	text, err := in.line()
	switch {
	case err == nil:
		return text, nil
	case l.stopped():
		return "", errStopped
	case errors.Is(err, errTimeout):
		return "", l.fail("Timeout connecting to the MASTER...")
	}
	l.warn("Failed to read response from the server: %s", reason(err))
	return "", l.fail("Master did not respond to command during SYNC handshake")
}

// handshake introduces this server and asks for the stream. resumed: it goes on where this server stands, and t.ID is the new name of
// its history, if it has one; else t is the snapshot that comes.
func (l *Link) handshake(in *input) (resumed bool, t *Transfer, err error) {
	if err := l.send(appendWords(nil, "PING")); err != nil {
		return false, nil, l.fail("Error condition on socket for SYNC: %s", reason(err))
	}
	text, err := l.reply(in)
	if err != nil {
		return false, nil, err
	}
	l.phase.Store(int32(PhaseHandshake))
	// Whoever wants a password first says so; the password is told next.
	if !strings.HasPrefix(text, "+") && !strings.HasPrefix(text, "-NOAUTH") && !strings.HasPrefix(text, "-NOPERM") &&
		!strings.HasPrefix(text, "-ERR operation not permitted") {
		return false, nil, l.fail("Error reply to PING from master: '%s'", text)
	}
	l.info("Master replied to PING, replication can continue...")
	if err := l.introduce(in); err != nil {
		return false, nil, err
	}
	return l.negotiate(in)
}

// introduce authenticates and says who this server is. All is sent at once.
func (l *Link) introduce(in *input) error {
	var p []byte
	auth, address := l.o.Auth != "", l.o.AnnounceIP != ""
	switch {
	case auth && l.o.User != "":
		p = appendWords(p, "AUTH", l.o.User, l.o.Auth)
	case auth:
		p = appendWords(p, "AUTH", l.o.Auth)
	}
	p = appendWords(p, "REPLCONF", "listening-port", strconv.Itoa(l.o.ListenPort))
	if address {
		p = appendWords(p, "REPLCONF", "ip-address", l.o.AnnounceIP)
	}
	p = appendWords(p, "REPLCONF", "capa", "eof", "capa", "psync2")
	if err := l.send(p); err != nil {
		return l.fail("Sending command to master in replication handshake: %s", reason(err))
	}
	if auth {
		text, err := l.reply(in)
		if err != nil {
			return err
		}
		if strings.HasPrefix(text, "-") {
			return l.fail("Unable to AUTH to MASTER: %s", text)
		}
	}
	told := []string{"listening-port", "ip-address", "capa"}
	for _, what := range told {
		if what == "ip-address" && !address {
			continue
		}
		text, err := l.reply(in)
		if err != nil {
			return err
		}
		if strings.HasPrefix(text, "-") {
			l.info("(Non critical) Master does not understand REPLCONF %s: %s", what, text)
		}
	}
	return nil
}

// negotiate asks for the stream.
func (l *Link) negotiate(in *input) (resumed bool, t *Transfer, err error) {
	id, at := "?", "-1"
	if !l.o.ID.IsZero() {
		id, at = l.o.ID.String(), strconv.FormatUint(uint64(l.o.At)+1, 10)
		l.info("Trying a partial resynchronization (request %s:%s).", id, at)
	} else {
		l.info("Partial resynchronization not possible (no cached master)")
	}
	words := []string{"PSYNC", id, at}
	if l.o.Failover {
		words = append(words, "FAILOVER")
	}
	if err := l.send(appendWords(nil, words...)); err != nil {
		return false, nil, l.fail("Unable to send PSYNC to master: %s", reason(err))
	}
	text := ""
	for text == "" { // empty lines are signs of life while the primary prepares its answer
		if text, err = l.reply(in); err != nil {
			return false, nil, err
		}
	}
	switch word, rest, _ := strings.Cut(text, " "); {
	case word == "+FULLRESYNC":
		t, err := parseFullResync(rest)
		if err != nil {
			// Redis goes on with nothing to resume from next time.
			l.warn("Master replied with wrong +FULLRESYNC syntax.")
			t = &Transfer{ID: wal.NewReplID()}
		} else {
			l.info("Full resync from master: %s:%d", t.ID, t.Offset)
		}
		return false, t, nil
	case word == "+CONTINUE":
		l.info("Successful partial resynchronization with master.")
		t := &Transfer{}
		if id, err := wal.ParseReplID(strings.TrimSpace(rest)); err == nil && id != l.o.ID {
			t.ID = id
			l.info("Master replication ID changed to %s", id)
		}
		l.info("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.")
		return true, t, nil
	case word == "-NOMASTERLINK", word == "-LOADING":
		l.info("Master is currently unable to PSYNC but should be in the future: %s", text)
		return false, nil, &PeerError{text}
	case l.o.Failover:
		l.o.Follower.Refused()
	}
	if !strings.HasPrefix(text, "-ERR") {
		l.warn("Unexpected reply to PSYNC from master: %s", text)
	} else {
		l.info("Master does not support PSYNC or is in error state (reply: %s)", text)
	}
	if l.o.Failover {
		return false, nil, &PeerError{text}
	}
	l.info("Retrying with SYNC...")
	if err := l.send(appendWords(nil, "SYNC")); err != nil {
		return false, nil, l.fail("I/O error writing to MASTER: %s", reason(err))
	}
	// Such a primary tells no position: what is counted from here on has a name of its own.
	return false, &Transfer{ID: wal.NewReplID(), old: true}, nil
}

// parseFullResync reads what follows +FULLRESYNC.
func parseFullResync(text string) (*Transfer, error) {
	name, at, _ := strings.Cut(text, " ")
	id, err := wal.ParseReplID(name)
	if err != nil {
		return nil, err
	}
	offset, err := strconv.ParseUint(at, 10, 63)
	if err != nil {
		return nil, err
	}
	return &Transfer{ID: id, Offset: wal.LSN(offset)}, nil
}

// appendWords makes a command of words.
func appendWords(dst []byte, words ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(words)), 10)
	dst = append(dst, '\r', '\n')
	for _, w := range words {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(w)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, w...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// reason is an error in C's words, as Redis logs it.
func reason(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		if s := errno.Error(); s != "" && s[0] >= 'a' && s[0] <= 'z' {
			return string(s[0]-'a'+'A') + s[1:]
		}
		return errno.Error()
	case errors.As(err, &dns):
		return "Name or service not known"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection lost"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "Connection timed out"
	}
	return err.Error()
}
