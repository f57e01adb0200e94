package repl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frankenredis/wal"
)

// recorder is a Follower that keeps what it is brought.
type recorder struct {
	mu       sync.Mutex
	resumed  []wal.ReplID
	snapshot []byte
	at       wal.LSN
	id       wal.ReplID
	stream   []byte
	ended    chan error
	refused  int
	fail     error // of Replace, behind the snapshot
}

func newRecorder() *recorder { return &recorder{ended: make(chan error, 1)} }

func (r *recorder) Resume(id wal.ReplID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed = append(r.resumed, id)
	return nil
}

func (r *recorder) Replace(t *Transfer) error {
	p, err := io.ReadAll(t)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot, r.id, r.at = p, t.ID, t.Offset
	return r.fail
}

func (r *recorder) Feed(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stream = append(r.stream, p...)
	return nil
}

func (r *recorder) Refused()                 { r.refused++ }
func (r *recorder) Ended(_ *Link, err error) { r.ended <- err }

// primaryScript plays a primary: it checks what it is sent line by line, and answers.
type primaryScript struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

// expect reads a command and compares it.
func (p *primaryScript) expect(want string) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	var words []string
	var n int
	if _, err := fmt.Fscanf(p.br, "*%d\r\n", &n); err != nil {
		p.t.Errorf("waiting for %q: %v", want, err)
		return
	}
	for range n {
		var size int
		if _, err := fmt.Fscanf(p.br, "$%d\r\n", &size); err != nil {
			p.t.Errorf("waiting for %q: %v", want, err)
			return
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(p.br, word); err != nil {
			p.t.Errorf("waiting for %q: %v", want, err)
			return
		}
		words = append(words, string(word[:size]))
	}
	if got := strings.Join(words, " "); got != want {
		p.t.Errorf("the link sends %q, want %q", got, want)
	}
}

func (p *primaryScript) say(s string) { _, _ = io.WriteString(p.conn, s) }

func (p *primaryScript) greet() {
	p.expect("PING")
	p.say("+PONG\r\n")
	p.expect("REPLCONF listening-port 7000")
	p.expect("REPLCONF capa eof capa psync2")
	p.say("+OK\r\n+OK\r\n")
}

// follow starts a link to a primary that play plays.
func follow(t *testing.T, o LinkOptions, f *recorder, play func(*primaryScript)) *Link {
	t.Helper()
	here, there := net.Pipe()
	o.Host, o.Port, o.ListenPort, o.Follower = "primary", 6379, 7000, f
	o.Dial = func(string, time.Duration) (net.Conn, error) { return here, nil }
	if o.Timeout == nil {
		o.Timeout = func() time.Duration { return time.Minute }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(&primaryScript{t: t, conn: there, br: bufio.NewReader(there)})
		there.Close()
	}()
	l := Start(o)
	t.Cleanup(func() {
		l.Stop()
		<-l.Done()
		<-done
	})
	return l
}

var testID = func() wal.ReplID {
	id, err := wal.ParseReplID(strings.Repeat("a1", 20))
	if err != nil {
		panic(err)
	}
	return id
}()

func waitEnd(t *testing.T, f *recorder) error {
	t.Helper()
	select {
	case err := <-f.ended:
		return err
	case <-time.After(2 * time.Minute):
		t.Fatal("the link does not end")
		return nil
	}
}

func TestLinkFullSync(t *testing.T) {
	body := strings.Repeat("snapshot", 20_000)
	mark := strings.Repeat("m", markSize)
	for _, c := range []struct{ name, header, tail string }{
		{"length", fmt.Sprintf("\n\n$%d\r\n", len(body)), ""},
		{"mark", "\n$EOF:" + mark + "\r\n", mark},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newRecorder()
			follow(t, LinkOptions{}, f, func(p *primaryScript) {
				p.greet()
				p.expect("PSYNC ? -1")
				p.say("\n+FULLRESYNC " + testID.String() + " 777\r\n" + c.header)
				p.say(body[:1000])
				p.say(body[1000:] + c.tail)
				p.say("*1\r\n$4\r\nPING\r\n")
			})
			_ = waitEnd(t, f)
			if string(f.snapshot) != body || f.at != 777 || f.id != testID {
				t.Errorf("a snapshot of %d bytes at %v:%d", len(f.snapshot), f.id, f.at)
			}
			if !strings.HasPrefix(string(f.stream), "*1\r\n$4\r\nPING\r\n") {
				t.Errorf("stream %q", f.stream)
			}
		})
	}
}

// A mark that comes in pieces, and bytes that look like its beginning, are told apart at every cut.
func TestTransferMark(t *testing.T) {
	mark := "0123456789012345678901234567890123456789"
	body := "rdb0123456789 " + mark[:39] + "x" + mark[:39]
	for cut := range len(body) + markSize {
		here, there := net.Pipe()
		l := &Link{o: LinkOptions{Timeout: func() time.Duration { return time.Minute }}, quit: make(chan struct{})}
		l.heard.Store(time.Now().UnixNano())
		go func() {
			all := body + mark
			_, _ = io.WriteString(there, all[:cut])
			_, _ = io.WriteString(there, all[cut:])
		}()
		tr := &Transfer{l: l, in: newInput(l, here), size: -1, mark: []byte(mark), buf: make([]byte, 16)}
		got, err := io.ReadAll(tr)
		if err != nil || string(got) != body {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
		here.Close()
		there.Close()
	}
}

func TestLinkPartialResync(t *testing.T) {
	next := wal.NewReplID()
	f := newRecorder()
	first := make(chan struct{}) // closed by the primary when it has the first acknowledgement
	l := follow(t, LinkOptions{ID: testID, At: 41, User: "u", Auth: "secret", AnnounceIP: "10.0.0.1"}, f, func(p *primaryScript) {
		p.expect("PING")
		p.say("-NOAUTH Authentication required.\r\n")
		p.expect("AUTH u secret")
		p.expect("REPLCONF listening-port 7000")
		p.expect("REPLCONF ip-address 10.0.0.1")
		p.expect("REPLCONF capa eof capa psync2")
		p.say("+OK\r\n+OK\r\n-ERR what\r\n+OK\r\n")
		p.expect("PSYNC " + testID.String() + " 42")
		p.say("+CONTINUE " + next.String() + "\r\nabc")
		p.expect("REPLCONF ACK 44 FACK 40")
		close(first)
		p.expect("REPLCONF ACK 45")
	})
	deadline := time.Now().Add(time.Minute)
	for {
		f.mu.Lock()
		got := string(f.stream)
		f.mu.Unlock()
		if got == "abc" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("stream %q", got)
		}
		time.Sleep(time.Millisecond)
	}
	l.Acknowledge(Ack{Applied: 44, Durable: 40, HasDurable: true})
	<-first
	l.Acknowledge(Ack{Applied: 45})
	_ = waitEnd(t, f)
	if len(f.resumed) != 1 || f.resumed[0] != next {
		t.Errorf("resumed %v", f.resumed)
	}
}

// Whatever a primary says that makes no sense ends the link with a reason, and brings nothing.
func TestLinkRefusals(t *testing.T) {
	full := "+FULLRESYNC " + testID.String() + " 1\r\n"
	for _, c := range []struct{ name, ping, psync, want string }{
		{"ping", "-ERR go away\r\n", "", "Error reply to PING from master: '-ERR go away'"},
		{"end", "+PONG\r\n", "", "Master did not respond"},
		{"not now", "+PONG\r\n", "-NOMASTERLINK Can't SYNC while not connected with my master\r\n", "NOMASTERLINK"},
		{"loading", "+PONG\r\n", "-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
		{"no bulk", "+PONG\r\n", full + "hello\r\n", "Bad protocol from MASTER"},
		{"error", "+PONG\r\n", full + "-ERR no disk\r\n", "MASTER aborted replication with an error: ERR no disk"},
		{"length", "+PONG\r\n", full + "$12x\r\n", "Bad protocol"},
		{"negative", "+PONG\r\n", full + "$-1\r\n", "Bad protocol"},
		{"short", "+PONG\r\n", full + "$100\r\nabc", "I/O error trying to sync with MASTER: connection lost"},
		{"endless", "+PONG\r\n", "+" + strings.Repeat("x", 2*maxReply) + "\r\n", "Master did not respond"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newRecorder()
			follow(t, LinkOptions{}, f, func(p *primaryScript) {
				p.expect("PING")
				p.say(c.ping)
				if c.ping[0] == '-' {
					return
				}
				p.expect("REPLCONF listening-port 7000")
				p.expect("REPLCONF capa eof capa psync2")
				p.say("+OK\r\n+OK\r\n")
				p.expect("PSYNC ? -1")
				p.say(c.psync)
			})
			err := waitEnd(t, f)
			var known *PeerError
			if !errors.As(err, &known) || !strings.Contains(known.Reason, c.want) {
				t.Errorf("ended with %v, want %q", err, c.want)
			}
			if len(f.resumed)+len(f.snapshot)+len(f.stream) != 0 {
				t.Error("something came of it")
			}
		})
	}
}

func TestLinkTimeout(t *testing.T) {
	f := newRecorder()
	silent := make(chan struct{})
	var greeted atomic.Bool
	follow(t, LinkOptions{Timeout: func() time.Duration {
		if greeted.Load() {
			return 100 * time.Millisecond
		}
		return time.Minute
	}}, f, func(p *primaryScript) {
		p.greet()
		p.expect("PSYNC ? -1")
		greeted.Store(true)
		p.say("+CONTINUE\r\n")
		<-silent
	})
	if err := waitEnd(t, f); !errors.Is(err, errTimeout) {
		t.Errorf("ended with %v", err)
	}
	close(silent)
}

// A link that is told to stop ends at once, wherever it is.
func TestLinkStop(t *testing.T) {
	f := newRecorder()
	said := make(chan struct{})
	l := follow(t, LinkOptions{}, f, func(p *primaryScript) {
		p.greet()
		p.expect("PSYNC ? -1")
		close(said)
		_, _ = p.br.ReadByte()
	})
	<-said
	l.Stop()
	if err := waitEnd(t, f); !errors.Is(err, errStopped) {
		t.Errorf("ended with %v", err)
	}
}

func TestAckBytes(t *testing.T) {
	got := Ack{Applied: 7}.append(nil)
	if want := "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n7\r\n"; !bytes.Equal(got, []byte(want)) {
		t.Errorf("%q", got)
	}
}
