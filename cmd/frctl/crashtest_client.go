package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
)

// testClient writes steps 1, 2, 3... Step n appends element n to a list; each fourth is a transaction that also sets two keys to n.
type testClient struct {
	number      int
	seed        uint64
	acked, sent int // steps
}

// element is what step n appends: its number and bytes that belong to it alone.
func (c *testClient) element(n int) string {
	rng := rand.New(rand.NewPCG(c.seed+uint64(c.number), uint64(n)))
	p := make([]byte, rng.IntN(200))
	for i := range p {
		p[i] = byte(' ' + rng.IntN(95))
	}
	return fmt.Sprintf("%d:%s", n, p)
}

func (c *testClient) key(name string) string { return fmt.Sprintf("crashtest:%d:%s", c.number, name) }

// transactional says whether step n is a transaction.
func transactional(n int) bool { return n%4 == 0 }

// step sends step n and waits until it is acknowledged.
func (c *testClient) step(conn *conn, n int) error {
	push := []string{"RPUSH", c.key("list"), c.element(n)}
	if !transactional(n) {
		_, err := conn.do(push...)
		return err
	}
	number := strconv.Itoa(n)
	p := appendCommand(nil, "MULTI")
	p = appendCommand(p, "SET", c.key("a"), number)
	p = appendCommand(p, push...)
	p = appendCommand(p, "SET", c.key("b"), number)
	p = appendCommand(p, "EXEC")
	if _, err := conn.Write(p); err != nil {
		return err
	}
	for range 5 {
		if _, err := conn.reply(); err != nil {
			return err
		}
	}
	return nil
}

// look says how many steps the server has; an error: what it has can come from no number of steps.
func (c *testClient) look(addr string) (int, error) {
	conn, err := dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reply, err := conn.do("LRANGE", c.key("list"), "0", "-1")
	if err != nil {
		return 0, err
	}
	list, _ := reply.([]any)
	for i, e := range list {
		if e != c.element(i+1) {
			return 0, fmt.Errorf("element %d of the list is %.40q", i+1, e)
		}
	}
	last := len(list) - len(list)%4
	for _, key := range []string{"a", "b"} {
		value, err := conn.do("GET", c.key(key))
		if err != nil {
			return 0, err
		}
		if want := any(strconv.Itoa(last)); last > 0 && value != want || last == 0 && value != nil {
			return 0, fmt.Errorf("with %d steps key %s is %v, and the transaction made it %d", len(list), key, value, last)
		}
	}
	return len(list), nil
}

// load is clients at work.
type load struct{ wg sync.WaitGroup }

// startLoad has all clients write until their server is gone.
func startLoad(addr string, clients []*testClient) *load {
	l := &load{}
	for _, c := range clients {
		l.wg.Go(func() {
			conn, err := dial("tcp", addr)
			if err != nil {
				return
			}
			defer conn.Close()
			for {
				c.sent = c.acked + 1
				if c.step(conn, c.sent) != nil {
					return
				}
				c.acked = c.sent
			}
		})
	}
	return l
}

// wait waits until every client has noticed that the server is gone; then their counts may be read.
func (l *load) wait() { l.wg.Wait() }
