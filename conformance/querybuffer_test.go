package conformance

import (
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// A client has a query buffer of its own as long as it is active, which others see in CLIENT LIST, and none when it rests for two seconds. With
// many clients at once some share.
func TestQueryBuffers(t *testing.T) {
	t.Parallel()
	const least, most = 16 << 10, 32 << 10 // what Redis's has for small commands
	s := testbed.Start(t, testbed.Options{})
	watcher := s.Dial(t)
	room := func(id string) int { // qbuf + qbuf-free
		sum := 0
		for word := range strings.FieldsSeq(watcher.Call(t, "CLIENT", "LIST", "ID", id).Str) {
			if name, text, _ := strings.Cut(word, "="); name == "qbuf" || name == "qbuf-free" {
				n, err := strconv.Atoi(text)
				ok(t, err)
				sum += n
			}
		}
		return sum
	}
	c := s.Dial(t)
	id := c.Call(t, "CLIENT", "ID").String()
	c.Call(t, "SET", "k", strings.Repeat("v", 100_000)) // its larger buffer goes at once
	waitFor(t, "a query buffer", func() bool {
		c.Call(t, "PING")
		n := room(id)
		return least <= n && n <= most
	})
	waitFor(t, "it to be given back", func() bool { return room(id) == 0 })
	c.Call(t, "PING")
	if n := room(id); n != 0 && (n < least || n > most) {
		t.Errorf("%d bytes when it is active again", n)
	}

	var crowd []*testbed.Client
	without := 0
	for range 100 {
		crowd = append(crowd, s.Dial(t))
	}
	for _, c := range crowd {
		c.Call(t, "PING")
		if room(c.Call(t, "CLIENT", "ID").String()) == 0 {
			without++
		}
	}
	if without == 0 {
		t.Error("each of 100 clients has a query buffer of its own")
	}
}
