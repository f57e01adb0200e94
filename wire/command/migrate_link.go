package command

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// migrateLink is a connection to the target of a MIGRATE.
type migrateLink struct {
	conn net.Conn
	in   *bufio.Reader
	db   int64 // selected there; noDB: not known
	used time.Time
}

// noDB is the database of a new connection. As in Redis a MIGRATE into database -1 selects nothing.
const noDB = -1

func (l *migrateLink) close() {
	_ = l.conn.Close() // what was not acknowledged counts as not sent
}

// migrateFailure says in which step a dialogue failed, as the client is told.
type migrateFailure string

const (
	migrateConnecting migrateFailure = "connecting to the client"
	migrateWriting    migrateFailure = "writing to target instance"
	migrateReading    migrateFailure = "reading to target instance"
)

// run leads the dialogue: once more on a new connection when the first fails before anything was answered and in no time,
// as one does that the target closed while it was kept. It runs on a goroutine of its own, which has the migration to itself.
func (m *migration) run(ctx context.Context) {
	for range 2 {
		failure, again := m.attempt(ctx)
		m.connectionLost = failure
		if !again || ctx.Err() != nil {
			return
		}
	}
}

// attempt leads the dialogue once. again says that nothing was answered and that trying again is worth while.
func (m *migration) attempt(ctx context.Context) (failure migrateFailure, again bool) {
	if m.link == nil {
		var err error
		if m.link, err = dialTarget(ctx, m.host, m.port, m.secured, m.timeout); err != nil {
			// The kernel's refusal comes, for Redis, with the first write.
			if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) {
				return migrateWriting, true
			}
			return migrateConnecting, false
		}
	}
	l := m.link
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	failure, err := m.dialogue(l)
	if m.targetError != "" {
		l.db = noDB
	}
	// What is left over, or was lost, belongs to no later call.
	if err != nil || l.in.Buffered() > 0 {
		l.close()
		m.link = nil
	}
	again = failure != "" && m.acknowledged == 0 && m.targetError == "" && !errors.Is(err, os.ErrDeadlineExceeded)
	return failure, again
}

// dialogue sends everything and reads the answers.
func (m *migration) dialogue(l *migrateLink) (migrateFailure, error) {
	var request []byte
	ahead := 0 // replies before the first RESTORE's
	if m.auth != nil {
		request = resp.AppendCommand(request, m.auth...)
		ahead++
	}
	if l.db != m.db {
		request = resp.AppendCommand(request, wordSelect, decimal(m.db))
		ahead++
	}
	// What goes ahead goes in one piece with the first of the rest.
	first := min(len(m.restores), migratePiece)
	request = append(request, m.restores[:first]...)
	for _, p := range [][]byte{request, m.restores[first:]} {
		if err := l.write(p, m.timeout); err != nil {
			return migrateWriting, err
		}
	}
	refused := "" // AUTH or SELECT: then no RESTORE counts
	for range ahead {
		line, err := l.readLine(m.timeout)
		if err != nil {
			return migrateReading, err
		}
		if refused == "" && line[0] == '-' {
			refused = line
		}
	}
	for i := range m.keys {
		line, err := l.readLine(m.timeout)
		if err != nil {
			return migrateReading, err
		}
		m.acknowledged++
		m.failed[i] = refused != "" || line[0] == '-'
		switch {
		case m.targetError != "" || !m.failed[i]:
		case refused != "":
			m.targetError = refused
		default:
			m.targetError = line
		}
	}
	l.db = m.db
	return "", nil
}

// dialTarget connects, over TLS unless secured is nil.
func dialTarget(ctx context.Context, host, port string, secured *tls.Config, timeout time.Duration) (*migrateLink, error) {
	n := engine.Atoi([]byte(port))
	if host == "" || n < 0 {
		return nil, errors.New("command: no address")
	}
	d := net.Dialer{Timeout: timeout}
	// As in Redis, a port keeps 16 bits.
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(n&0xffff)))
	if err != nil {
		return nil, err
	}
	if secured != nil {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		c := tls.Client(conn, secured)
		if err := c.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // nothing was sent
			return nil, err
		}
		conn = c
	}
	return &migrateLink{conn: conn, in: bufio.NewReader(conn), db: noDB}, nil
}

// migratePiece is how much is sent at a time, in bytes.
const migratePiece = 64 << 10

// write sends in pieces, each within the timeout.
func (l *migrateLink) write(p []byte, timeout time.Duration) error {
	for len(p) > 0 {
		n := min(len(p), migratePiece)
		if err := l.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if _, err := l.conn.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// maxMigrateLine is the longest reply that is read as one, in bytes; a longer one counts as several, as in Redis.
const maxMigrateLine = 1023

var errNoReply = errors.New("command: an empty line")

// readLine reads a reply, each byte of it within the timeout. It is not empty.
func (l *migrateLink) readLine(timeout time.Duration) (string, error) {
	var line []byte
	for len(line) < maxMigrateLine {
		if l.in.Buffered() == 0 {
			if err := l.conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
				return "", err
			}
		}
		b, err := l.in.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			break
		}
		line = append(line, b)
	}
	if len(line) == 0 {
		return "", errNoReply
	}
	if n := len(line) - 1; n > 0 && line[n] == '\r' {
		line = line[:n]
	}
	return string(line), nil
}
