package session

import (
	"bytes"
	"fmt"
	"testing"
)

// What was queued stays as it was sent, however many commands follow and whatever becomes of the client's own buffers, and the
// next transaction needs no memory of its own.
func TestEnqueue(t *testing.T) {
	var s Session
	for round := range 3 {
		var want [][]byte
		for i := range 300 {
			arg := []byte(fmt.Sprintf("%d:%s", i, bytes.Repeat([]byte{'v'}, i*7%200)))
			want = append(want, bytes.Clone(arg))
			s.Enqueue(i, [][]byte{[]byte("SET"), arg})
			clear(arg)
		}
		for i, q := range s.Queue {
			if q.Spec != i || string(q.Argv[0]) != "SET" || !bytes.Equal(q.Argv[1], want[i]) {
				t.Fatalf("round %d: command %d is %q", round, i, q.Argv)
			}
		}
		held := s.Queue
		s.TrimQueue()
		s.ResetTransaction()
		if string(held[7].Argv[1]) != string(want[7]) || len(s.Queue) != 0 {
			t.Fatal("TrimQueue spoils what is being executed")
		}
	}
	argv := [][]byte{[]byte("SET"), []byte("k"), []byte("v")}
	transaction := func() {
		for range 10 {
			s.Enqueue(nil, argv)
		}
		s.ResetTransaction()
	}
	transaction()
	if n := testing.AllocsPerRun(100, transaction); n != 0 {
		t.Errorf("%v allocations a transaction", n)
	}
}
