package testbed

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"
)

// ReplyTimeout bounds the wait for any reply: a test that hangs fails and says where. It is no measure of anything.
const ReplyTimeout = 60 * time.Second

// Client is one connection. Its methods are for one goroutine, except that Send and Receive may have one each.
type Client struct {
	Conn     net.Conn
	Patience time.Duration // how long Receive waits; ReplyTimeout at first

	r   *bufio.Reader
	out []byte
}

// Dial connects to network "tcp" or "unix".
func Dial(network, addr string) (*Client, error) {
	conn, err := net.DialTimeout(network, addr, ReplyTimeout)
	if err != nil {
		return nil, err
	}
	return NewClient(conn), nil
}

// NewClient speaks through a connection that is there.
func NewClient(conn net.Conn) *Client {
	return &Client{Conn: conn, Patience: ReplyTimeout, r: bufio.NewReaderSize(conn, 64<<10)}
}

// Close closes the connection: the peer finds its end at once. Closing alone would leave that to a program which is being started
// meanwhile: between fork and exec it holds a copy of every descriptor, for as long as a busy machine makes it wait.
func (c *Client) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // what is wrong with the connection Close says, too
	}
	return c.Conn.Close()
}

// AppendCommand appends a command in the form that every client sends.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	dst = append(dst, '\r', '\n')
	for _, a := range args {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(a)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, a...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// Send writes one command and waits for nothing.
func (c *Client) Send(args ...string) error {
	c.out = AppendCommand(c.out[:0], args...)
	return c.SendRaw(c.out)
}

// SendRaw writes bytes as they are.
func (c *Client) SendRaw(p []byte) error {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(ReplyTimeout)); err != nil {
		return err
	}
	_, err := c.Conn.Write(p)
	return err
}

// Receive reads one reply. An error reply is a Reply, not an error.
func (c *Client) Receive() (Reply, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.Patience)); err != nil {
		return Reply{}, err
	}
	return ReadReply(c.r)
}

// Do sends one command and reads its reply.
func (c *Client) Do(args ...string) (Reply, error) {
	if err := c.Send(args...); err != nil {
		return Reply{}, err
	}
	return c.Receive()
}

// Call is Do for a test: a broken connection or an error reply ends it.
func (c *Client) Call(t testing.TB, args ...string) Reply {
	t.Helper()
	r, err := c.Do(args...)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatalf("%.200q: %v", args, err)
	}
	return r
}

// ReadAll reads what comes until the server closes the connection or is quiet for the given time.
func (c *Client) ReadAll(quiet time.Duration) (got []byte, closed bool) {
	buf := make([]byte, 64<<10)
	for {
		if err := c.Conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return got, true
		}
		n, err := c.r.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return got, false
			}
			return got, true // EOF, or a reset: the server is done with this connection
		}
	}
}

// ReadN reads exactly n bytes of replies.
func (c *Client) ReadN(n int) ([]byte, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(ReplyTimeout)); err != nil {
		return nil, err
	}
	buf := make([]byte, n)
	got, err := io.ReadFull(c.r, buf)
	if err != nil {
		err = fmt.Errorf("%d of %d bytes: %w", got, n, err)
	}
	return buf[:got], err
}
