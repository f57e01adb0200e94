package sentinel

import (
	"strconv"

	"frankenredis/wire/resp"
)

// onOff is a directive that says yes or no.
type onOff struct {
	name      string
	on, usual bool
}

func (s *Sentinel) switches() []onOff {
	return []onOff{{"deny-scripts-reconfig", s.denyScripts, true}, {"resolve-hostnames", s.resolveNames, false},
		{"announce-hostnames", s.announceNames, false}}
}

// UsualLines are directives that need not be said, since they stand at their defaults, but keep their place in a file that does.
func (s *Sentinel) UsualLines() []string {
	var all []string
	for _, w := range s.switches() {
		if w.on == w.usual {
			all = append(all, w.name+" "+word(w.on))
		}
	}
	return all
}

// Lines is the state as directives of the configuration file, each without the leading word sentinel: what was configured and
// is not at its default, and what was learned and must survive.
func (s *Sentinel) Lines() []string {
	var all []string
	add := func(words ...string) {
		var b []byte
		for i, w := range words {
			if i > 0 {
				b = append(b, ' ')
			}
			b = resp.AppendWord(b, w)
		}
		all = append(all, string(b))
	}
	add("myid", s.id)
	for _, w := range s.switches() {
		if w.on != w.usual {
			add(w.name, word(w.on))
		}
	}
	for _, p := range s.primaries {
		// From the promotion on it is the promoted one that a restart must go on with.
		at := p.current()
		host := func(a Address) string { return s.shown(a) }
		add("monitor", p.name, host(at), strconv.Itoa(at.Port), strconv.Itoa(p.quorum))
		number := func(option string, n, usual Millis) {
			if n != usual {
				add(option, p.name, strconv.FormatInt(int64(n), 10))
			}
		}
		number("down-after-milliseconds", p.downAfter, s.times.DefaultDownAfter)
		number("failover-timeout", p.timeout, s.times.DefaultFailoverTimeout)
		number("parallel-syncs", Millis(p.parallelSyncs), 1)
		text := func(option, value string) {
			if value != "" {
				add(option, p.name, value)
			}
		}
		text("notification-script", p.notify)
		text("client-reconfig-script", p.reconfigure)
		text("auth-pass", p.pass)
		text("auth-user", p.user)
		number("master-reboot-down-after-period", p.rebootAfter, 0)
		add("config-epoch", p.name, strconv.FormatUint(p.configEpoch, 10))
		add("leader-epoch", p.name, strconv.FormatUint(p.leaderEpoch, 10))
		for _, r := range p.replicas {
			a := r.addr
			if s.same(a, at) {
				a = p.addr // the old primary is a replica then
			}
			add("known-replica", p.name, host(a), strconv.Itoa(a.Port))
		}
		for _, q := range p.peers {
			add("known-sentinel", p.name, host(q.addr), strconv.Itoa(q.addr.Port), q.runID)
		}
		for _, r := range p.renames {
			add("rename-command", p.name, r.from, r.to)
		}
	}
	add("current-epoch", strconv.FormatUint(s.epoch, 10))
	if s.announceIP != "" {
		all = append(all, "announce-ip "+resp.Quote(s.announceIP))
	}
	if s.announcePort != 0 {
		add("announce-port", strconv.Itoa(s.announcePort))
	}
	if s.peerUser != "" {
		add("sentinel-user", s.peerUser)
	}
	if s.peerPass != "" {
		add("sentinel-pass", s.peerPass)
	}
	return all
}
