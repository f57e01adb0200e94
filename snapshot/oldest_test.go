package snapshot

import (
	"bytes"
	"fmt"
	"testing"

	"frankenredis/kv"
)

func TestOldestVersion(t *testing.T) {
	ks := fillTypes(t)
	library := [][]byte{[]byte("#!lua name=a\n")}
	for _, step := range []struct {
		without   string // removed before asking
		functions [][]byte
		want      int
	}{
		{"", nil, 11},
		{"stream active", nil, 10},
		{"stream added", library, 10},
		{"", nil, 9},
	} {
		ks.DB(0).Delete([]byte(step.without))
		raw := write(t, ks, Meta{Oldest: true, Functions: step.functions})
		if version := string(raw[5:9]); version != fmt.Sprintf("%04d", step.want) {
			t.Errorf("without %q and with %d functions: version %s, want %d", step.without, len(step.functions), version, step.want)
		}
	}
	var out bytes.Buffer
	if _, err := Write(&out, nil, Meta{Oldest: true}); err != nil || string(out.Bytes()[5:9]) != "0009" {
		t.Errorf("an empty keyspace: %.9q, %v", out.Bytes(), err)
	}
	if _, err := Write(&out, nil, Meta{Version: 9, Functions: library}); err == nil {
		t.Error("a function library went into version 9")
	}
}

// What a stream loses is named, once each.
func TestLost(t *testing.T) {
	ks := fillTypes(t)
	e, _ := ks.DB(0).EditStream([]byte("stream added"))
	e.CreateGroup([]byte("g"), kv.StreamID{Ms: 100}, 99)
	e.Done()
	for key, want := range map[string][2]string{ // in version 9 and 10
		"stream": {"[]", "[]"}, "list plain": {"[]", "[]"}, "stream with groups": {"[]", "[]"},
		"stream added":  {fmt.Sprint([]string{LostStreamFacts, LostGroupCounts}), "[]"},
		"stream active": {fmt.Sprint([]string{LostActiveTimes}), fmt.Sprint([]string{LostActiveTimes})},
	} {
		entry, _ := ks.DB(0).Lookup([]byte(key), 0)
		for i, w := range want {
			if got := fmt.Sprint(lostOf(entry.Value(), 9+i)); got != w {
				t.Errorf("%s in version %d: %s, want %s", key, 9+i, got, w)
			}
		}
	}
}
