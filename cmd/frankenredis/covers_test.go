package main

import (
	"testing"

	"frankenredis/heal"
)

// What is told while dir is set to what it was reaches the keeper.
func TestCoversStay(t *testing.T) {
	dir := t.TempDir()
	k := heal.StartKeeper(heal.KeeperOptions{Store: heal.Options{Root: dir}, Go: func(func()) <-chan struct{} { return nil }})
	c := &covers{s: &server{dir: dir}, keeper: k}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 100_000 {
			c.tell(func(*heal.Keeper) {})
		}
	}()
	for range 100_000 {
		c.move()
	}
	<-ended
	if n := len(c.early); n > 0 {
		t.Errorf("%d were not told", n)
	}
}
