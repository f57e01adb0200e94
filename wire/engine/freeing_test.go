package engine_test

import (
	"strconv"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// freeWatcher is a poller that notes how long it was allowed to sleep while there was memory to be freed, and afterwards.
type freeWatcher struct {
	ks           *kv.Keyspace
	stop         func()
	during, then []time.Duration
}

func (p *freeWatcher) Poll(limit time.Duration) error {
	if _, hidden := p.ks.LazyBytes(); hidden > 0 {
		p.during = append(p.during, limit)
		return nil
	}
	if p.then = append(p.then, limit); len(p.then) == 2 {
		p.stop()
	}
	return nil
}

func (*freeWatcher) Wake() {}

// Between slices of freeing the executor sleeps a little, and as long as ever once all is free.
func TestFreeingRestsBetweenSlices(t *testing.T) {
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	db := ks.DB(0)
	for i := range 100_000 {
		db.SetString(strconv.AppendInt(nil, int64(i), 10), []byte("a value that is no number"), false)
	}
	db.Flush(false)
	p := &freeWatcher{ks: ks}
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: p})
	p.stop = e.Stop
	if err := e.Run(); err != nil {
		t.Fatal(err)
	}
	rested := 0
	for i, limit := range p.during[1:] { // the first comes before any turn
		if limit < 0 || limit >= time.Millisecond {
			t.Errorf("poll %d of %d while freeing: %v", i, len(p.during), limit)
		}
		if limit > 0 { // else a timer was due
			rested++
		}
	}
	if rested < len(p.during)/2 {
		t.Errorf("it rested in %d of %d polls while freeing", rested, len(p.during))
	}
	if len(p.during) < 2 || p.then[0] < time.Millisecond {
		t.Errorf("%d polls while freeing, then %v", len(p.during), p.then)
	}
}
