package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is a connection to a server, as a client. Not for concurrent use.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(network, address string) (*conn, error) {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// appendCommand appends a command as it is sent.
func appendCommand(p []byte, args ...string) []byte {
	p = fmt.Appendf(p, "*%d\r\n", len(args))
	for _, a := range args {
		p = fmt.Appendf(p, "$%d\r\n%s\r\n", len(a), a)
	}
	return p
}

// do sends a command and reads its reply.
func (c *conn) do(args ...string) (any, error) {
	if _, err := c.Write(appendCommand(nil, args...)); err != nil {
		return nil, err
	}
	return c.reply()
}

// reply reads one reply: a string, an int64, a []any or nil; an error reply is an error.
func (c *conn) reply() (any, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, fmt.Errorf("%q is no reply", line)
	}
	kind, rest := line[0], line[1:len(line)-2]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New(rest)
	}
	const most = 64 << 20 // bytes of a string, or parts of an array
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
	case kind == ':':
		return n, nil
	case n > most:
	case kind == '$' && n < 0, kind == '*' && n < 0:
		return nil, nil
	case kind == '$':
		p := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, p); err != nil {
			return nil, err
		}
		return string(p[:n]), nil
	case kind == '*':
		all := []any{}
		for range n {
			part, err := c.reply()
			if err != nil {
				return nil, err
			}
			all = append(all, part)
		}
		return all, nil
	}
	return nil, fmt.Errorf("%q is no reply", line)
}
