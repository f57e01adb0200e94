package recovery

import "io"

// depth is how many small batches travel from stage to stage: one for each. With fewer as many cores are busy as there are batches.
const depth = 3

// pipeline runs produce and, unless it is nil, finish on goroutines of their own, and consume here, each some batches ahead of the next. produce
// fills a batch; with an error it may have filled it in part, and io.EOF is the end. finish and consume see every batch that was filled, in
// order, before produce's error is returned. An error of consume comes first, then one of finish, whose batch consume sees too and
// which is the last one. Both goroutines have ended when pipeline returns.
func pipeline[B any](depth int, produce, finish, consume func(*B) error) error {
	type filled struct {
		batch *B
		err   error
	}
	// Each has room for every batch there is.
	free, full, done := make(chan *B, depth), make(chan filled, depth), make(chan filled, depth)
	for range depth {
		free <- new(B)
	}
	go func() {
		defer close(full)
		for b := range free {
			err := produce(b)
			full <- filled{b, err}
			if err != nil {
				return
			}
		}
	}()
	if finish == nil {
		done = full
	} else {
		go func() {
			defer close(done)
			failed := false
			for f := range full {
				if failed {
					continue // until the other has ended
				}
				if err := finish(f.batch); err != nil {
					f.err, failed = err, true
				}
				done <- f
			}
		}()
	}
	defer func() {
		close(free)
		for range free { // nothing is left to be filled
		}
		for range done { // until the goroutines have ended
		}
	}()
	for f := range done {
		if err := consume(f.batch); err != nil {
			return err
		}
		if f.err == io.EOF {
			return nil
		}
		if f.err != nil {
			return f.err
		}
		free <- f.batch
	}
	panic("recovery: a pipeline ended without an error")
}
