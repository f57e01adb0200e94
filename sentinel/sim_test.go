package sentinel

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
	"frankenredis/wire/config"
	"frankenredis/wire/resp"
)

// sim is a world of servers and Sentinels with a clock of its own and a network that delays, loses and divides.
type sim struct {
	t     *testing.T
	rng   *rand.Rand
	now   Millis
	queue eventQueue
	seq   int
	hosts []*host
	watch []*watcher
	// loss is how many messages there are to one that is lost; 0: none is.
	loss int
	// elected says who became leader in an epoch, told what each Sentinel said it voted for: neither may ever be two.
	elected map[uint64]string
	told    map[string]string
	// names are what resolves, and where to.
	names map[string]string
}

type simEvent struct {
	at  Millis
	seq int
	f   func()
}

type eventQueue []simEvent

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(simEvent)) }
func (q *eventQueue) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

func (s *sim) after(d Millis, f func()) {
	s.seq++
	heap.Push(&s.queue, simEvent{s.now + d, s.seq, f})
}

// run lets time pass.
func (s *sim) run(d Millis) {
	end := s.now + d
	for len(s.queue) > 0 && s.queue[0].at <= end {
		e := heap.Pop(&s.queue).(simEvent)
		s.now = e.at
		e.f()
	}
	s.now = end
}

// host is one machine with one process.
type host struct {
	sim   *sim
	ip    string
	port  int
	alive bool
	life  int // counts starts
	group int // who is in another group is not reached
	serve func(c *simConn, argv []string) resp.Value
	// A server's state.
	follows   string // address, "": a primary
	offset    int
	listeners []*simConn
}

func (h *host) addr() string { return h.ip + ":" + strconv.Itoa(h.port) }

func (s *sim) at(addr string) *host {
	for _, h := range s.hosts {
		if h.addr() == addr {
			return h
		}
	}
	return nil
}

func (s *sim) addHost(port int) *host {
	h := &host{sim: s, ip: fmt.Sprintf("10.0.0.%d", len(s.hosts)+1), port: port, alive: true, life: 1}
	s.hosts = append(s.hosts, h)
	return h
}

// simConn is a connection; once something of it was lost nothing passes any more, until it ends.
type simConn struct {
	from, to   *host
	fromLife   int
	toLife     int
	pushed     func(resp.Value)
	lost       func()
	over       bool
	stuck      bool
	sent, came Millis // when the last message in each direction arrives: they stay in order
}

func (c *simConn) LocalIP() string { return c.from.ip }
func (c *simConn) Close()          { c.over = true }

func (c *simConn) passes() bool {
	s := c.from.sim
	if c.from.group != c.to.group || s.loss > 0 && s.rng.IntN(s.loss) == 0 {
		c.stuck = true
	}
	return !c.over && !c.stuck
}

// end tells that the connection broke.
func (c *simConn) end() {
	if !c.over && c.from.alive && c.from.life == c.fromLife {
		c.over = true
		c.lost()
	}
}

func (c *simConn) delay(last *Millis) Millis {
	s := c.from.sim
	*last = max(*last, s.now+1+Millis(s.rng.IntN(30)))
	return *last - s.now
}

func (c *simConn) Send(reply func(resp.Value), argv ...string) {
	s := c.from.sim
	s.after(c.delay(&c.sent), func() {
		if !c.passes() {
			return
		}
		if !c.to.alive || c.to.life != c.toLife {
			c.end()
			return
		}
		v := c.to.serve(c, argv)
		s.after(c.delay(&c.came), func() {
			if c.passes() && c.from.alive && c.from.life == c.fromLife && reply != nil {
				reply(v)
			}
		})
	})
}

// push sends a message the other way.
func (c *simConn) push(v resp.Value) {
	c.from.sim.after(c.delay(&c.came), func() {
		if c.passes() && c.from.alive && c.from.life == c.fromLife {
			c.pushed(v)
		}
	})
}

// addServer makes a server that knows the few commands Sentinels send.
func (s *sim) addServer(follows string) *host {
	h := s.addHost(6379)
	h.follows = follows
	h.serve = func(c *simConn, argv []string) resp.Value {
		switch strings.ToUpper(argv[0]) {
		case "PING":
			return resp.Value{Kind: resp.SimpleKind, Str: "PONG"}
		case "INFO":
			return resp.Value{Kind: resp.BulkKind, Str: h.infoText()}
		case "SUBSCRIBE":
			h.listeners = append(h.listeners, c)
		case "PUBLISH":
			for _, l := range h.listeners {
				l.push(resp.Value{Kind: resp.ArrayKind, Elems: []resp.Value{{Str: "message"}, {Str: argv[1]}, {Str: argv[2]}}})
			}
		case "SLAVEOF":
			if h.follows = argv[1] + ":" + argv[2]; argv[1] == "NO" {
				h.follows = ""
			}
		}
		return resp.Value{Kind: resp.SimpleKind, Str: "OK"}
	}
	return h
}

func (h *host) infoText() string {
	text := fmt.Sprintf("run_id:%s-%d\r\n", h.ip, h.life)
	if h.follows == "" {
		text += "role:master\r\n"
		n := 0
		for _, o := range h.sim.hosts {
			if o.alive && o.follows == h.addr() && o.group == h.group {
				text += fmt.Sprintf("slave%d:ip=%s,port=%d,state=online,offset=%d,lag=0\r\n", n, o.ip, o.port, o.offset)
				n++
			}
		}
		return text
	}
	host, port, _ := strings.Cut(h.follows, ":")
	status, more := "down", "master_link_down_since_seconds:1\r\n"
	if p := h.sim.at(h.follows); p != nil && p.alive && p.group == h.group && p.follows == "" {
		status, more = "up", ""
		h.offset++
	}
	return text + fmt.Sprintf("role:slave\r\nmaster_host:%s\r\nmaster_port:%s\r\nmaster_link_status:%s\r\n%sslave_repl_offset:%d\r\nslave_priority:100\r\n",
		host, port, status, more, h.offset)
}

// watcher is a Sentinel's process and its World.
type watcher struct {
	*host
	fs          *crashfs.FS
	requirepass string
	machine     *Sentinel
}

const stateFile = "/s.conf"

func (s *sim) addWatcher(lines ...string) *watcher {
	w := &watcher{host: s.addHost(26379), fs: crashfs.New()}
	s.watch = append(s.watch, w)
	w.serve = func(_ *simConn, argv []string) resp.Value {
		switch strings.ToUpper(argv[0]) {
		case "PING":
			return resp.Value{Kind: resp.SimpleKind, Str: "PONG"}
		case "PUBLISH":
			w.machine.Hello(argv[2])
		case "SENTINEL":
			return w.isDown(argv)
		}
		return resp.Value{Kind: resp.SimpleKind, Str: "OK"}
	}
	if err := config.ReplaceText(w.fs, stateFile, strings.Join(lines, "\n")); err != nil {
		s.t.Fatal(err)
	}
	w.start()
	return w
}

func (w *watcher) isDown(argv []string) resp.Value {
	port, _ := strconv.Atoi(argv[3])
	epoch, _ := strconv.ParseUint(argv[4], 10, 64)
	down, leader, in := w.machine.DownByAddress(argv[2], port, epoch, argv[5])
	if leader != "*" {
		key := fmt.Sprintf("%s in epoch %d", w.ip, in)
		if before := w.sim.told[key]; before != "" && before != leader {
			w.sim.t.Errorf("%s voted for %s and for %s", key, before, leader)
		}
		w.sim.told[key] = leader
	}
	number := map[bool]int64{true: 1}[down]
	return resp.Value{Kind: resp.ArrayKind, Elems: []resp.Value{{Kind: resp.IntKind, Int: number}, {Kind: resp.BulkKind, Str: leader}, {Kind: resp.IntKind, Int: int64(in)}}}
}

// start begins a life with what the disk holds.
func (w *watcher) start() {
	w.alive = true
	w.life++
	m, err := restore(w, w.fs)
	if err != nil {
		w.sim.t.Fatalf("%s: %v", w.ip, err)
	}
	w.machine = m
	if m.Begin() != nil {
		w.die(0) // of the faulty disk
		return
	}
	life := w.life
	var tick func()
	tick = func() {
		if w.alive && w.life == life {
			m.Tick()
			w.sim.after(Millis(50+w.sim.rng.IntN(50)), tick)
		}
	}
	tick()
}

// die ends it, the machine with it.
func (w *watcher) die(seed uint64) {
	if w.alive {
		w.alive = false
		w.fs = w.fs.Crash(seed)
	}
}

// restore makes a Sentinel of what a disk holds.
func restore(w World, fs *crashfs.FS) (*Sentinel, error) {
	text, err := config.ReadText(fs, stateFile)
	if err != nil {
		return nil, err
	}
	var directives [][]string
	for line := range strings.Lines(text) {
		words, _ := resp.SplitWords(strings.TrimSpace(line))
		directives = append(directives, words)
	}
	m := New(w)
	if _, err := m.Load(directives); err != nil {
		return nil, err
	}
	return m, nil
}

func (w *watcher) Now() Millis          { return w.sim.now + 1_000_000 }
func (w *watcher) Random(n int64) int64 { return w.sim.rng.Int64N(n) }
func (w *watcher) Dial(a Address, pushed func(resp.Value), lost func()) Conn {
	to := w.sim.at(a.Dialed())
	if to == nil {
		to = &host{sim: w.sim}
	}
	c := &simConn{from: w.host, to: to, fromLife: w.life, toLife: to.life, pushed: pushed, lost: lost}
	if !to.alive {
		w.sim.after(1, c.end)
	}
	return c
}
func (w *watcher) Resolve(host string) (string, error) {
	if ip := w.sim.names[host]; ip != "" {
		return ip, nil
	}
	return "", errors.New("no such name here")
}
func (w *watcher) Lookup(host string, done func(string)) {
	ip := w.sim.names[host]
	w.sim.after(5, func() { done(ip) })
}
func (w *watcher) Save(lines, _ []string) error {
	return config.ReplaceText(w.fs, stateFile, strings.Join(lines, "\n"))
}
func (w *watcher) Publish(string, string)    {}
func (w *watcher) OwnAddress() (string, int) { return "", w.port }
func (w *watcher) Runnable(string) bool      { return true }
func (w *watcher) LogLevel() string          { return "notice" }
func (w *watcher) SetLogLevel(string) bool   { return true }
func (w *watcher) Crash()                    {}
func (w *watcher) ServerPassword() string    { return w.requirepass }
func (w *watcher) Start([]string, func(int, int)) (int, func(), error) {
	return 0, nil, errors.New("no programs here")
}
func (w *watcher) Log(_ Level, text string) {
	if strings.HasPrefix(text, "+elected-leader") {
		epoch := w.machine.primaries[0].failoverEpoch
		if before := w.sim.elected[epoch]; before != "" && before != w.machine.id {
			w.sim.t.Errorf("%s and %s lead in epoch %d", before, w.machine.id, epoch)
		}
		w.sim.elected[epoch] = w.machine.id
	}
}

// newSim has a primary, two replicas and n Sentinels.
func newSim(t *testing.T, seed uint64, n int) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 1)), elected: map[uint64]string{}, told: map[string]string{}}
	p := s.addServer("")
	s.addServer(p.addr())
	s.addServer(p.addr())
	for range n {
		s.addWatcher(fmt.Sprintf("monitor m %s %d %d", p.ip, p.port, n/2+1), "down-after-milliseconds m 1000", "failover-timeout m 4000")
	}
	return s
}

// settled says what is not as it should be at rest; "": all agree on one primary, and the rest follows it.
func (s *sim) settled() string {
	host, port, _ := s.watch[0].machine.Address("m")
	at := host + ":" + strconv.Itoa(port)
	for _, w := range s.watch {
		if h, p, _ := w.machine.Address("m"); h != host || p != port {
			return fmt.Sprintf("%s says %s:%d, %s says %s", w.ip, h, p, s.watch[0].ip, at)
		}
	}
	for _, h := range s.hosts[:3] {
		if want := at; h.addr() == at && h.follows != "" || h.addr() != at && h.follows != want {
			return fmt.Sprintf("the primary is %s, but %s follows %q", at, h.addr(), h.follows)
		}
	}
	return ""
}

// A primary that dies is replaced, and follows when it comes back.
func TestFailover(t *testing.T) {
	s := newSim(t, 1, 3)
	s.run(15_000)
	for _, w := range s.watch {
		p := w.machine.find("m")
		if len(p.replicas) != 2 || len(p.peers) != 2 || p.sDown {
			t.Fatalf("%s knows %d replicas, %d others, down %v", w.ip, len(p.replicas), len(p.peers), p.sDown)
		}
	}
	s.hosts[0].alive = false
	s.run(20_000)
	if host, _, _ := s.watch[0].machine.Address("m"); host == s.hosts[0].ip {
		t.Fatal("a dead server is still the primary")
	}
	if len(s.elected) == 0 {
		t.Fatal("nobody was elected")
	}
	s.hosts[0].alive = true
	s.hosts[0].life++
	s.run(60_000)
	if wrong := s.settled(); wrong != "" {
		t.Error(wrong)
	}
}

// Whoever is asked first gets the vote, without a majority nobody leads: half of the Sentinels alone replace nothing.
func TestMinority(t *testing.T) {
	s := newSim(t, 2, 4)
	s.run(15_000)
	for _, h := range []*host{s.hosts[1], s.watch[0].host, s.watch[1].host} {
		h.group = 1
	}
	s.run(60_000)
	for _, w := range s.watch {
		if host, _, _ := w.machine.Address("m"); host != s.hosts[0].ip {
			t.Errorf("%s moved the primary to %s", w.ip, host)
		}
	}
	if len(s.elected) != 0 {
		t.Errorf("elected by a half: %v", s.elected)
	}
	for _, h := range s.hosts {
		h.group = 0
	}
	s.run(60_000)
	if wrong := s.settled(); wrong != "" {
		t.Error(wrong)
	}
}

// Through partitions, crashes of Sentinels and of servers and disks that fail there is never a second leader in an epoch nor a second
// vote, and when all is well again everybody agrees.
func TestChaos(t *testing.T) {
	elections := 0
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := newSim(t, seed, 5)
			s.loss = 2000
			s.run(10_000)
			for range 120 {
				s.disturb()
				s.run(Millis(500 + s.rng.IntN(3000)))
			}
			s.loss = 0
			for _, h := range s.hosts {
				h.group = 0
				if !h.alive && h.port == 6379 {
					h.alive = true
					h.life++
				}
			}
			for _, w := range s.watch {
				w.fs.Heal()
				if !w.alive {
					w.start()
				}
			}
			s.run(180_000)
			if wrong := s.settled(); wrong != "" {
				t.Error(wrong)
			}
			elections += len(s.elected)
		})
	}
	if elections < 12 {
		t.Errorf("only %d elections: nothing was tried", elections)
	}
}

func (s *sim) disturb() {
	w := s.watch[s.rng.IntN(len(s.watch))]
	switch s.rng.IntN(7) {
	case 0:
		for _, h := range s.hosts {
			h.group = s.rng.IntN(2)
		}
	case 1:
		for _, h := range s.hosts {
			h.group = 0
		}
	case 2:
		w.die(s.rng.Uint64N(100))
	case 3:
		if !w.alive {
			w.fs.Heal()
			w.start()
		}
	case 4:
		h := s.hosts[s.rng.IntN(3)]
		if h.alive = !h.alive; h.alive {
			h.life++
		}
	case 5:
		w.fs.Inject(crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO, Nth: 1 + s.rng.IntN(4), Times: 1 + s.rng.IntN(3)})
	case 6:
		w.fs.Heal()
	}
}
