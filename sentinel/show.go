package sentinel

import (
	"strconv"
	"strings"
)

// Names are the primaries' names, in order of being named.
func (s *Sentinel) Names() []string {
	var all []string
	for _, p := range s.primaries {
		all = append(all, p.name)
	}
	return all
}

// ShowPrimary is SENTINEL MASTER; nil: there is no such primary.
func (s *Sentinel) ShowPrimary(name string) []Option {
	p := s.find(name)
	if p == nil {
		return nil
	}
	f := s.showNode(&p.node)
	f.millis("info-refresh", s.since(p.infoAt))
	f.add("role-reported", p.reported.String())
	f.millis("role-reported-time", s.now()-p.reportedAt)
	f.add("config-epoch", strconv.FormatUint(p.configEpoch, 10))
	f.millis("num-slaves", Millis(len(p.replicas)))
	f.millis("num-other-sentinels", Millis(len(p.peers)))
	f.millis("quorum", Millis(p.quorum))
	f.millis("failover-timeout", p.timeout)
	f.millis("parallel-syncs", Millis(p.parallelSyncs))
	if p.notify != "" {
		f.add("notification-script", p.notify)
	}
	if p.reconfigure != "" {
		f.add("client-reconfig-script", p.reconfigure)
	}
	return f.all
}

// ShowReplicas is SENTINEL REPLICAS; ok: there is such a primary. Replicas that are not to be announced are left out.
func (s *Sentinel) ShowReplicas(name string) (all [][]Option, ok bool) {
	p := s.find(name)
	if p == nil {
		return nil, false
	}
	for _, r := range p.replicas {
		if !r.announced {
			continue
		}
		f := s.showNode(&r.node)
		f.millis("info-refresh", s.since(r.infoAt))
		f.add("role-reported", r.reported.String())
		f.millis("role-reported-time", s.now()-r.reportedAt)
		f.millis("master-link-down-time", r.linkDown)
		f.add("master-link-status", map[bool]string{true: "ok", false: "err"}[r.linkUp])
		host := r.primaryHost
		if host == "" {
			host = "?"
		}
		f.add("master-host", host)
		f.millis("master-port", Millis(r.primaryPort))
		f.millis("slave-priority", Millis(r.priority))
		f.millis("slave-repl-offset", Millis(r.offset))
		f.add("replica-announced", map[bool]string{true: "1", false: "0"}[r.announced])
		all = append(all, f.all)
	}
	return all, true
}

// ShowPeers is SENTINEL SENTINELS; ok: there is such a primary.
func (s *Sentinel) ShowPeers(name string) (all [][]Option, ok bool) {
	p := s.find(name)
	if p == nil {
		return nil, false
	}
	for _, q := range p.peers {
		f := s.showNode(&q.node)
		f.millis("last-hello-message", s.now()-q.helloAt)
		leader := q.leader
		if leader == "" {
			leader = "?"
		}
		f.add("voted-leader", leader)
		f.add("voted-leader-epoch", strconv.FormatUint(q.leaderEpoch, 10))
		all = append(all, f.all)
	}
	return all, true
}

// fields collects names and values.
type fields struct{ all []Option }

func (f *fields) add(name, value string) { f.all = append(f.all, Option{name, value}) }

func (f *fields) millis(name string, n Millis) { f.add(name, strconv.FormatInt(int64(n), 10)) }

// showNode begins with what all nodes have.
func (s *Sentinel) showNode(n *node) *fields {
	f, now := &fields{}, s.now()
	f.add("name", n.name)
	f.add("ip", s.shown(n.addr))
	f.millis("port", Millis(n.addr.Port))
	f.add("runid", n.runID)
	f.add("flags", n.flags())
	f.millis("link-pending-commands", Millis(n.pending))
	f.add("link-refcount", "1")
	if p := n.asPrimary(); p != nil && p.failing {
		f.add("failover-state", p.state.String())
	}
	f.millis("last-ping-sent", s.since(n.pingSent))
	f.millis("last-ok-ping-reply", now-n.available)
	f.millis("last-ping-reply", now-n.pong)
	if n.sDown {
		f.millis("s-down-time", now-n.sDownSince)
	}
	if n.oDown {
		f.millis("o-down-time", now-n.oDownSince)
	}
	f.millis("down-after-milliseconds", n.owner.downAfter)
	return f
}

// since is how long ago at was, 0 for what was not yet.
func (s *Sentinel) since(at Millis) Millis {
	if at == 0 {
		return 0
	}
	return s.now() - at
}

// flags are a node's properties, as words with commas between.
func (n *node) flags() string {
	var all []string
	add := func(on bool, word string) {
		if on {
			all = append(all, word)
		}
	}
	add(n.sDown, "s_down")
	add(n.oDown, "o_down")
	add(true, n.kind.String())
	add(n.disconnected, "disconnected")
	if n.kind == peerKind {
		for _, q := range n.owner.peers {
			add(&q.node == n && q.saysDown, "master_down")
		}
	}
	if p := n.asPrimary(); p != nil {
		add(p.failing, "failover_in_progress")
		add(p.forced, "force_failover")
		add(p.killedScript, "script_kill_sent")
		add(p.rebooted, "master_reboot")
		return strings.Join(all, ",")
	}
	if r := n.asReplica(); r != nil {
		add(r.chosen, "promoted")
		add(r.reconfSent, "reconf_sent")
		add(r.reconfBegun, "reconf_inprog")
		add(r.reconfDone, "reconf_done")
	}
	add(n.killedScript, "script_kill_sent")
	return strings.Join(all, ",")
}

// CachedInfo is one node's last answer to INFO.
type CachedInfo struct {
	Age  Millis
	Text string // "": none yet
}

// InfoCache is SENTINEL INFO-CACHE for one primary: its own and its replicas'; nil: there is no such primary.
func (s *Sentinel) InfoCache(name string) []CachedInfo {
	p := s.find(name)
	if p == nil {
		return nil
	}
	all := []CachedInfo{{s.since(p.infoAt), p.info}}
	for _, r := range p.replicas {
		all = append(all, CachedInfo{s.since(r.infoAt), r.info})
	}
	return all
}

// Overview is the section of INFO, as names and values.
func (s *Sentinel) Overview() []Option {
	f := &fields{}
	f.millis("sentinel_masters", Millis(len(s.primaries)))
	tilt, since := Millis(0), Millis(-1)
	if s.tilt {
		tilt, since = 1, (s.now()-s.tiltSince)/1000
	}
	f.millis("sentinel_tilt", tilt)
	f.millis("sentinel_tilt_since_seconds", since)
	f.millis("sentinel_running_scripts", Millis(s.running()))
	f.millis("sentinel_scripts_queue_length", Millis(len(s.scripts)))
	simulated := Millis(0)
	if s.crashElected {
		simulated |= 1
	}
	if s.crashPromoted {
		simulated |= 2
	}
	f.millis("sentinel_simulate_failure_flags", simulated)
	for i, p := range s.primaries {
		status := "ok"
		if p.oDown {
			status = "odown"
		} else if p.sDown {
			status = "sdown"
		}
		f.add("master"+strconv.Itoa(i), "name="+p.name+",status="+status+",address="+s.joined(p.addr)+
			",slaves="+strconv.Itoa(len(p.replicas))+",sentinels="+strconv.Itoa(len(p.peers)+1))
	}
	return f.all
}
