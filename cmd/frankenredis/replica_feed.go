package main

import (
	"errors"
	"math"
	"sync"

	"frankenredis/repl"
	"frankenredis/wal"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// feed is the primary's stream on its way from the link's goroutine to the executor.
type feed struct {
	session *session.Session // the primary; the executor's
	rd      resp.Reader      // the executor's, like all but what mu protects
	raw     []byte           // bytes given to rd; raw[at:] are not applied
	at      int
	done    int64 // rd.Offset before the command being applied

	mu     sync.Mutex
	room   sync.Cond
	chunks [][]byte
	queued int // bytes of chunks
	bytes  int // of chunks, and of raw[at:]
	closed bool
}

// feedLimit is how many bytes may wait for the executor to look at them; then the link reads no more, and TCP slows the primary down.
// What the reader has of a command that is not whole does not count: the rest of it has to come.
const feedLimit = 4 << 20

func newFeed() *feed {
	f := &feed{}
	f.room.L = &f.mu
	return f
}

// put hands in bytes that came; it waits for room. first says that nothing waited before.
func (f *feed) put(p []byte) (first bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.queued >= feedLimit && !f.closed {
		f.room.Wait()
	}
	if f.closed {
		return false, errLinkGone
	}
	first = len(f.chunks) == 0
	f.chunks = append(f.chunks, p)
	f.queued += len(p)
	f.bytes += len(p)
	return first, nil
}

// next moves what came to the reader; false: there is nothing.
func (f *feed) next() bool {
	f.mu.Lock()
	if len(f.chunks) == 0 {
		f.mu.Unlock()
		return false
	}
	p := f.chunks[0]
	f.chunks[0] = nil
	f.chunks = f.chunks[1:]
	full := f.queued >= feedLimit
	f.queued -= len(p)
	f.mu.Unlock()
	if full {
		f.room.Signal()
	}
	n := copy(f.raw, f.raw[f.at:])
	f.raw, f.at = append(f.raw[:n], p...), 0
	f.rd.Feed(p)
	return true
}

// applied takes note that n bytes are done with.
func (f *feed) applied(n int) {
	f.at += n
	f.mu.Lock()
	f.bytes -= n
	f.mu.Unlock()
	if f.at == len(f.raw) && cap(f.raw) > maxIdleFeed {
		f.raw, f.at = nil, 0
	}
}

// maxIdleFeed bounds the memory kept between commands.
const maxIdleFeed = 1 << 20

// waiting is how many bytes came and are not applied.
func (f *feed) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.room.Broadcast()
}

// primaryStream applies the stream in the executor's turns, as one of its transports.
type primaryStream struct {
	s    *server
	feed *feed // nil: no primary is connected
	// asked: the primary wants to know how far this server is; ackAt is what it is told as soon as it may be.
	asked bool
	ackAt wal.LSN
}

var _ engine.Transport = (*primaryStream)(nil)

// turnBytes is how much of the stream is applied in a turn, so that clients get theirs.
const turnBytes = 256 << 10

// primaryLimits: a primary is not limited.
var primaryLimits = resp.Limits{MaxBulk: math.MaxInt64}

// Serve implements engine.Transport.
func (p *primaryStream) Serve() (more bool) {
	f := p.feed
	if f == nil {
		return false
	}
	for done := 0; p.s.eng.CanApply(); {
		argv, err := f.rd.Next(&primaryLimits)
		switch {
		case err != nil:
			p.spoilt(err)
			return false
		case argv == nil:
			if !f.next() {
				return false
			}
			continue
		}
		n := int(f.rd.Offset() - f.done)
		f.done += int64(n)
		raw := f.raw[f.at : f.at+n]
		if f.rd.Inline() || raw[0] != '*' || raw[1] < '1' || raw[1] > '9' {
			// The stream is kept as it comes, and a log holds arrays of strings only.
			p.spoilt(errNotArray)
			return false
		}
		if asksForAck(argv) {
			p.asked, p.ackAt = true, p.s.eng.StreamEnd()
		}
		p.s.eng.ApplyStream(f.session, argv, raw)
		f.applied(n)
		if p.feed != f {
			return false
		}
		if done += n; done >= turnBytes {
			return true
		}
	}
	return false
}

var errNotArray = errors.New("a command of the stream is no array of strings")

// asksForAck recognises REPLCONF GETACK.
func asksForAck(argv [][]byte) bool {
	return len(argv) == 3 && len(argv[0]) == 8 && len(argv[1]) == 6 && equalFold(argv[0], "replconf") && equalFold(argv[1], "getack")
}

// equalFold compares with a word in lower case.
func equalFold(b []byte, word string) bool {
	for i := range b {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// spoilt ends a link whose stream makes no sense. What follows cannot be known, so nothing is resumed.
func (p *primaryStream) spoilt(err error) {
	s := p.s
	s.logger.Warn("Protocol error from the primary: " + err.Error())
	f := s.replica.follower
	if f == nil {
		return
	}
	f.reached = repl.PhaseHandshake // nothing to go on from: tendPrimary begins anew
	s.detachPrimary()
	s.replica.resumable = false
	f.link.Stop()
}

// Release implements engine.Transport: an acknowledgement leaves when what it says may be known.
func (p *primaryStream) Release(released wal.LSN) (more bool) {
	if p.asked && released >= p.ackAt {
		p.asked = false
		p.s.acknowledge(p.ackAt)
	}
	return false
}

// Close implements engine.Transport.
func (p *primaryStream) Close() { p.s.dropPrimary() }
