package main

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// corpus is a kind of data whose memory is measured: what makes it, and random changes of it.
type corpus struct {
	name string
	// fill makes n elements.
	fill func(n int) iter.Seq[[]string]
	// change is one change of a random element of n.
	change func(rnd *rand.Rand, n int) []string
}

// perCommand is how many elements one command of fill adds to a collection.
const perCommand = 50

var corpora = []corpus{
	stringsOf(8), stringsOf(64),
	{"hashes of 10 fields", func(n int) iter.Seq[[]string] {
		return func(yield func([]string) bool) {
			for i := range n / 10 {
				args := []string{"HSET", fmt.Sprintf("h:%010d", i)}
				for f := range 10 {
					args = append(args, "field"+strconv.Itoa(f), valueOf(i*10+f, 16))
				}
				if !yield(args) {
					return
				}
			}
		}
	}, func(rnd *rand.Rand, n int) []string {
		key, field := fmt.Sprintf("h:%010d", rnd.IntN(n/10)), "field"+strconv.Itoa(rnd.IntN(10))
		if rnd.IntN(2) == 0 {
			return []string{"HDEL", key, field}
		}
		return []string{"HSET", key, field, valueOf(rnd.IntN(n), 16)}
	}},
	collection("set", "SADD", "SREM", func(i, _ int) []string { return []string{"member:" + strconv.Itoa(i)} }),
	collection("hash", "HSET", "HDEL", func(i, _ int) []string { return []string{"field:" + strconv.Itoa(i), valueOf(i, 16)} }),
	collection("sorted set", "ZADD", "ZREM", func(i, n int) []string {
		const spread = 7919 // a prime: members do not come in the order of their scores
		return []string{strconv.Itoa(i * spread % n), "member:" + strconv.Itoa(i)}
	}),
	{"list", func(n int) iter.Seq[[]string] {
		return batched(n, "RPUSH", func(i int) []string { return []string{valueOf(i, 16)} })
	}, func(rnd *rand.Rand, n int) []string {
		if rnd.IntN(2) == 0 {
			return []string{"LPOP", "c"}
		}
		return []string{"RPUSH", "c", valueOf(rnd.IntN(n), 16)}
	}},
	{"stream", func(n int) iter.Seq[[]string] {
		return func(yield func([]string) bool) {
			for i := range n {
				if !yield(entryOf(strconv.Itoa(i+1)+"-1", i)) {
					return
				}
			}
		}
	}, func(rnd *rand.Rand, n int) []string {
		i := rnd.IntN(n)
		if rnd.IntN(2) == 0 {
			return []string{"XDEL", "c", strconv.Itoa(i+1) + "-1"}
		}
		return entryOf("*", i)
	}},
}

func entryOf(id string, i int) []string {
	return []string{"XADD", "c", id, "temp", strconv.Itoa(i % 40), "hum", strconv.Itoa(i % 100), "name", valueOf(i, 8)}
}

// valueOf is a value of some bytes that hardly compresses.
func valueOf(i, size int) string {
	const mix = 0x9e3779b97f4a7c15
	return strings.Repeat(fmt.Sprintf("%016x", (uint64(i)+1)*mix), 1+size/16)[:size]
}

func stringsOf(size int) corpus {
	key := func(i int) string { return fmt.Sprintf("key:%012d", i) }
	return corpus{fmt.Sprintf("strings of %d bytes", size), func(n int) iter.Seq[[]string] {
		return func(yield func([]string) bool) {
			for i := range n {
				if !yield([]string{"SET", key(i), valueOf(i, size)}) {
					return
				}
			}
		}
	}, func(rnd *rand.Rand, n int) []string {
		i := rnd.IntN(n)
		if rnd.IntN(2) == 0 {
			return []string{"DEL", key(i)}
		}
		return []string{"SET", key(i), valueOf(i, size)}
	}}
}

// collection is one collection in the key c. words are what adds element i of n; the last of a pair is the member of a sorted set, the
// first the field of a hash.
func collection(name, add, remove string, words func(i, n int) []string) corpus {
	return corpus{name, func(n int) iter.Seq[[]string] {
		return batched(n, add, func(i int) []string { return words(i, n) })
	}, func(rnd *rand.Rand, n int) []string {
		w := words(rnd.IntN(n), n)
		if rnd.IntN(2) == 0 {
			return append([]string{add, "c"}, w...)
		}
		member := w[0]
		if add == "ZADD" {
			member = w[1]
		}
		return []string{remove, "c", member}
	}}
}

func batched(n int, add string, words func(i int) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := 0; i < n; i += perCommand {
			args := []string{add, "c"}
			for j := i; j < min(i+perCommand, n); j++ {
				args = append(args, words(j)...)
			}
			if !yield(args) {
				return
			}
		}
	}
}
