package conformance

import (
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// A subscriber that reads nothing is kept for as long as the soft output limit allows, and then closed.
func TestSoftOutputLimit(t *testing.T) {
	t.Parallel()
	s := testbed.Start(t, testbed.Options{Args: []string{"--client-output-buffer-limit", "pubsub", "0", "200kb", "2"}})
	c, slow := s.Dial(t), s.Dial(t)
	slow.Call(t, "SUBSCRIBE", "ch")
	message := string(make([]byte, 100<<10))
	connected := func() int { return infoInt(t, c, "clients", "connected_clients") }
	for range 80 { // more than the sockets hold
		c.Call(t, "PUBLISH", "ch", message)
	}
	over := time.Now()
	time.Sleep(time.Second)
	if n := connected(); n != 2 {
		t.Fatalf("%d clients a second after the soft limit was exceeded, of which 2 are allowed", n)
	}
	for connected() != 1 {
		if time.Since(over) > 10*time.Second {
			t.Fatal("the subscriber is still there 10 seconds after it exceeded a soft limit of 2 seconds")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if took := time.Since(over); took < 2*time.Second {
		t.Errorf("closed after %v, the limit is 2 seconds", took)
	}
	if n := infoInt(t, c, "stats", "client_output_buffer_limit_disconnections"); n != 1 {
		t.Errorf("client_output_buffer_limit_disconnections is %d", n)
	}
}
