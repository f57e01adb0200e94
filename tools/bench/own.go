package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"frankenredis/conformance/testbed"
)

// ownTest is a command that redis-benchmark has no test for, with the data it needs.
type ownTest struct {
	setup   []string // fills the key bench:NAME: a command and its first words, to which elements are added
	element func(i int) []string
	n       int
	command []string
}

var ownTests = map[string]ownTest{
	"zrange10":    {[]string{"ZADD", "bench:z"}, scored, 1000, []string{"ZRANGE", "bench:z", "100", "109"}},
	"zrange100":   {[]string{"ZADD", "bench:z"}, scored, 1000, []string{"ZRANGE", "bench:z", "100", "199", "WITHSCORES"}},
	"zrangescore": {[]string{"ZADD", "bench:z"}, scored, 1000, []string{"ZRANGEBYSCORE", "bench:z", "500", "520"}},
	"zrank":       {[]string{"ZADD", "bench:z"}, scored, 1000, []string{"ZRANK", "bench:z", "member:500"}},
	"hgetall":     {[]string{"HSET", "bench:h"}, func(i int) []string { return []string{"field:" + strconv.Itoa(i), "value"} }, 50, []string{"HGETALL", "bench:h"}},
	"sinter":      {[]string{"SADD", "bench:s"}, func(i int) []string { return []string{"member:" + strconv.Itoa(i)} }, 100, []string{"SINTER", "bench:s", "bench:s"}},
	"lindex":      {[]string{"RPUSH", "bench:l"}, func(i int) []string { return []string{strconv.Itoa(i)} }, 1000, []string{"LINDEX", "bench:l", "500"}},
	"xadd":        {nil, nil, 0, []string{"XADD", "bench:x", "MAXLEN", "~", "10000", "*", "field", "value"}},
	"xrange10":    {nil, nil, 0, []string{"XRANGE", "bench:x", "-", "+", "COUNT", "10"}},
}

func scored(i int) []string { return []string{strconv.Itoa(i), "member:" + strconv.Itoa(i)} }

// prepareOwn makes what a test needs and returns its command; nothing if it is no test of ours.
func prepareOwn(server *testbed.Server, test string) ([]string, error) {
	own, isOwn := ownTests[test]
	script, isScript := scriptTests[test]
	if !isOwn && !isScript {
		return nil, nil
	}
	c, err := server.DialErr()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if isScript {
		return script.prepare(c)
	}
	return own.command, own.prepare(c)
}

// prepare fills the key that the test reads.
func (o ownTest) prepare(c *testbed.Client) error {
	if o.setup == nil {
		return nil
	}
	args := slices.Clone(o.setup)
	for i := range o.n {
		args = append(args, o.element(i)...)
	}
	if _, err := c.Do("DEL", o.setup[1]); err != nil {
		return err
	}
	if r, err := c.Do(args...); err != nil || r.Err() != nil {
		return fmt.Errorf("%s: %v, %w", args[0], r, err)
	}
	return nil
}

func ownNames() string {
	return strings.Join(append(slices.Sorted(maps.Keys(ownTests)), scriptNames()...), ",")
}

func scriptNames() []string { return slices.Sorted(maps.Keys(scriptTests)) }

// stockTests is redis-benchmark's default set.
var stockTests = []string{"ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd", "zpopmin",
	"lrange_100", "lrange_300", "lrange_500", "lrange_600", "mset"}

// allTests are redis-benchmark's and our own; what reads a stream comes behind what makes it.
func allTests() []string {
	return append(slices.Clone(stockTests), slices.Sorted(maps.Keys(ownTests))...)
}
