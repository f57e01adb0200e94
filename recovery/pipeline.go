package recovery

import "io"

// depth is how many batches travel between decoding and executing: one is filled while the other is executed.
const depth = 2

// pipeline runs produce on a goroutine of its own and consume here, a batch behind. produce fills a batch; with an error it
// may have filled it in part, and io.EOF is the end. consume sees every batch that was filled, in order, before
// produce's error is returned. An error of consume comes first; produce has ended when pipeline returns.
func pipeline[B any](produce, consume func(*B) error) error {
	type filled struct {
		batch *B
		err   error
	}
	full, free := make(chan filled, depth), make(chan *B, depth)
	for range depth {
		free <- new(B)
	}
	go func() {
		defer close(full)
		for b := range free {
			err := produce(b)
			full <- filled{b, err} // has room for every batch there is
			if err != nil {
				return
			}
		}
	}()
	for f := range full {
		if err := consume(f.batch); err != nil {
			close(free)
			for range free { // nothing is left to be filled
			}
			for range full { // until the goroutine has ended
			}
			return err
		}
		switch f.err {
		case nil:
			free <- f.batch
		case io.EOF:
			return nil
		default:
			return f.err
		}
	}
	return nil
}
