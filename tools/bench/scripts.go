package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"

	"frankenredis/conformance/testbed"
)

// scriptTest is a script that is called by EVALSHA with its keys and arguments, or a function if library is its library.
type scriptTest struct {
	body    string
	keys    []string
	args    []string
	library bool // body is a library with the function f
	setup   [][]string
}

// scriptTests are what scripts are used for, and what the language costs by itself.
var scriptTests = map[string]scriptTest{
	"eval1":  {body: "return redis.call('INCR', KEYS[1])", keys: []string{"bench:e"}},
	"fcall1": {body: "#!lua name=bench\nredis.register_function('f', function(keys) return redis.call('INCR', keys[1]) end)", keys: []string{"bench:e"}, library: true},
	"eval10": {body: `
local k = KEYS[1]
redis.call('SET', k, ARGV[1])
redis.call('INCRBY', k, 5)
redis.call('PEXPIRE', k, 60000)
local n = tonumber(redis.call('GET', k))
redis.call('HSET', KEYS[2], 'n', n, 'at', ARGV[2])
local at = redis.call('HGET', KEYS[2], 'at')
redis.call('ZADD', KEYS[3], n, 'member')
local score = redis.call('ZSCORE', KEYS[3], 'member')
redis.call('LPUSH', KEYS[4], at)
redis.call('LTRIM', KEYS[4], 0, 9)
return {n, at, score}`, keys: []string{"bench:e1", "bench:e2", "bench:e3", "bench:e4"}, args: []string{"1", "some text"}},
	// A token bucket as rate limiters have it: two fields, refilled by the time that has passed.
	"bucket": {body: `
local b = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local rate, burst, now, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tokens, at = tonumber(b[1]) or burst, tonumber(b[2]) or 0
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local allowed = tokens >= want
if allowed then tokens = tokens - want end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) * 2)
return {allowed and 1 or 0, tostring(tokens)}`, keys: []string{"bench:b"}, args: []string{"1000", "1000000", "1700000000.25", "1"}},
	// The steps of a queue that gives a job to a worker: taken off, locked, marked, told of, its data read; and put back.
	"jobmove": {setup: [][]string{{"DEL", "bench:wait", "bench:active", "bench:events"}, {"LPUSH", "bench:wait", "1", "2", "3"},
		{"HSET", "bench:job:1", "name", "n", "data", "{\"a\":1}", "opts", "{}", "timestamp", "1700000000000"},
		{"HSET", "bench:job:2", "name", "n", "data", "{\"a\":2}", "opts", "{}", "timestamp", "1700000000000"},
		{"HSET", "bench:job:3", "name", "n", "data", "{\"a\":3}", "opts", "{}", "timestamp", "1700000000000"}},
		body: `
local function keyOf(id) return ARGV[1] .. id end
local opts = cmsgpack.unpack(cmsgpack.pack({token = ARGV[3], lockDuration = 30000}))
if redis.call('EXISTS', KEYS[4]) == 1 then return {0} end
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if not id then return {0} end
local key = keyOf(id)
redis.call('SET', key .. ':lock', opts.token, 'PX', opts.lockDuration)
redis.call('HSET', key, 'processedOn', ARGV[2])
redis.call('HINCRBY', key, 'ats', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
local job = redis.call('HGETALL', key)
redis.call('LREM', KEYS[2], -1, id)
redis.call('DEL', key .. ':lock')
redis.call('LPUSH', KEYS[1], id)
return {job, id}`, keys: []string{"bench:wait", "bench:active", "bench:events", "bench:paused"}, args: []string{"bench:job:", "1700000000000", "token"}},
	"lualoop":   {body: "local s = 0 for i = 1, 2000 do s = s + i % 7 * 2 end return s"},
	"luastring": {body: "local s = '' for i = 1, 200 do s = s .. 'x' .. i end return #s"},
	"luaconcat": {body: "local t = {} for i = 1, 200 do t[#t + 1] = 'item' .. i end return #table.concat(t, ',')"},
	"luatable":  {body: "local t = {} for i = 1, 1000 do t[i] = i end return #t"},
	"luafields": {body: "local t = {} for i = 1, 200 do t['k' .. i] = i end local n = 0 for k, v in pairs(t) do n = n + v end return n"},
	"luacall":   {body: "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(12)"},
	"luajson":   {body: `return #cjson.encode(cjson.decode('{"id":12,"name":"some","tags":["a","b","c"],"nested":{"x":1.5,"y":true,"z":null}}'))`},
}

// prepare loads the script and makes what it needs; it returns the command that calls it.
func (s scriptTest) prepare(c *testbed.Client) ([]string, error) {
	load, call := []string{"SCRIPT", "LOAD", s.body}, []string{"EVALSHA", ""}
	if s.library {
		load, call = []string{"FUNCTION", "LOAD", "REPLACE", s.body}, []string{"FCALL", "f"}
	} else {
		sum := sha1.Sum([]byte(s.body))
		call[1] = hex.EncodeToString(sum[:])
	}
	call = append(call, fmt.Sprint(len(s.keys)))
	call = append(append(call, s.keys...), s.args...)
	for _, args := range append(s.setup, load, call) {
		if r, err := c.Do(args...); err != nil || r.Err() != nil {
			return nil, fmt.Errorf("%s: %v, %w", args[0], r, err)
		}
	}
	return call, nil
}
