package engine_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// A server at rest gives back the memory of huge values that have passed through, though nothing makes Go collect.
func TestHeapIsTrimmedAtRest(t *testing.T) {
	t.Run("large", func(t *testing.T) { testTrim(t, 200<<20) })
	t.Run("small", func(t *testing.T) { testTrim(t, 20<<20) })
}

// testTrim leaves size bytes of garbage, half of which must go.
func testTrim(t *testing.T, size int) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: r})
	r.Bind(e)
	ended := make(chan error, 1)
	go func() { ended <- e.Run() }()
	defer func() {
		e.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	}()
	passed := make(chan int)
	e.Post(func() { passed <- len(make([]byte, size)) })
	<-passed
	var m runtime.MemStats
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		runtime.ReadMemStats(&m)
		if half := uint64(size / 2); m.HeapAlloc < half && m.HeapIdle-m.HeapReleased < half {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d MiB in use, %d MiB kept", m.HeapAlloc>>20, (m.HeapIdle-m.HeapReleased)>>20)
		}
	}
}
