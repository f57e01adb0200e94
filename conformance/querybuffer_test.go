package conformance

import (
	"fmt"
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
	idOf := func(c *testbed.Client) string { return c.Call(t, "CLIENT", "ID").String() }
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
	id := idOf(c)
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

	// A long argument has all its room as soon as its header is there.
	long := s.Dial(t)
	id = idOf(long)
	for _, length := range []int{300_000, 1_000_000, 10_000_000} {
		head := fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", length)
		ok(t, long.SendRaw([]byte(head)))
		waitFor(t, "the room of a long argument", func() bool { return room(id) > length })
		ok(t, long.SendRaw([]byte(strings.Repeat("x", length/2))))
		ok(t, long.SendRaw([]byte(strings.Repeat("x", length-length/2)+"\r\n")))
		if r, err := long.Receive(); err != nil || len(r.Str) != length {
			t.Fatalf("%d bytes of %d, %v", len(r.Str), length, err)
		}
	}

	var crowd []*testbed.Client
	without := 0
	for range 100 {
		crowd = append(crowd, s.Dial(t))
	}
	for _, c := range crowd {
		c.Call(t, "PING")
		if room(idOf(c)) == 0 {
			without++
		}
	}
	if without == 0 {
		t.Error("each of 100 clients has a query buffer of its own")
	}
}
