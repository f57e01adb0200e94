package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// The slots are those that Redis's documentation and clients know.
func TestKeySlot(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x31C3 {
		t.Fatalf("CRC16 of 123456789 is %#x", got)
	}
	for key, want := range map[string]uint16{
		"": 0, "foo": 12182, "{foo}bar": 12182, "bar{foo}": 12182, "a{}b": 13694, "{{a}}b": 10276, "b": 3300, "a": 15495, "{b": KeySlot([]byte("{b")),
	} {
		if got := KeySlot([]byte(key)); got != want {
			t.Errorf("%q: slot %d, want %d", key, got, want)
		}
	}
}

const threeNodes = `875cdc3232aa00dff9752711ba01207b0d1d7af3 127.0.0.1:7001@17001,,tls-port=0,nodename=nick,shard-id=cd8e6db555ee70d1041d43ceba42da63bbdf7bbd myself,master - 0 0 5 connected 0-8000 [100->-b2a38db0bfc1ae6510717f0d856c96ea840b864a] [9000-<-b2a38db0bfc1ae6510717f0d856c96ea840b864a]
b2a38db0bfc1ae6510717f0d856c96ea840b864a 127.0.0.1:7002@17002,host,tls-port=0,shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276 master - 0 0 1 disconnected 8001-16382 16383
c2a38db0bfc1ae6510717f0d856c96ea840b864a 127.0.0.1:7003@17003,,tls-port=0,shard-id=7066ffb33fdec6470e925b5d643e8ebb22aa0276 slave b2a38db0bfc1ae6510717f0d856c96ea840b864a 0 0 1 disconnected
vars currentEpoch 7 lastVoteEpoch 3
`

// What is read is written again. Quotes are those of redis.conf, as in Redis.
func TestFile(t *testing.T) {
	now := time.UnixMilli(1000)
	s, unknown, err := Parse([]byte(strings.Replace(threeNodes, "vars currentEpoch", "vars later '7' \"current\\x45poch\"", 1)), now)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(unknown, []string{"later"}) {
		t.Errorf("unknown: %q", unknown)
	}
	if s.Epoch != 7 || s.VoteEpoch != 3 || s.Me.Slots != 8001 || s.Me.Name != "nick" || s.Len() != 3 {
		t.Fatalf("%+v, me %+v", s.Epoch, s.Me)
	}
	other := s.Owner(16383)
	if other == s.Me || s.Migrating(100) != other || s.Importing(9000) != other || len(s.ReplicasOf(other)) != 1 {
		t.Fatal("slots are not as written")
	}
	again := string(s.AppendFile(nil))
	want := strings.ReplaceAll(strings.ReplaceAll(threeNodes, "8001-16382 16383", "8001-16383"), " 0 0 1 ", " 1000 0 1 ")
	if again != want {
		t.Errorf("written:\n%s\nwant:\n%s", again, want)
	}
	const timeout = 10 * time.Second
	if s.Judge(now, true, timeout) || s.OK {
		t.Error("served at once")
	}
	if !s.Judge(now.Add(3*time.Second), true, timeout) || !s.OK {
		t.Error("not served after the delay")
	}
}

func TestParseRefuses(t *testing.T) {
	lines := strings.SplitAfter(threeNodes, "\n")
	for name, text := range map[string]string{
		"garbage":          "garbage\n",
		"nobody is myself": lines[1] + lines[2],
		"slot 16384":       strings.Replace(threeNodes, "0-8000", "0-16384", 1),
		"unknown flag":     strings.Replace(threeNodes, "myself,master", "myself,king", 1),
		"a port":           strings.Replace(threeNodes, ":7002@", ":70020@", 1),
		"a move":           strings.Replace(threeNodes, "[100->-", "[100-?-", 1),
		"an epoch":         strings.Replace(threeNodes, "currentEpoch 7", "currentEpoch x", 1),
		"a field":          strings.Replace(threeNodes, "nodename=", "x=", 1),
		"a variable":       strings.Replace(threeNodes, "lastVoteEpoch 3", "lastVo", 1),
		"an open quote":    strings.Replace(threeNodes, "vars ", "vars \"later 7\" 8 'more 9 ", 1),
	} {
		_, _, err := Parse([]byte(text), time.Now())
		if corrupt := (*CorruptError)(nil); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		} else if line := strings.Split(text, "\n")[corrupt.Number-1]; corrupt.Line != line {
			t.Errorf("%s: line %d is %q and not %q", name, corrupt.Number, line, corrupt.Line)
		}
	}
	// Cut anywhere it is read or refused, and never panics.
	for i := range threeNodes {
		_, _, _ = Parse([]byte(threeNodes[:i]), time.Now())
	}
}

// A slot that two nodes claim is the first one's.
func TestSlotClaimedTwice(t *testing.T) {
	s, _, err := Parse([]byte(strings.Replace(threeNodes, "8001-16382 ", "7000-16382 ", 1)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s.Owner(7000) != s.Me || s.Owner(8001) == s.Me || s.Me.Slots != 8001 {
		t.Errorf("slot 7000 is %s's, and %d slots are mine", s.Owner(7000).ID, s.Me.Slots)
	}
}

func TestEpochs(t *testing.T) {
	s := New()
	if !s.BumpEpoch() || s.BumpEpoch() || s.Me.Epoch != 1 {
		t.Errorf("epoch %d after two bumps", s.Me.Epoch)
	}
	s.Assign(5, s.Me)
	id, shard := s.Me.ID, s.Me.ShardID
	s.Reset(false)
	if s.Me.ID != id || s.Me.ShardID != shard || s.Me.Epoch != 1 || s.Owner(5) != nil || s.Me.Slots != 0 {
		t.Error("a soft reset keeps who the node is and forgets the rest")
	}
	s.Reset(true)
	if s.Me.ID == id || s.Me.Epoch != 0 || s.Lookup(s.Me.ID) != s.Me || s.Lookup(id) != nil {
		t.Error("a hard reset makes another node")
	}
}
