package command

import (
	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
	"frankenredis/wire/pubsub"
)

const (
	subscribeFlags = engine.PubSub | engine.NoScript | engine.Loading | engine.Stale | engine.Subscribed
	publishFlags   = engine.PubSub | engine.Loading | engine.Stale | engine.Fast | engine.MayReplicate
	askFlags       = engine.PubSub | engine.Loading | engine.Stale
)

// shardKeys are where shard channels stand: no keys, but they are told by the same means.
var shardKeys = []engine.KeySpec{{Flags: engine.KeyNotKey, Index: 1, Last: -1, Step: 1}}

var pubsubCommands = []engine.Spec{
	{Name: "psubscribe", Arity: -2, Flags: subscribeFlags, Channels: engine.EveryPattern, Handler: subscribeTo(pubsub.Patterns, "psubscribe")},
	{Name: "publish", Arity: 3, Flags: publishFlags, Channels: engine.FirstChannel, Handler: publishCommand},
	{Name: "pubsub", Arity: -2, Sub: []engine.Spec{
		{Name: "channels", Arity: -2, Flags: askFlags, Handler: pubsubChannels(pubsub.Channels)},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: pubsubHelpCommand},
		{Name: "numpat", Arity: 2, Flags: askFlags, Handler: pubsubNumpatCommand},
		{Name: "numsub", Arity: -2, Flags: askFlags, Handler: pubsubNumsub(pubsub.Channels)},
		{Name: "shardchannels", Arity: -2, Flags: askFlags, Handler: pubsubChannels(pubsub.Shards)},
		{Name: "shardnumsub", Arity: -2, Flags: askFlags, Handler: pubsubNumsub(pubsub.Shards)},
	}},
	{Name: "punsubscribe", Arity: -1, Flags: subscribeFlags, Handler: unsubscribeFrom(pubsub.Patterns, "punsubscribe")},
	{Name: "spublish", Arity: 3, Flags: publishFlags, Keys: []engine.KeySpec{{Flags: engine.KeyNotKey, Index: 1, Step: 1}},
		Channels: engine.FirstChannel, Handler: spublishCommand},
	{Name: "ssubscribe", Arity: -2, Flags: subscribeFlags, Keys: shardKeys, Channels: engine.EveryChannel, Handler: ssubscribeCommand},
	{Name: "subscribe", Arity: -2, Flags: subscribeFlags, Channels: engine.EveryChannel, Handler: subscribeTo(pubsub.Channels, "subscribe")},
	{Name: "sunsubscribe", Arity: -1, Flags: subscribeFlags, Keys: shardKeys, Handler: unsubscribeFrom(pubsub.Shards, "sunsubscribe")},
	{Name: "unsubscribe", Arity: -1, Flags: subscribeFlags, Handler: unsubscribeFrom(pubsub.Channels, "unsubscribe")},
}

// acknowledge answers one change of subscriptions with the number there are now: of channels and patterns together, or of
// shard channels. name is nil when there was nothing to unsubscribe from. Being a message it comes although CLIENT REPLY
// mutes the client.
func acknowledge(c *engine.Call, k pubsub.Kind, word string, name []byte) {
	subs := &c.S.Subs
	n := subs.Count(pubsub.Channels) + subs.Count(pubsub.Patterns)
	if k == pubsub.Shards {
		n = subs.Count(pubsub.Shards)
	}
	at := len(c.W.Buf)
	c.W.Push(3)
	c.W.BulkString(word)
	if name == nil {
		c.W.Null()
	} else {
		c.W.Bulk(name)
	}
	c.W.Int(int64(n))
	if c.S.Muted() {
		c.S.Pushes = append(c.S.Pushes, c.W.Buf[at:]...)
		c.W.Buf = c.W.Buf[:at]
	}
}

func subscribeTo(k pubsub.Kind, word string) engine.Handler {
	return func(c *engine.Call) error {
		for _, name := range c.Args[1:] {
			c.E.PubSub().Subscribe(k, &c.S.Subs, c.S, name)
			acknowledge(c, k, word, name)
		}
		return nil
	}
}

// ssubscribeCommand is not for transactions, where SUBSCRIBE is.
func ssubscribeCommand(c *engine.Call) error {
	if !c.CanBlock() {
		return engine.ReplyError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
	}
	return subscribeTo(pubsub.Shards, "ssubscribe")(c)
}

func unsubscribeFrom(k pubsub.Kind, word string) engine.Handler {
	return func(c *engine.Call) error {
		hub, subs := c.E.PubSub(), &c.S.Subs
		switch {
		case len(c.Args) > 1:
			for _, name := range c.Args[1:] {
				hub.Unsubscribe(k, subs, name)
				acknowledge(c, k, word, name)
			}
		case subs.Count(k) == 0:
			acknowledge(c, k, word, nil)
		default:
			hub.Leave(k, subs, func(name []byte) { acknowledge(c, k, word, name) })
		}
		return nil
	}
}

func publishCommand(c *engine.Call) error {
	return publish(c, false)
}

func spublishCommand(c *engine.Call) error {
	return publish(c, true)
}

// publish tells the subscribers here, and those at replicas: in a cluster over its bus, else over the stream.
func publish(c *engine.Call, shard bool) error {
	c.W.Int(int64(c.E.Publish(c.Args[1], c.Args[2], shard)))
	if c.E.Cluster() == nil {
		c.ToReplicas()
	}
	return nil
}

func pubsubChannels(k pubsub.Kind) engine.Handler {
	return func(c *engine.Call) error {
		if len(c.Args) > 3 {
			return errSubcommand(c)
		}
		at, n := len(c.W.Buf), 0
		c.E.PubSub().Names(k, func(name []byte) {
			if len(c.Args) == 2 || glob.Match(c.Args[2], name, false) {
				c.W.Bulk(name)
				n++
			}
		})
		c.W.ArrayAt(at, n)
		return nil
	}
}

func pubsubNumsub(k pubsub.Kind) engine.Handler {
	return func(c *engine.Call) error {
		c.W.Array(2 * (len(c.Args) - 2))
		for _, name := range c.Args[2:] {
			c.W.Bulk(name)
			c.W.Int(int64(c.E.PubSub().Subscribers(k, name)))
		}
		return nil
	}
}

func pubsubNumpatCommand(c *engine.Call) error {
	c.W.Int(int64(c.E.PubSub().Len(pubsub.Patterns)))
	return nil
}

func pubsubHelpCommand(c *engine.Call) error {
	return help(c,
		"CHANNELS [<pattern>]", "    Channels with subscribers, all or those that match.",
		"NUMPAT", "    How many patterns are subscribed to.",
		"NUMSUB [<channel> ...]", "    How many subscribers these channels have, patterns aside.",
		"SHARDCHANNELS [<pattern>]", "    Shard channels with subscribers, all or those that match.",
		"SHARDNUMSUB [<shardchannel> ...]", "    How many subscribers these shard channels have.")
}
