package tlsconf

import (
	"container/list"
	"crypto/rand"
	"crypto/tls"
	"sync"
	"time"
)

// sessions is the server's cache of sessions that clients may resume (tls-session-caching). A ticket is a random name for an entry
// here, so that size and age are bounded as the parameters say. Safe for concurrent use.
type sessions struct {
	size    int // 0: no bound
	timeout time.Duration
	now     func() time.Time

	mu     sync.Mutex
	byName map[sessionName]*list.Element // protected by mu
	order  list.List                     // protected by mu: of *savedSession, oldest first
}

type sessionName [32]byte

type savedSession struct {
	name  sessionName
	state []byte
	since time.Time
}

func newSessions(size int, timeout time.Duration) *sessions {
	if timeout == 0 {
		timeout = DefaultCacheTimeout
	}
	return &sessions{size: size, timeout: timeout, now: time.Now, byName: make(map[sessionName]*list.Element)}
}

// serve makes a server keep its sessions here.
func (s *sessions) serve(c *tls.Config) {
	c.WrapSession = func(_ tls.ConnectionState, st *tls.SessionState) ([]byte, error) {
		state, err := st.Bytes()
		if err != nil {
			return nil, err
		}
		name := s.add(state)
		return name[:], nil
	}
	c.UnwrapSession = func(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
		state := s.find(ticket)
		if state == nil {
			return nil, nil // a whole handshake, then
		}
		return tls.ParseSessionState(state)
	}
}

func (s *sessions) add(state []byte) sessionName {
	e := &savedSession{state: state, since: s.now()}
	_, _ = rand.Read(e.name[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byName[e.name] = s.order.PushBack(e)
	for first := s.order.Front(); first != nil; first = s.order.Front() {
		old := first.Value.(*savedSession)
		if (s.size == 0 || s.order.Len() <= s.size) && e.since.Sub(old.since) <= s.timeout {
			break
		}
		s.order.Remove(first)
		delete(s.byName, old.name)
	}
	return e.name
}

// find returns nil for what is not there, or too old.
func (s *sessions) find(ticket []byte) []byte {
	if len(ticket) != len(sessionName{}) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[sessionName(ticket)]
	if e == nil || s.now().Sub(e.Value.(*savedSession).since) > s.timeout {
		return nil
	}
	return e.Value.(*savedSession).state
}
