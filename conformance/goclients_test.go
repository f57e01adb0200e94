package conformance

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"frankenredis/conformance/testbed"
)

// redigo: a pool, pipelines, a script, a transaction, messages, and structures from hashes.
func TestRedigo(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{})
	pool := &redigo.Pool{MaxIdle: 2, Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", s.Addr()) },
		TestOnBorrow: func(c redigo.Conn, _ time.Time) error { _, err := c.Do("PING"); return err }}
	defer pool.Close()
	c := pool.Get()
	defer c.Close()

	_, err := c.Do("HSET", "h", "Name", "n", "Count", 7)
	ok(t, err)
	var into struct {
		Name  string
		Count int
	}
	fields, err := redigo.Values(c.Do("HGETALL", "h"))
	ok(t, err)
	ok(t, redigo.ScanStruct(fields, &into))
	if into.Name != "n" || into.Count != 7 {
		t.Errorf("HGETALL: %+v", into)
	}
	for range 3 {
		ok(t, c.Send("INCR", "n"))
	}
	ok(t, c.Flush())
	for i := range 3 {
		n, err := redigo.Int(c.Receive())
		is(t, "INCR in a pipeline", n, err, i+1)
	}
	double := redigo.NewScript(1, "return redis.call('GET', KEYS[1]) * ARGV[1]")
	n, err := redigo.Int(double.Do(c, "n", 2))
	is(t, "a script", n, err, 6)
	ok(t, c.Send("MULTI"))
	ok(t, c.Send("SET", "k", "v"))
	ok(t, c.Send("GET", "k"))
	got, err := redigo.Strings(c.Do("EXEC"))
	is(t, "EXEC", got, err, []string{"OK", "v"})

	sub := redigo.PubSubConn{Conn: pool.Get()}
	defer sub.Close()
	ok(t, sub.Subscribe("ch"))
	if _, subscribed := sub.ReceiveWithTimeout(patience).(redigo.Subscription); !subscribed {
		t.Fatal("SUBSCRIBE was not acknowledged")
	}
	_, err = c.Do("PUBLISH", "ch", "hello")
	ok(t, err)
	if m, is := sub.ReceiveWithTimeout(patience).(redigo.Message); !is || m.Channel != "ch" || string(m.Data) != "hello" {
		t.Errorf("message %+v", m)
	}
}

// rueidis: RESP3 with client side caching, pipelines made of concurrent calls, a dedicated connection for WATCH, and messages.
func TestRueidis(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()}, ForceSingleClient: true, ConnWriteTimeout: patience, Dialer: net.Dialer{Timeout: patience}})
	ok(t, err)
	defer c.Close()
	other := s.Dial(t)

	ok(t, c.Do(ctx, c.B().Set().Key("k").Value("1").Build()).Error())
	for i, cached := range []bool{false, true} {
		r := c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Hour)
		v, err := r.ToString()
		is(t, "GET through the cache", v, err, "1")
		if r.IsCacheHit() != cached {
			t.Errorf("read %d from the cache: %v", i+1, r.IsCacheHit())
		}
	}
	other.Call(t, "SET", "k", "2")
	waitFor(t, "a changed key to leave the client's cache", func() bool {
		v, err := c.DoCache(ctx, c.B().Get().Key("k").Cache(), time.Hour).ToString()
		ok(t, err)
		return v == "2"
	})
	for i, r := range c.DoMulti(ctx, c.B().Incr().Key("n").Build(), c.B().Incr().Key("n").Build(), c.B().Lpush().Key("k").Element("x").Build()) {
		if n, err := r.ToInt64(); i < 2 && (err != nil || n != int64(i+1)) || i == 2 && (err == nil || !strings.Contains(err.Error(), "WRONGTYPE")) {
			t.Errorf("command %d of a pipeline: %d, %v", i, n, err)
		}
	}
	ok(t, c.Dedicated(func(d rueidis.DedicatedClient) error {
		for _, r := range d.DoMulti(ctx, d.B().Watch().Key("w").Build(), d.B().Multi().Build(), d.B().Set().Key("w").Value("1").Build()) {
			if r.Error() != nil {
				return r.Error()
			}
		}
		other.Call(t, "SET", "w", "2")
		if err := d.Do(ctx, d.B().Exec().Build()).Error(); !rueidis.IsRedisNil(err) {
			t.Errorf("EXEC after a watched key has changed: %v", err)
		}
		return nil
	}))
	heard := make(chan string, 1)
	listening, stopListening := context.WithCancel(ctx)
	defer stopListening()
	go func() {
		_ = c.Receive(listening, c.B().Subscribe().Channel("ch").Build(), func(m rueidis.PubSubMessage) { heard <- m.Message })
	}()
	waitFor(t, "a subscriber", func() bool { return other.Call(t, "PUBLISH", "ch", "hello").Int > 0 })
	if m := <-heard; m != "hello" {
		t.Errorf("message %q", m)
	}
}

// Cluster clients find their way through a cluster of one node.
func TestClusterClients(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"}})
	direct := s.Dial(t)
	direct.Call(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	waitForText(t, func() string { return direct.Call(t, "CLUSTER", "INFO").Str }, "cluster_state:ok")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	t.Run("go-redis", func(t *testing.T) {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.Addr()}, DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience})
		defer c.Close()
		ok(t, c.Set(ctx, "a", "1", 0).Err())
		v, err := c.Get(ctx, "a").Result()
		is(t, "GET", v, err, "1")
		cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "b", "2", 0)
			p.Get(ctx, "a")
			return nil
		})
		ok(t, err)
		is(t, "a pipeline over slots", cmds[1].(*redis.StringCmd).Val(), nil, "1")
		if err := c.MGet(ctx, "a", "b").Err(); err == nil || !strings.Contains(err.Error(), "CROSSSLOT") {
			t.Errorf("MGET over slots: %v", err)
		}
		n := 0
		ok(t, c.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error { n++; return node.Ping(ctx).Err() }))
		is(t, "shards", n, nil, 1)
		slots, err := c.ClusterSlots(ctx).Result()
		is(t, "CLUSTER SLOTS", len(slots), err, 1)
		shards, err := c.ClusterShards(ctx).Result()
		if err != nil || len(shards) != 1 || shards[0].Nodes[0].Role != "master" || shards[0].Nodes[0].Health != "online" {
			t.Errorf("CLUSTER SHARDS: %+v, %v", shards, err)
		}
		sub := c.SSubscribe(ctx, "shard")
		defer sub.Close()
		_, err = sub.Receive(ctx)
		ok(t, err)
		ok(t, c.SPublish(ctx, "shard", "hello").Err())
		m, err := sub.ReceiveMessage(ctx)
		ok(t, err)
		is(t, "a message of a shard channel", m.Payload, nil, "hello")
	})
	t.Run("rueidis", func(t *testing.T) {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()}, ConnWriteTimeout: patience, Dialer: net.Dialer{Timeout: patience}})
		ok(t, err)
		defer c.Close()
		ok(t, c.Do(ctx, c.B().Set().Key("r").Value("1").Build()).Error())
		v, err := c.DoCache(ctx, c.B().Get().Key("r").Cache(), time.Minute).ToString()
		is(t, "GET", v, err, "1")
		for _, r := range c.DoMulti(ctx, c.B().Get().Key("a").Build(), c.B().Get().Key("r").Build()) {
			v, err := r.ToString()
			is(t, "a pipeline over slots", v, err, "1")
		}
	})
}
