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
	waitForClients(t, c, 2)
	before := time.Now()
	for range 80 { // more than the sockets hold
		c.Call(t, "PUBLISH", "ch", message)
	}
	waitForClients(t, c, 1)
	if took := time.Since(before); took < 2*time.Second {
		t.Errorf("closed after %v, the limit is 2 seconds", took)
	}
	if n := infoInt(t, c, "stats", "client_output_buffer_limit_disconnections"); n != 1 {
		t.Errorf("client_output_buffer_limit_disconnections is %d", n)
	}
}
