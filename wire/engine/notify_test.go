package engine_test

import (
	"strings"
	"testing"

	"frankenredis/wal"
	"frankenredis/wire/config"
	"frankenredis/wire/pubsub"
)

// listener keeps the channels and payloads of RESP2 messages.
type listener struct{ got []string }

func (*listener) Proto() int { return 2 }
func (l *listener) Push(m []byte) {
	f := strings.Split(string(m), "\r\n")
	l.got = append(l.got, f[6]+"="+f[8])
}

// Each class is told only when it was asked for, through the channels that were asked for; new keys before what made them.
func TestNotify(t *testing.T) {
	for _, c := range []struct{ asked, line, want string }{
		{"", "SET k v", ""},
		{"K", "SET k v", ""},
		{"$", "SET k v", ""},
		{"Kg", "SET k v", ""},
		{"K$", "SET k v", "__keyspace@0__:k=set"},
		{"E$", "SET k v EX 5", "__keyevent@0__:set=k"},
		{"KEA", "SET k v EX 5", "__keyspace@0__:k=set __keyevent@0__:set=k __keyspace@0__:k=expire __keyevent@0__:expire=k"},
		{"Kn$", "SET k v", "__keyspace@0__:k=new __keyspace@0__:k=set"},
		{"Kn$", "SET old v", "__keyspace@0__:old=set"},
		{"KA", "GET k", ""},
		{"Em", "GET k", "__keyevent@0__:keymiss=k"},
		{"Em", "OBJECT ENCODING k", ""},
		{"Kn", "HSET h f v", "__keyspace@0__:h=new"},
		{"Kns", "SUNIONSTORE old s", "__keyspace@0__:old=sunionstore"},
		{"Kn", "COPY old k", "__keyspace@0__:k=new"},
		{"Kn", "COPY s old REPLACE", "__keyspace@0__:old=new"},
		{"Kn", "MOVE old 3", "__keyspace@3__:old=new"},
		{"Kn", "RENAME old s", "__keyspace@0__:s=new"},
	} {
		b := newBench(t)
		b.do(b.s, "SET old v")
		b.do(b.s, "SADD s m")
		l := &listener{}
		var subs pubsub.Subscriptions
		b.eng.PubSub().Subscribe(pubsub.Patterns, &subs, l, []byte("*"))
		if err := b.eng.Config().Set([]config.Pair{{Name: "notify-keyspace-events", Value: c.asked}}, config.Access{}); err != nil {
			t.Fatal(err)
		}
		b.do(b.s, c.line)
		if got := strings.Join(l.got, " "); got != c.want {
			t.Errorf("%q, %s: %s\nwant %s", c.asked, c.line, got, c.want)
		}
	}
}

// noReplicas is a replication role without replicas.
type noReplicas struct{}

func (noReplicas) Acked(wal.LSN, bool) int { return 0 }
func (noReplicas) Good(int64) int          { return 0 }
func (noReplicas) Online() bool            { return false }

// Messages are no part of the data: the log has them only where it is what replicas are sent.
func TestPublishIsStreamedToReplicasOnly(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"PUBLISH c m", "SPUBLISH c m"} {
		b.log.stream = nil
		b.do(b.s, line)
		b.turn()
		if len(b.log.stream) > 0 {
			t.Errorf("%s without replicas: %q", line, b.log.stream)
		}
	}
	b.eng.SetReplication(noReplicas{})
	b.do(b.s, "PUBLISH c m")
	b.turn()
	if want := "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$1\r\nm\r\n"; string(b.log.stream) != want {
		t.Errorf("with replicas: %q, want %q", b.log.stream, want)
	}
}
