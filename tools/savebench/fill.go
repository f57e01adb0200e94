package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"frankenredis/conformance/testbed"
)

// Keys of the data set: strings under s:, and one prefix for each other type. The load reads and writes all of them.
const (
	stringBytes = 200
	hashFields  = 20
	listItems   = 40
	setMembers  = 20
	zsetMembers = 20
	// Of a hundred keys so many are strings, hashes, lists, sets and sorted sets; a collection has about 1 KB.
	shareString, shareHash, shareList, shareSet, shareZset = 70, 12, 8, 5, 5
	// bytesPerKey is what a key takes on the average, roughly, in redis-server.
	bytesPerKey = 500
)

var text = strings.Repeat("the quick brown fox jumps over the lazy dog 0123456789 ", 8)

// value is a payload of so many bytes that compresses a little.
func value(r *rand.Rand, n int) string {
	head := strconv.FormatUint(r.Uint64(), 36)
	at := r.IntN(60)
	return (head + text[at:])[:n]
}

// makeKey is the command that makes key number i.
func makeKey(r *rand.Rand, i int) []string {
	id := strconv.Itoa(i)
	switch n := i % 100; {
	case n < shareString:
		return []string{"SET", "s:" + id, value(r, stringBytes)}
	case n < shareString+shareHash:
		args := []string{"HSET", "h:" + id}
		for f := range hashFields {
			args = append(args, "field"+strconv.Itoa(f), value(r, 40))
		}
		return args
	case n < shareString+shareHash+shareList:
		args := []string{"RPUSH", "l:" + id}
		for range listItems {
			args = append(args, value(r, 24))
		}
		return args
	case n < shareString+shareHash+shareList+shareSet:
		args := []string{"SADD", "e:" + id}
		for range setMembers {
			args = append(args, value(r, 16))
		}
		return args
	}
	args := []string{"ZADD", "z:" + id}
	for range zsetMembers {
		args = append(args, strconv.Itoa(r.IntN(1e6)), value(r, 16))
	}
	return args
}

// request is one of the load's: every second one writes, to any key.
func request(r *rand.Rand, keys int) []string {
	i := r.IntN(keys)
	id := strconv.Itoa(i)
	write := r.IntN(2) == 0
	switch n := i % 100; {
	case n < shareString:
		if write {
			return []string{"SET", "s:" + id, value(r, stringBytes)}
		}
		return []string{"GET", "s:" + id}
	case n < shareString+shareHash:
		if write {
			return []string{"HSET", "h:" + id, "field" + strconv.Itoa(r.IntN(hashFields)), value(r, 40)}
		}
		return []string{"HGET", "h:" + id, "field3"}
	case n < shareString+shareHash+shareList:
		if write {
			return []string{"LSET", "l:" + id, strconv.Itoa(r.IntN(listItems)), value(r, 24)}
		}
		return []string{"LINDEX", "l:" + id, "7"}
	case n < shareString+shareHash+shareList+shareSet:
		if write {
			return []string{"SADD", "e:" + id, "x" + strconv.Itoa(r.IntN(8))}
		}
		return []string{"SCARD", "e:" + id}
	}
	if write {
		return []string{"ZADD", "z:" + id, strconv.Itoa(r.IntN(1e6)), "x" + strconv.Itoa(r.IntN(8))}
	}
	return []string{"ZCARD", "z:" + id}
}

// fill makes the data set over some connections.
func fill(s *testbed.Server, keys int) error {
	const conns, batch = 3, 500
	var wg sync.WaitGroup
	errs := make([]error, conns)
	for n := range conns {
		wg.Go(func() {
			c, err := s.DialErr()
			if err != nil {
				errs[n] = err
				return
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(uint64(n), 7))
			var out []byte
			for i := n; i < keys; {
				out = out[:0]
				sent := 0
				for ; sent < batch && i < keys; i += conns {
					out = testbed.AppendCommand(out, makeKey(r, i)...)
					sent++
				}
				if errs[n] = c.SendRaw(out); errs[n] != nil {
					return
				}
				for range sent {
					reply, err := c.Receive()
					if err == nil {
						err = reply.Err()
					}
					if err != nil {
						errs[n] = fmt.Errorf("filling: %w", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
