package conformance

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"frankenredis/conformance/testbed"
)

// The client library that Go programs use finds what it expects, in both protocols.
func TestGoRedis(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Args: []string{"--appendonly", "yes"}})
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: proto, DB: proto, ClientName: "gotest",
				DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience}) // a call that is made again would count twice
			defer rdb.Close()
			ok(t, rdb.FlushDB(ctx).Err())
			t.Run("values", func(t *testing.T) { goRedisValues(t, ctx, rdb) })
			t.Run("pipeline", func(t *testing.T) { goRedisPipeline(t, ctx, rdb) })
			t.Run("transaction", func(t *testing.T) { goRedisTransaction(t, ctx, rdb) })
			t.Run("scan", func(t *testing.T) { goRedisScan(t, ctx, rdb) })
			t.Run("server", func(t *testing.T) { goRedisServer(t, ctx, rdb) })
			t.Run("pubsub", func(t *testing.T) { goRedisPubSub(t, ctx, rdb) })
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is compares a result with what it should be.
func is[T any](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, %v; want %v", what, got, err, want)
	}
}

func goRedisValues(t *testing.T, ctx context.Context, rdb *redis.Client) {
	ok(t, rdb.Set(ctx, "k", "v", time.Hour).Err())
	v, err := rdb.Get(ctx, "k").Result()
	is(t, "GET", v, err, "v")
	ttl, err := rdb.TTL(ctx, "k").Result()
	if err != nil || ttl <= 59*time.Minute || ttl > time.Hour {
		t.Errorf("TTL: %v, %v", ttl, err)
	}
	if _, err := rdb.Get(ctx, "absent").Result(); !errors.Is(err, redis.Nil) {
		t.Errorf("GET of an absent key: %v", err)
	}
	old, err := rdb.SetArgs(ctx, "k", "w", redis.SetArgs{Get: true, KeepTTL: true}).Result()
	is(t, "SET GET", old, err, "v")
	set, err := rdb.SetNX(ctx, "k", "x", 0).Result()
	is(t, "SETNX", set, err, false)
	n, err := rdb.IncrBy(ctx, "n", 41).Result()
	is(t, "INCRBY", n, err, 41)
	f, err := rdb.IncrByFloat(ctx, "n", 0.5).Result()
	is(t, "INCRBYFLOAT", f, err, 41.5)
	if err := rdb.Incr(ctx, "n").Err(); err == nil || err.Error() != "ERR value is not an integer or out of range" {
		t.Errorf("INCR of a float: %v", err)
	}
	ok(t, rdb.MSet(ctx, "a", 1, "b", "two").Err())
	all, err := rdb.MGet(ctx, "a", "absent", "b").Result()
	is(t, "MGET", all, err, []any{"1", nil, "two"})
	length, err := rdb.Append(ctx, "b", "!").Result()
	is(t, "APPEND", length, err, 4)
	part, err := rdb.GetRange(ctx, "b", 1, -2).Result()
	is(t, "GETRANGE", part, err, "wo")
	typ, err := rdb.Type(ctx, "b").Result()
	is(t, "TYPE", typ, err, "string")
	gone, err := rdb.GetDel(ctx, "b").Result()
	is(t, "GETDEL", gone, err, "two!")
	count, err := rdb.Exists(ctx, "a", "b", "k").Result()
	is(t, "EXISTS", count, err, 2)
	at := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	done, err := rdb.ExpireAt(ctx, "a", at).Result()
	is(t, "EXPIREAT", done, err, true)
	sec, err := rdb.ExpireTime(ctx, "a").Result()
	is(t, "EXPIRETIME", int64(sec/time.Second), err, at.Unix())
	done, err = rdb.ExpireGT(ctx, "a", time.Minute).Result()
	is(t, "EXPIRE GT", done, err, false)
	done, err = rdb.Persist(ctx, "a").Result()
	is(t, "PERSIST", done, err, true)
	big := string(make([]byte, 3<<20))
	ok(t, rdb.Set(ctx, "big", big, 0).Err())
	back, err := rdb.Get(ctx, "big").Result()
	if err != nil || back != big {
		t.Errorf("3 MB: %d bytes came back, %v", len(back), err)
	}
}

func goRedisPipeline(t *testing.T, ctx context.Context, rdb *redis.Client) {
	const n = 5000
	ok(t, rdb.Del(ctx, "p").Err())
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range n {
			p.Incr(ctx, "p")
		}
		return nil
	})
	ok(t, err)
	for i, c := range cmds {
		if got := c.(*redis.IntCmd).Val(); got != int64(i+1) {
			t.Fatalf("reply %d of the pipeline is %d", i+1, got)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				if err := rdb.Incr(ctx, "p").Err(); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	v, err := rdb.Get(ctx, "p").Int()
	is(t, "the counter", v, err, n+1000)
}

// goRedisTransaction: the optimistic counter of the textbook, by many at once.
func goRedisTransaction(t *testing.T, ctx context.Context, rdb *redis.Client) {
	const workers, each = 5, 20
	ok(t, rdb.Set(ctx, "tx", 0, 0).Err())
	increment := func(tx *redis.Tx) error {
		n, err := tx.Get(ctx, "tx").Int()
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "tx", n+1, 0)
			p.Set(ctx, fmt.Sprintf("tx:%d", n+1), "done", time.Minute)
			return nil
		})
		return err
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				for {
					err := rdb.Watch(ctx, increment, "tx")
					if err == nil {
						break
					}
					if !errors.Is(err, redis.TxFailedErr) {
						t.Error(err)
						return
					}
				}
			}
		}()
	}
	wg.Wait()
	n, err := rdb.Get(ctx, "tx").Int()
	is(t, "the counter", n, err, workers*each)
}

// goRedisScan: keys that are there from start to end are found, whatever comes and goes meanwhile (SCAN's guarantee).
func goRedisScan(t *testing.T, ctx context.Context, rdb *redis.Client) {
	ok(t, rdb.FlushDB(ctx).Err())
	const stay = 2000
	fill := func(prefix string, from, to int) {
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < to; i++ {
				p.Set(ctx, fmt.Sprintf("%s:%d", prefix, i), i, 0)
			}
			return nil
		})
		ok(t, err)
	}
	fill("stay", 0, stay)
	found := map[string]bool{}
	it := rdb.Scan(ctx, 0, "stay:*", 50).Iterator()
	for i := 0; it.Next(ctx); i++ {
		found[it.Val()] = true
		if i%100 == 0 { // the table grows to many times its size, then shrinks
			fill("come", i*50, i*50+5000)
		}
		if i == 1500 {
			_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
				for j := range 150000 {
					p.Del(ctx, fmt.Sprintf("come:%d", j))
				}
				return nil
			})
			ok(t, err)
		}
	}
	ok(t, it.Err())
	if len(found) != stay {
		t.Errorf("SCAN found %d of %d keys that were always there", len(found), stay)
	}
	keys, err := rdb.Keys(ctx, "stay:1?").Result()
	slices.Sort(keys)
	var want []string
	for i := 10; i < 20; i++ {
		want = append(want, fmt.Sprintf("stay:%d", i))
	}
	is(t, "KEYS", keys, err, want)
	random, err := rdb.RandomKey(ctx).Result()
	if err != nil || random == "" {
		t.Errorf("RANDOMKEY: %q, %v", random, err)
	}
}

func goRedisServer(t *testing.T, ctx context.Context, rdb *redis.Client) {
	name, err := rdb.ClientGetName(ctx).Result()
	is(t, "CLIENT GETNAME", name, err, "gotest")
	list, err := rdb.ClientList(ctx).Result()
	if err != nil || list == "" {
		t.Errorf("CLIENT LIST: %q, %v", list, err)
	}
	info, err := rdb.ClientInfo(ctx).Result()
	if err != nil || info.Name != "gotest" || info.LastCmd != "client|info" {
		t.Errorf("CLIENT INFO: %+v, %v", info, err)
	}
	cfg, err := rdb.ConfigGet(ctx, "appendonly").Result()
	is(t, "CONFIG GET", cfg, err, map[string]string{"appendonly": "yes"})
	now, err := rdb.Time(ctx).Result()
	if d := time.Since(now); err != nil || d < -time.Minute || d > time.Minute {
		t.Errorf("TIME: %v, %v", now, err)
	}
	size, err := rdb.DBSize(ctx).Result()
	if err != nil || size == 0 {
		t.Errorf("DBSIZE: %d, %v", size, err)
	}
	cmds, err := rdb.Command(ctx).Result()
	if err != nil || cmds["get"] == nil || !cmds["get"].ReadOnly || cmds["set"].FirstKeyPos != 1 {
		t.Errorf("COMMAND: %d commands, %v", len(cmds), err)
	}
	keys, err := rdb.CommandGetKeys(ctx, "MSET", "a", "1", "b", "2").Result()
	is(t, "COMMAND GETKEYS", keys, err, []string{"a", "b"})
}

func goRedisPubSub(t *testing.T, ctx context.Context, rdb *redis.Client) {
	sub := rdb.Subscribe(ctx, "news", "weather")
	defer sub.Close()
	for i, name := range []string{"news", "weather"} {
		r, err := sub.Receive(ctx)
		is(t, "acknowledgement", r, err, any(&redis.Subscription{Kind: "subscribe", Channel: name, Count: i + 1}))
	}
	ok(t, sub.PSubscribe(ctx, "n*"))
	r, err := sub.Receive(ctx)
	is(t, "acknowledgement", r, err, any(&redis.Subscription{Kind: "psubscribe", Channel: "n*", Count: 3}))
	n, err := rdb.Publish(ctx, "news", "one").Result()
	is(t, "PUBLISH", n, err, 2)
	for _, pattern := range []string{"", "n*"} {
		m, err := sub.ReceiveMessage(ctx)
		is(t, "message", m, err, &redis.Message{Channel: "news", Pattern: pattern, Payload: "one"})
	}
	ok(t, sub.Ping(ctx, "there"))
	if r, err = sub.Receive(ctx); err != nil || r.(*redis.Pong).Payload != "there" {
		t.Errorf("PING: %v, %v", r, err)
	}
	ok(t, sub.Unsubscribe(ctx, "news"))
	ok(t, sub.PUnsubscribe(ctx, "n*"))
	for i, kind := range []string{"unsubscribe", "punsubscribe"} {
		r, err := sub.Receive(ctx)
		is(t, "acknowledgement", r, err, any(&redis.Subscription{Kind: kind, Channel: []string{"news", "n*"}[i], Count: 2 - i}))
	}

	shard := rdb.SSubscribe(ctx, "news")
	defer shard.Close()
	_, err = shard.Receive(ctx)
	ok(t, err)
	n, err = rdb.SPublish(ctx, "news", "two").Result()
	is(t, "SPUBLISH", n, err, 1)
	m, err := shard.ReceiveMessage(ctx)
	is(t, "shard message", m, err, &redis.Message{Channel: "news", Payload: "two"})

	channels, err := rdb.PubSubChannels(ctx, "*").Result()
	is(t, "PUBSUB CHANNELS", channels, err, []string{"weather"})
	counts, err := rdb.PubSubNumSub(ctx, "weather", "news").Result()
	is(t, "PUBSUB NUMSUB", counts, err, map[string]int64{"weather": 1, "news": 0})
	counts, err = rdb.PubSubShardNumSub(ctx, "news").Result()
	is(t, "PUBSUB SHARDNUMSUB", counts, err, map[string]int64{"news": 1})

	// The library's own loop: messages come in order through a channel of Go's.
	incoming := sub.Channel(redis.WithChannelHealthCheckInterval(0))
	for i := range 100 {
		ok(t, rdb.Publish(ctx, "weather", i).Err())
	}
	for i := range 100 {
		select {
		case m := <-incoming:
			is(t, "message", m.Payload, nil, fmt.Sprint(i))
		case <-ctx.Done():
			t.Fatalf("message %d does not come", i)
		}
	}
}
