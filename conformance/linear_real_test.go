package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// realTarget is a server under test.
type realTarget struct {
	t      *testing.T
	server *testbed.Server
	rnd    *rand.Rand
}

func newRealTarget(t *testing.T, seed uint64, args []string) *realTarget {
	return &realTarget{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), server: testbed.Start(t, testbed.Options{Args: append([]string{
		"--appendonly", "yes", "--auto-aof-rewrite-min-size", "300kb", "--auto-aof-rewrite-percentage", "50"}, args...)})}
}

func (s *realTarget) open() (performer, error) {
	c, err := s.server.DialErr()
	if err != nil {
		return nil, err
	}
	return &realPerformer{c}, nil
}

// disturb has the server stand still for some time, or rewrite its log.
func (s *realTarget) disturb() {
	if s.rnd.IntN(3) == 0 {
		if c, err := s.server.DialErr(); err == nil {
			_, _ = c.Do("BGREWRITEAOF")
			c.Close()
		}
		return
	}
	_ = s.server.Signal(syscall.SIGSTOP)
	time.Sleep(time.Duration(s.rnd.IntN(20)) * time.Millisecond)
	_ = s.server.Signal(syscall.SIGCONT)
}

func (s *realTarget) crash() {
	if s.rnd.IntN(2) == 0 { // requests pile up before it
		_ = s.server.Signal(syscall.SIGSTOP)
		time.Sleep(time.Duration(s.rnd.IntN(10)) * time.Millisecond)
	}
	s.server.Kill()
}

func (s *realTarget) restart() error {
	if s.rnd.IntN(3) == 0 {
		killWhileStarting(s.t, s.server, time.Duration(s.rnd.IntN(30))*time.Millisecond)
	}
	return s.server.Restart()
}

// realPerformer makes calls by commands.
type realPerformer struct{ c *testbed.Client }

func (p *realPerformer) close() { p.c.Close() }

// errRefused is a reply that is an error.
var errRefused = errors.New("refused")

const spendScript = `local have = tonumber(redis.call('GET', KEYS[1]) or 0)
if have < tonumber(ARGV[1]) then return {} end
return {redis.call('DECRBY', KEYS[1], ARGV[1]), redis.call('INCRBY', KEYS[2], ARGV[1])}`

func (p *realPerformer) perform(c request) (string, error) {
	args := strings.Fields(c.args)
	left, right := c.name+":left", c.name+":right"
	account := func(i string) string { return c.name + ":" + i }
	switch c.kind + " " + c.op {
	case "register SET", "list LPUSH", "counter INCRBY":
		return p.one(c.op, c.name, args[0])
	case "register GETSET":
		return p.one("SET", c.name, args[0], "GET")
	case "register GET", "counter GET":
		return p.one("GET", c.name)
	case "register WATCH":
		replies, err := p.all([]string{"WATCH", c.name}, []string{"GET", c.name})
		return last(replies, err)
	case "register CAS":
		replies, err := p.all([]string{"MULTI"}, []string{"SET", c.name, args[1]}, []string{"EXEC"})
		return last(replies, err)
	case "list RPOP":
		return p.one("RPOP", c.name)
	case "list ROTATE":
		return p.one("LMOVE", c.name, c.name, "RIGHT", "LEFT")
	case "list GET":
		return p.one("LRANGE", c.name, "0", "-1")
	case "bank TRANSFER":
		replies, err := p.all([]string{"MULTI"}, []string{"DECRBY", account(args[0]), args[2]}, []string{"INCRBY", account(args[1]), args[2]}, []string{"EXEC"})
		return last(replies, err)
	case "bank SPEND":
		return p.one("EVAL", spendScript, "2", account(args[0]), account(args[1]), args[2])
	case "bank GET":
		get := []string{"MGET"}
		for i := range accounts {
			get = append(get, account(strconv.Itoa(i)))
		}
		sums, err := p.one(get...)
		return join(balances(sums)), err
	case "pair MSET":
		done, err := p.one("MSET", left, args[0], right, args[0])
		return done + " " + done, err
	case "pair MULTI", "far MSET", "far MULTI":
		return p.transaction(c.kind, []string{"SET", left, args[0]}, []string{"SET", right, args[0]})
	case "pair GET", "far GET":
		return p.transaction(c.kind, []string{"GET", left}, []string{"GET", right})
	}
	panic("no commands for " + c.kind + " " + c.op)
}

// transaction makes a unit of two commands; of a far pair the second one is for another database. The reply is those of both.
func (p *realPerformer) transaction(kind string, first, second []string) (string, error) {
	far := "0"
	if kind == "far" {
		far = "3"
	}
	text, err := last(p.all([]string{"MULTI"}, first, []string{"SELECT", far}, second, []string{"SELECT", "0"}, []string{"EXEC"}))
	if replies := strings.Fields(text); err == nil && len(replies) == 4 {
		text = replies[0] + " " + replies[2]
	}
	return text, err
}

// one sends a command.
func (p *realPerformer) one(args ...string) (string, error) { return last(p.all(args)) }

// all sends commands at once.
func (p *realPerformer) all(commands ...[]string) ([]testbed.Reply, error) {
	var out []byte
	for _, args := range commands {
		out = testbed.AppendCommand(out, args...)
	}
	if err := p.c.SendRaw(out); err != nil {
		return nil, err
	}
	var replies []testbed.Reply
	for range commands {
		r, err := p.c.Receive()
		if err != nil {
			return nil, err
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// last is the text of the last reply, of an aggregate its elements separated by blanks.
func last(replies []testbed.Reply, err error) (string, error) {
	if err != nil {
		return "", err
	}
	for _, r := range replies {
		if err := r.Err(); err != nil {
			return "", fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return replyText(replies[len(replies)-1]), nil
}

func replyText(r testbed.Reply) string {
	if r.Kind != testbed.Array {
		return orNothing(r.String())
	}
	var texts []string
	for _, e := range r.Elems {
		texts = append(texts, replyText(e))
	}
	return orNothing(strings.Join(texts, " "))
}
